"""The supervisor: a separate process that owns the safe state, `python -m v2g_bench.rig.safety.supervisor`.

It makes a rig safe when the bench fails: it acts at the end of its standard input (the bench has ended, or was
killed), when the bench's heartbeat stays away, when the running test outlives its time, when the bus is lost or the BMS
falls silent, when a quantity of the physical side (`physical`) is beyond the rig's envelope, or any that a limit needs has
not been received in time (`envelope`), and when the rig's lock is lost (`lock_watch`). What it does then: `safe_state`.

    bench --one JSON line per command--> supervisor     {"do": "watch", "group": 4711}
    supervisor --JSON lines--> bench                 {"safe": true, ...}, {"tripped": "..."}, {"alive": true}

It is in a session of its own, and holds the life line of the emulated world, whose other end is the world's standard
input: so the world outlives the bench for as long as it takes to bring its current to zero, and then ends. At last it
removes the run's temporary folders and releases the rig (`lock`). `supervisor_client` is the bench's end.
"""

import contextlib
import gc
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import can

from v2g_bench.clock import RealClock
from v2g_bench.gateway.cangw import remove_ours
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.priority import favoured
from v2g_bench.rig.safety.envelope import Watch
from v2g_bench.rig.safety.lock import keep
from v2g_bench.rig.safety.lock_watch import LockWatch
from v2g_bench.rig.safety.pack_line import PackLine
from v2g_bench.rig.safety.safe_state import GIVE_UP_S, POWER_ONLY_S, Outcome, Reach, SafeState, SupplyOff, ended
from v2g_bench.rig.safety.truth_line import TruthLine

TICK_S = 0.01  # the bus is read at this period, and not at every frame: the machine also runs a controller
ALIVE_S = 1.0
WORLD_END_S = 5.0
FOLDER_GONE_S = 5.0


