"""The way to the safe state: inverter to zero and stopped, sources off, controller ended, contactors open.

What talks to an inverter or a supply may hang, so each does so in a separate thread and is retried until it
succeeds or the time is over; meanwhile the physical side is received (the BMS on its own bus, or the emulated world itself:
see `physical`), and it alone (or, where it is silent, the inverter) shows that the current is zero. The contactors are
asked to open as soon as the inverter and the sources have stopped, or after STOP_FIRST_S without that: they open without
current if they can, and under current if they must.

    begin --all stopped, or STOP_FIRST_S--> contactors asked to open, every cycle
    --current zero, contactors open, nothing left to wait for--> safe        --GIVE_UP_S--> not safe, and reported
"""

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.rig.safety.envelope import REST_A
from v2g_bench.rig.safety.pack_line import PackLine
from v2g_bench.rig.safety.truth_line import TruthLine

STOP_FIRST_S = 0.3
GRACE_S = 1.0  # for the controller, from SIGTERM to SIGKILL
RETRY_S = 0.1
ISOLATED_S = 2.0  # an inverter that does not answer is waited for no longer where the contactors are open
GIVE_UP_S = 8.0
POWER_ONLY_S = 1.0  # then the controllers are ended and the contactors opened
POLL_S = 0.005
ANSWER_S = 0.5
LOOK_S = 0.05
REST_W = 50.0  # where only the inverter reports it: no more than its own supply
OPEN = 0  # role contactor_state

Report = Callable[..., None]


@dataclass(frozen=True)
class SupplyOff:
    """A supply: where it is, what switches its output off, and what its answer is then."""

    name: str
    resource: str
    off: list[str]
    query: str
    is_off: str


@dataclass
class Reach:
    """What the safe state must reach: the parts of the rig that are known by now."""

    inverter: InverterAddress | None = None
    sources: list[SupplyOff] = field(default_factory=list)
    line: PackLine | None = None
    truth: TruthLine | None = None  # the emulated world's truth: where there is one, the BMS is not asked
    groups: set[int] = field(default_factory=set)  # process groups of controllers
    world: int | None = None  # pidfd of the emulated world: without it no current flows


@dataclass(frozen=True)
class Outcome:
    """safe: the current is known to be zero and cannot come back; rest_s: since the beginning; text: what was done."""

    safe: bool
    rest_s: float | None
    text: str


class _Act(threading.Thread):
    """Something that may hang, tried until it succeeds or is cancelled."""

    def __init__(self, name: str, act: Callable[[], str]) -> None:
        super().__init__(name=name, daemon=True)
        self._act = act
        self.leave_off = threading.Event()
        self.done, self.message = False, "has not answered"

    def run(self) -> None:
        while not self.leave_off.is_set():
            try:
                self.message = self._act()
                self.done = True
                return
            except Exception as error:  # noqa: BLE001  (after any error the next try may succeed)
                self.message = " ".join(str(error).split()) or type(error).__name__
            self.leave_off.wait(RETRY_S)


