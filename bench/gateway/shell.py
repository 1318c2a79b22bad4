"""The loop around the gateway's two sockets: takes frames, asks the core, hands them on, and listens to its control socket.

One thread, one select: frames first, then the control socket. A frame that a bus does not take waits in order behind
those before it; after HELD_S it is given up and counted in `refused`.
"""

import os
import select
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.clock import RealClock
from v2g_bench.faults.registry import from_dict
from v2g_bench.gateway.core import Gateway
from v2g_bench.gateway.frame import Frame
from v2g_bench.gateway.ports import BusGone, Port, open_port
from v2g_bench.gateway.rule import Rule
from v2g_bench.inputs.ranges import ANY, ClockS, Count, PauseS, Seed, Within
from v2g_bench.plant.control import answer
from v2g_bench.recent import Recent
from v2g_bench.sockets.polled import PolledServer

END_ASKED = 0
READ_AT_ONCE = 64  # frames of one side before the other gets its turn
HELD_S = 0.1
WRONG_SIDE_FRAMES = 3
RETRY_S = 0.000_5
LOOK_S = 0.5  # a signal is noticed within this time on a silent bus
KEPT_LATENCIES = 20_000
KEPT_S = 60.0  # of the frames that a rule or a fault acted on, for `truth_frame`; as the plant