class Supervisor:
    """The process's one object: its commands and its actions. lifeline: file descriptor, -1 for none."""

    def __init__(self, lifeline: int) -> None:
        self._clock = RealClock()
        self._lifeline = lifeline
        self._reach = Reach()
        self._watch: Watch | None = None
        self._safety: dict[str, Any] = {}
        self._children: list[int] = []  # as pidfds: a number may be given to another
        self._folders: list[Path] = []
        self._kernel_jobs: list[str] = []  # the interfaces between which the kernel may forward for this rig
        self._gateway_pid: int | None = None  # of the process that has begun that, as a pidfd
        self._lock: LockWatch | None = None
        self._record: Path | None = None
        self._give_up_s = GIVE_UP_S
        self._pending = b""
        self._alive_s = 0.0
        self._tripped = ""
        self._orders: dict[str, Callable[..., None]] = {
            name: getattr(self, "_watch_group" if name == "watch" else f"_{name}")
            for name in (
                *(
                    "begin",
                    "limits",
                    "physical",
                    "bus",
                    "arm",
                    "disarm",
                    "inverter",
                    "sources",
                    "watch",
                    "forget",
                    "child",
                    "world",
                ),
                *("folder", "hold", "beat", "deadline", "silence", "safe", "gateway"),
            )
        }
        self._live = self._ended_well = False  # live: current may have flowed
        self._failed = False

    def serve(self) -> int:
        """Run until the bench has ended; the exit status: 0, or 1 where the rig could not be shown to be safe."""
        waiting = select.poll()
        waiting.register(0, select.POLLIN | select.POLLHUP)
        while not waiting.poll(TICK_S * 1000) or self._read():
            self._turn()
        return self._after_the_bench()

    def _turn(self) -> None:
        """Look at everything once. An unforeseen error is a reason to trip, never the end of what makes the rig safe."""
        for look in (self._listen, self._tick):
            try:
                look()
            except Exception as error:  # noqa: BLE001
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self._report(problem=f"has failed itself: {_words(error)}")
            self._trip(f"the supervisor has failed itself: {_words(error)}")

    # Commands of the bench

    def _read(self) -> bool:
        """Read standard input; False at its end."""
        part = os.read(0, 1 << 16)
        *lines, self._pending = (self._pending + part).split(b"\n")
        for line in lines:
            words = json.loads(line)
            try:
                self._orders[words.pop("do")](**words)
            except Exception as error:  # noqa: BLE001  (what a word does not do must not undo those before it)
                self._report(problem=_words(error))
        return bool(part)

    def _begin(self, record: str | None, give_up_s: float) -> None:
        self._record = Path(record) if record else None
        self._give_up_s = give_up_s

    def _limits(self, safety: dict[str, Any]) -> None:
        self._safety = safety
        self._watch = Watch(safety, self._clock.now_s())

    def _physical(self, timeouts_s: dict[str, float], truth: str | None, roles: list[str]) -> None:
        """What must be received, and how often; truth: the emulated world's control socket, None: the BMS sends it."""
        if self._watch is not None:
            self._watch.expect(timeouts_s)
        self._reach.truth = None if truth is None else TruthLine(truth, roles)

    def _bus(self, bus: dict[str, Any], dbc: str, roles: dict[str, Any]) -> None:
        self._reach.line = PackLine(bus, dbc, roles)

    def _arm(self) -> None:
        self._live = True
        if self._watch is not None:
            self._watch.arm(self._clock.now_s())

    def _disarm(self, well: bool) -> None:
        """The rig is being closed, and nothing that happens now is a reason to act; well: it is safe."""
        self._watch, self._ended_well = None, well
        if well:
            self._leave_bus()
            if self._reach.truth is not None:
                self._reach.truth.close()
                self._reach.truth = None

    def _inverter(self, **address: Any) -> None:
        self._reach.inverter = InverterAddress(**address)

    def _sources(self, sources: list[dict[str, Any]]) -> None:
        self._reach.sources = [SupplyOff(**source) for source in sources]

    def _watch_group(self, group: int) -> None:
        self._live = True
        self._reach.groups.add(group)

    def _forget(self, group: int) -> None:
        self._reach.groups.discard(group)

    def _child(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._children.append(os.pidfd_open(pid))

    def _world(self, pid: int) -> None:
        self._child(pid)
        self._reach.world = self._children[-1] if self._children else None

    def _gateway(self, channels: list[str], pid: int | None = None) -> None:
        self._kernel_jobs = channels
        if pid is not None and channels:
            self._gateway_pid = os.pidfd_open(pid)

    def _folder(self, path: str) -> None:
        self._folders.append(Path(path))

    def _hold(self, paths: list[str], token: str) -> None:
        if paths:
            self._lock = LockWatch(keep([Path(path) for path in paths], token))
            self._lock.start()

    def _beat(self) -> None:
        if self._watch is not None:
            self._watch.on_heartbeat(self._clock.now_s())

    def _deadline(self, at_s: float | None) -> None:
        if self._watch is not None:
            self._watch.deadline(at_s)

    def _silence(self, allowed: bool) -> None:
        if self._watch is not None:
            self._watch.allow_silence(allowed, self._clock.now_s())

    def _safe(self, why: str, full: bool) -> None:
        outcome = self._go(why, full=full)
        self._report(safe=outcome.safe, rest_s=outcome.rest_s, text=outcome.text)

    # What it does

    def _listen(self) -> None:
        line, truth, now_s = self._reach.line, self._reach.truth, self._clock.now_s()
        received: list[dict[str, float]] = []
        try:
            received = line.received() if line is not None else []
        except (can.CanError, OSError, ValueError) as error:
            self._leave_bus()
            self._trip(f"the bus is lost: {error}")
        true = received if truth is None else truth.received(now_s)
        if self._watch is None:
            return
        if received:
            self._watch.hear_frame(now_s)
        for values in true:
            self._watch.update(values, now_s)

    def _tick(self) -> None:
        now_s = self._clock.now_s()
        if self._watch is not None and (reason := self._watch.due(now_s)):
            self._trip(reason)
        if self._lock is not None and (lost := self._lock.problem()):
            self._trip(lost)
        if now_s - self._alive_s >= ALIVE_S:
            self._alive_s = now_s
            self._report(alive=True)
        if self._gateway_pid is not None and ended(self._gateway_pid):
            self._stop_forwarding()

    def _stop_forwarding(self) -> None:
        """The kernel's jobs outlive the process that has started them: those that are left are removed."""
        if self._kernel_jobs:
            channels, self._kernel_jobs, self._gateway_pid = self._kernel_jobs, [], None
            try:
                if left := remove_ours(*channels):
                    self._keep(why="the gateway has ended", text=f"{left} jobs removed from the kernel's CAN gateway")
            except OSError as error:
                self._keep(why="the gateway has ended", text=f"the kernel's CAN gateway: {error}; check: cangw -L")

    def _trip(self, reason: str) -> None:
        """The rig must stop. Once: reported to the bench, which ends the run."""
        if self._tripped or self._watch is None:
            return
        self._tripped, self._watch = reason, None
        outcome = self._go(reason, full=True)
        self._report(tripped=reason, safe=outcome.safe, rest_s=outcome.rest_s, text=outcome.text)

    def _go(self, why: str, *, full: bool) -> Outcome:
        """Bring the rig to its safe state, and keep a record of it."""
        begun_s = self._clock.now_s()
        give_up_s = self._give_up_s if full else POWER_ONLY_S
        outcome = SafeState(self._reach, self._clock, full=full, give_up_s=give_up_s).go()
        self._keep(
            begun_s=begun_s,
            why=why,
            full=full,
            safe=outcome.safe,
            rest_s=outcome.rest_s,
            took_s=self._clock.now_s() - begun_s,
            text=outcome.text,
        )
        return outcome

    def _after_the_bench(self) -> int:
        """The bench has ended: rig made safe, world ended, folders removed, rig released."""
        safe = True
        if self._live and not self._ended_well:
            safe = self._go("the bench has ended without closing the rig", full=True).safe
        self._leave_bus()
        if self._lifeline >= 0:
            os.close(self._lifeline)
        self._end_children()
        self._stop_forwarding()
        for folder in self._folders:  # also after a good end: the bench may have been killed before it removed them
            self._remove(folder)
        if self._lock is not None:
            self._lock.release()
        return 0 if safe else 1

    def _remove(self, folder: Path) -> None:
        """Until it is removed: a part that was being started when the bench was killed may still put a socket into it."""
        until_s = self._clock.now_s() + FOLDER_GONE_S
        while folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
            if self._clock.now_s() > until_s:
                return
            time.sleep(0.01)

    def _end_children(self) -> None:
        """The emulated world ends with its life line; what does not is ended."""
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            left = [child for child in self._children if not ended(child)]
            for child in left:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(child, number)
            until_s = self._clock.now_s() + WORLD_END_S
            while not all(map(ended, left)) and self._clock.now_s() < until_s:
                time.sleep(0.01)

    def _leave_bus(self) -> None:
        line, self._reach.line = self._reach.line, None
        if line is not None:
            line.close()

    def _keep(self, **values: object) -> None:
        if self._record is None:
            return
        with contextlib.suppress(OSError), self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def _report(self, **values: object) -> None:
        """One line to the bench; a bench that has ended, or has stopped reading, is not waited for."""
        with contextlib.suppress(OSError):
            os.write(1, json.dumps(values).encode() + b"\n")


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def main(arguments: list[str]) -> int:
    """Serve until standard input ends; arguments: the file descriptor of the life line."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)  # it ends with the bench, and only then
    os.set_blocking(1, False)
    favoured()
    gc.freeze()
    return Supervisor(int(arguments[0])).serve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