class SafeState:
    """One way to the safe state. full: also ends the controllers and opens the contactors; else only stops the power."""

    def __init__(self, reach: Reach, clock: Clock, *, full: bool, give_up_s: float = GIVE_UP_S) -> None:
        self._reach, self._clock, self._full, self._give_up_s = reach, clock, full, give_up_s
        self._begun_s = clock.now_s()
        self._rest_s: float | None = None
        self._current_a: float | None = None
        self._contactors: float | None = None
        self._bus_problem = ""
        self._killed = False
        self._left: set[int] = set()
        self._looked_s = 0.0
        self._acts = [_Act(source.name, partial(switch_off, source)) for source in reach.sources]
        if reach.inverter is not None:
            self._acts.append(_Act("inverter", partial(stop_inverter, reach.inverter)))

    def go(self) -> Outcome:
        """Do it; returns at the latest after `give_up_s`."""
        for act in self._acts:
            act.start()
        if self._full:
            self._left = {group for group in self._reach.groups if signal_group(group, signal.SIGTERM)}
        while not self._complete() and self._since_s() < self._give_up_s:
            self._listen()
            self._end_controllers()
            if self._full and (self._stopped() or self._since_s() > STOP_FIRST_S):
                self._ask_open()
        for act in self._acts:
            act.leave_off.set()
        return self._outcome()

    def _since_s(self) -> float:
        return self._clock.now_s() - self._begun_s

    def _stopped(self) -> bool:
        return all(act.done for act in self._acts)

    def _listen(self) -> None:
        line, truth = None if self._bus_problem else self._reach.line, self._reach.truth
        waiting = select.poll()
        for number in (source.fileno() for source in (line, truth) if source is not None):
            if number >= 0:
                waiting.register(number, select.POLLIN)
        waiting.poll(POLL_S * 1000)
        received: list[dict[str, float]] = []
        try:
            received = line.received() if line is not None else []
        except Exception as error:  # noqa: BLE001  (no frame keeps the rig from its safe state)
            self._bus_problem = f"bus: {error}"
        for values in received if truth is None else truth.received(self._clock.now_s()):
            self._current_a = values.get("pack_current", self._current_a)
            self._contactors = values.get("contactor_state", self._contactors)
            if "pack_current" in values:
                flows = abs(values["pack_current"]) > REST_A
                self._rest_s = None if flows else self._rest_s or self._since_s()

    def _ask_open(self) -> None:
        line = self._reach.line
        if line is None or self._bus_problem:
            return
        with suppress(Exception):  # there may be no node to receive it: asked again in a cycle
            line.ask_open(self._clock.now_s())

    def _end_controllers(self) -> None:
        if not self._left or self._since_s() - self._looked_s < LOOK_S:
            return
        self._looked_s = self._since_s()
        self._left = {group for group in self._left if runs(group)}
        if self._left and self._since_s() > GRACE_S:
            self._killed = True
            for group in self._left:
                signal_group(group, signal.SIGKILL)

    def _world_gone(self) -> bool:
        return self._reach.world is not None and ended(self._reach.world)

    def _open(self) -> bool:
        """Whether the contactors are open, or cannot be opened or observed."""
        line = self._reach.line
        return self._contactors == OPEN or line is None or not line.can_ask or self._contactors is None

    def _complete(self) -> bool:
        if self._world_gone():
            return not self._left
        isolated = self._full and self._contactors == OPEN and self._since_s() > ISOLATED_S
        if not (self._stopped() or isolated) or self._left:
            return False
        return self._at_rest() and (not self._full or self._open())

    def _at_rest(self) -> bool:
        """By the physical side; where it is not received, by the inverter that has reported its stop."""
        if self._current_a is not None:
            return self._rest_s is not None
        silent = self._reach.line is None or bool(self._bus_problem) or self._since_s() > 2 * STOP_FIRST_S
        if silent and any(act.name == "inverter" and act.done for act in self._acts):
            self._rest_s = self._rest_s or self._since_s()
            return True
        return False

    def _outcome(self) -> Outcome:
        output = [f"{act.name}: {act.message}" for act in self._acts]
        output += ["controller: killed"] if self._killed else []
        output += [self._bus_problem] if self._bus_problem else []
        if self._world_gone():
            return Outcome(True, 0.0, "; ".join(["the emulated world has ended, no current can flow", *output]))
        if self._contactors is not None and self._full:
            output.append("contactors open" if self._contactors == OPEN else f"contactor state {self._contactors:g}")
        if self._current_a is not None:
            by = "the BMS" if self._reach.truth is None else "the emulated world"
            output.append(f"current {self._current_a:.2f} A by {by}")
        held = self._open() if self._full and self._contactors is not None else False
        stopped = any(act.name == "inverter" and act.done for act in self._acts) or self._reach.inverter is None
        off = all(act.done for act in self._acts if act.name != "inverter")
        safe = self._at_rest() and (held or stopped) and off
        return Outcome(safe, self._rest_s, "; ".join(output))


def stop_inverter(address: InverterAddress) -> str:
    """Stop, then zero set-point, then see that it has; BenchError if it does not answer, refuses, or still delivers."""
    with address.open(timeout_s=ANSWER_S) as inverter:
        refusal: BenchError | None = None
        for act in (inverter.stop, lambda: inverter.set_power_w(0.0)):
            try:
                act()
            except BenchError as error:  # one of the two is better than none
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        reading = inverter.reading()
        if abs(reading.ac_power_w) > REST_W or reading.running:
            raise BenchError("inverter", f"was stopped and still delivers {reading.ac_power_w:.0f} W")
        return f"stopped, {reading.ac_power_w:.0f} W"


def switch_off(source: SupplyOff) -> str:
    """Switch a source's output off and see that it is; BenchError if it does not answer or is still on."""
    from v2g_bench.instruments.session import ScpiSession

    with ScpiSession(source.resource, timeout_s=ANSWER_S, where=f"sources.{source.name}") as session:
        for command in source.off:
            session.write(command)
        for _ in range(2):  # an unrequested line can pass for one answer: the second query finds the displaced one
            answer = session.query(source.query)
            if answer != source.is_off:
                raise session.error(f"answers {answer!r} to {source.query!r} after {'; '.join(source.off)}")
        return "output off"


def signal_group(group: int, number: int) -> bool:
    """Send to a process group; False where there is none."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def runs(group: int) -> bool:
    """Whether any process of a group runs; those that only wait for their parent do not."""
    if not signal_group(group, 0):
        return False
    processes = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return any(_state(pid) == (group, True) for pid in processes)


def ended(pidfd: int) -> bool:
    """Whether the process behind a pidfd has ended."""
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    return bool(waiting.poll(0))


def _state(pid: int) -> tuple[int, bool]:
    """The group of a process, and whether it runs."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0, False
    return int(fields[2]), fields[0] not in (b"Z", b"X")