class Side:
    """One port, what waits for it, and what it cost to get there."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.held: deque[tuple[float, Frame]] = deque()
        self.forwarded, self.refused = 0, 0

    def send(self, frame: Frame, now_s: float) -> bool:
        """Hand over, or hold behind what is held; True if it has left."""
        if not self.held and self.port.write(frame):
            self.forwarded += 1
            return True
        self.held.append((now_s, frame))
        return False

    def drain(self, now_s: float) -> None:
        """Try again what is held; give up what is too old."""
        while self.held:
            since_s, frame = self.held[0]
            if self.port.write(frame):
                self.forwarded += 1
            elif now_s - since_s > HELD_S:
                self.refused += 1
            else:
                return
            self.held.popleft()


class GatewayShell:
    """The loop around the sockets. `serve` returns the exit status."""

    way = "bench"  # who forwards at the beginning; forwarding by the kernel is in `kernelshell`

    def __init__(self, config: dict[str, Any]) -> None:
        self._clock = RealClock()
        db = BusDatabase.load(config["dbc"], config["roles"])
        self.core = Gateway(db, int(config.get("seed", 0)))
        self.bms = Side(open_port(**config["bms"]))
        self.controller = Side(open_port(**config["controller"]))
        operations = self._operations()
        self._control = PolledServer(Path(config["control"]), lambda line: answer(line, operations))
        self._latencies_ns: deque[int] = deque(maxlen=KEPT_LATENCIES)
        self._kept: Recent[tuple[float, float, Frame]] = Recent("frames of the gateway", KEPT_S)
        self._status: int | None = None

    def end(self, status: Annotated[int, Within(0, 255)] = END_ASKED) -> None:
        """Leave `serve` after the current round."""
        self._status = status if self._status is None else self._status

    def serve(self, parent_fd: int | None) -> int:
        """Forward until it is ended."""
        ports = [self.bms.port.fileno(), self.controller.port.fileno()]
        watched = ports + ([parent_fd] if parent_fd is not None else [])
        control, others = self._control, frozenset(watched)
        while self._status is None:
            wait_s = 0.0 if control.ready else self._wait_s()
            waiting: list[Any] = [*watched, *control.readers()]
            readable, writable, _ = select.select(waiting, control.writers(), [], wait_s)
            if ports[0] in readable:
                self._take(self.bms.port, self.controller, self.core.from_bms)
            if ports[1] in readable:
                self._take(self.controller.port, self.bms, self.core.from_controller)
            self._release()
            if self.core.wrong_side >= WRONG_SIDE_FRAMES:
                raise BusGone(
                    "frames of the controller arrive from the BMS's channel, or the other way round: "
                    "are both channels on one cable?"
                )
            if parent_fd in readable and not os.read(int(parent_fd or 0), 4096):
                self.end()
            if control.busy or not others.issuperset(readable):
                control.attend(readable, writable, self._clock.now_s())
        return self._status

    def close(self) -> None:
        """Hang up everywhere."""
        self._control.close()
        self.bms.port.close()
        self.controller.port.close()

    def _wait_s(self) -> float:
        if self.bms.held or self.controller.held:
            return RETRY_S
        return min(LOOK_S, max(0.0, self.core.next_due_s - self._clock.now_s()))

    def _take(self, port: Port, to: Side, forward: Callable[[Frame, float], list[Frame]]) -> None:
        for _ in range(READ_AT_ONCE):
            received = port.read()
            if received is None:
                return
            frame, timestamp_ns = received
            now_s = self._clock.now_s()
            for out in forward(frame, now_s):
                if not to.send(out, now_s):
                    continue
                self._latencies_ns.append(time.time_ns() - timestamp_ns)
                if to is self.controller and self.core.changes(out):
                    self._keep(now_s, out)

    def _keep(self, before_s: float, frame: Frame) -> None:
        """Know when a frame was handed over that a rule or a fault acted on."""
        after_s = self._clock.now_s()
        self._kept.add(before_s, (before_s, after_s, frame))
        self._kept.forget(after_s)

    def _release(self) -> None:
        now_s = self._clock.now_s()
        for frame in self.core.due(now_s):
            self.controller.send(frame, now_s)
        for side in (self.bms, self.controller):
            if side.held:
                side.drain(now_s)

    def _operations(self) -> dict[str, Callable[..., Any]]:
        return {
            "inject": self._inject,
            "rule": self._rule,
            "clear": self._clear,
            "clear_all": self._clear_all,
            "seed": self._seed,
            "status": self.status,
            "losses": self.losses,
            "truth_frame": self.truth_frame,
            "shutdown": self.end,
        }

    def _inject(self, fault: dict[str, Any], at_s: ClockS | None = None, after_s: PauseS = 0.0) -> int:
        now_s = self._clock.now_s()
        return self._begun(self.core.inject(from_dict(fault), now_s + after_s if at_s is None else at_s, now_s))

    def _rule(self, rule: dict[str, Any], at_s: ClockS | None = None, after_s: PauseS = 0.0) -> int:
        now_s = self._clock.now_s()
        return self._begun(self.core.add(Rule.of(rule), now_s + after_s if at_s is None else at_s, now_s))

    def _seed(self, seed: Seed) -> None:
        self.core.path.reseed(seed)

    def _begun(self, injection: int) -> int:
        """An injection has come: its number."""
        return injection

    def _clear(self, injection: Count) -> None:
        self.core.clear(injection)
        self._cleared()

    def _clear_all(self) -> None:
        self.core.clear_all()
        self._cleared()

    def _cleared(self) -> None:
        """One or all have gone."""

    def truth_frame(self, role: str, above: Annotated[float, ANY], since_s: ClockS) -> list[float] | None:
        """[before_s, after_s] of handing over the first good frame since then that was changed to carry role > above.

        The gateway's own knowledge, to test the bench against; a measurement never uses it. BenchError for a time of
        which not all is known any more (see KEPT_S).
        """
        db = self.core.db
        spec = db.message_of(role)
        for before_s, after_s, frame in self._kept.since(since_s):
            if frame.frame_id != spec.frame_id:
                continue
            if spec.e2e is not None and not check(frame.data[: spec.length], spec.e2e.data_id):
                continue
            if db.decode(frame.message()).get(role, above) > above:
                return [before_s, after_s]
        return None

    def losses(self) -> dict[str, int]:
        """Frames that it missed, and that a bus did not take. Asked after every trial, so it holds nobody up."""
        return {
            "lost": self.bms.port.lost + self.controller.port.lost,
            "refused": self.bms.refused + self.controller.refused,
        }

    def status(self) -> dict[str, Any]:
        """The status: counts, losses, and the forwarding delay (from the frame's timestamp until it was sent on).

        Sorting the times takes some milliseconds, in which nothing is forwarded: not for the middle of a test.
        """
        latencies = sorted(self._latencies_ns)
        at = {"p50": 0.50, "p99": 0.99, "max": 1.0}
        return {
            "time_s": self._clock.now_s(),
            "way": self.way,
            "to_controller": self.controller.forwarded,
            "to_bms": self.bms.forwarded,
            **self.losses(),
            "rewritten": self.core.rewritten,
            "dropped": self.core.dropped,
            "disturbance": self.core.path.counters.to_dict(),
            "injections": self.core.active(),
            "added_us": {
                name: latencies[min(len(latencies) - 1, int(share * len(latencies)))] / 1e3 if latencies else None
                for name, share in at.items()
            },
        }
