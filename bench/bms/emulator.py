"""The BMS as its CAN bus shows it: cyclic frames at a held phase, and the commands that it obeys.

A core without I/O: `due(now_s)` gives the frames whose time has come, `on_frame(msg, now_s)` takes what the EMS sends. It
works with any database through its roles; what a database does not carry is not sent or not received.

Phase: frame k of a message is due at start + offset + k * cycle, computed from k, so no lateness adds up. The offsets
spread the messages evenly over the shortest cycle. A BMS of its own is never held up: where the machine did hold this one
up, the frames of the last CATCH_UP_S are sent late rather than not at all, so that the controller receives everything that a
real one would have sent. Older slots are left out, and counted in `missed`.

Commands: the main contactors and the cooling follow the command frame of the EMS while frames with a correct end-to-end
check arrive (every frame counts where the database has no protection).

    silent --(good command)--> commanded --(no good command for command_timeout_s)--> silent, contactors commanded open

A pack whose controller is silent opens its contactors, as the fail-safe of a real one; cooling stays as it was. With a
database that has no contactor request there is nobody to ask, and the pack connects itself.
"""

import heapq
import random
from collections.abc import Callable, Mapping
from typing import Protocol

import can

from v2g_bench.bms.diagnostics import Codes, Diagnostics
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import E2EReceiver

COMMAND_TIMEOUT_S = 0.2
CATCH_UP_S = 0.05  # less than any controller's patience: what comes later than that has been missed


class PackActuators(Protocol):
    """What the BMS moves; times are bench-clock seconds."""

    def request_contactors(self, closed: bool, now_s: float, /) -> None:
        """Close or open the main contactors."""

    def request_cooling(self, on: bool, now_s: float, /) -> None:
        """Run or stop the coolant pump."""


class _Cyclic:
    """One message's schedule: slot k is due at base_s + k * cycle_s."""

    def __init__(self, db: BusDatabase, spec: MessageSpec, base_s: float, counter: int) -> None:
        self.spec, self.base_s, self.counter, self.slot = spec, base_s, counter, 0
        self._cycle_s = spec.cycle_s
        self.limits = tuple((role, *db.codec(role).ends) for role in db.roles_of(spec.name))
        self.due_s = base_s

    def go_on(self, now_s: float) -> int:
        """Move to the next slot that is not yet older than CATCH_UP_S; how many were left out on the way (0 if in time)."""
        passed = int((now_s - CATCH_UP_S - self.base_s) / self._cycle_s) + 1 - self.slot
        if passed < 1:
            passed = 1
        self.slot += passed
        self.due_s = self.base_s + self.slot * self._cycle_s
        return passed - 1

    def values(self, sensed: Mapping[str, float]) -> dict[str, float]:
        """This message's roles, each brought into the range that its signal can carry, as a real sender saturates."""
        values = {}
        for role, low, high in self.limits:
            if (value := sensed.get(role)) is not None:
                values[role] = low if value < low else high if value > high else value
        return values


class BmsEmulator:
    """Sends what `sense(now_s)` (role -> value) reports, moves `actuators` as the EMS commands, and answers a tester.

    seed: the phase of the schedule against the clock and the first counters. start_s: no frame before this time.
    codes: the trouble codes of the moment, for `diagnostics`.
    """

    def __init__(
        self,
        db: BusDatabase,
        sense: Callable[[float], Mapping[str, float]],
        actuators: PackActuators,
        *,
        seed: int = 0,
        start_s: float = 0.0,
        command_timeout_s: float = COMMAND_TIMEOUT_S,
        codes: Callable[[], Codes] = tuple,
    ) -> None:
        self.diagnostics = Diagnostics(codes)
        self._db, self._sense, self._actuators = db, sense, actuators
        self._timeout_s = command_timeout_s
        rng = random.Random(seed)
        cyclic = [spec for spec in db.senders("BMS") if spec.cycle_s > 0]
        shortest_s = min((spec.cycle_s for spec in cyclic), default=0.0)
        phase_s = rng.random() * shortest_s
        self._cyclic = [
            _Cyclic(db, spec, start_s + phase_s + shortest_s * place / len(cyclic), rng.randrange(256))
            for place, spec in enumerate(cyclic)
        ]
        self._due = [(one.due_s, place) for place, one in enumerate(self._cyclic)]
        heapq.heapify(self._due)
        self._receivers: dict[tuple[int, bool], E2EReceiver | None] = {}
        for role in ("contactor_request", "cooling_request"):
            if db.has(role):
                spec = db.message_of(role)
                receiver = E2EReceiver(spec.e2e.data_id) if spec.e2e else None
                self._receivers[spec.key] = receiver
        self._received_s: float | None = None
        if not db.has("contactor_request"):
            actuators.request_contactors(True, start_s)
        self.sent, self.missed, self.commands_received, self.commands_rejected, self.command_timeouts = 0, 0, 0, 0, 0

    @property
    def next_due_s(self) -> float:
        """When `due` has something to do again."""
        next_s = self.diagnostics.next_due_s
        if self._due and self._due[0][0] < next_s:
            next_s = self._due[0][0]
        if self._received_s is not None and self._received_s + self._timeout_s < next_s:
            next_s = self._received_s + self._timeout_s
        return next_s

    def constants(self) -> list[tuple[tuple[str, float, float], ...]]:
        """The tables that never change; copies of an emulator may share them."""
        return [cyclic.limits for cyclic in self._cyclic]

    @property
    def commanded(self) -> bool:
        """Whether commands of the EMS are being received."""
        return self._received_s is not None

    def due(self, now_s: float) -> list[can.Message]:
        """The frames that are due by `now_s`, in the order of their slots, with what is sensed at `now_s`.

        Diagnostic answers come last: they have the lowest priority on the bus.
        """
        self._watch(now_s)
        answers = self.diagnostics.due(now_s)
        due = self._due
        if not due or now_s < due[0][0]:
            return answers
        sensed = self._sense(now_s)
        frames = []
        while due[0][0] <= now_s:
            place = due[0][1]
            cyclic = self._cyclic[place]
            frames.append(self._db.encode(cyclic.spec.name, cyclic.values(sensed), cyclic.counter))
            cyclic.counter = (cyclic.counter + 1) & 0xFF
            self.missed += cyclic.go_on(now_s)
            heapq.heapreplace(due, (cyclic.due_s, place))
        self.sent += len(frames)
        return frames + answers

    def on_frame(self, msg: can.Message, now_s: float) -> bool:
        """Take one frame from the bus; True if it was a command that is obeyed."""
        if self.diagnostics.on_frame(msg, now_s):
            return False
        key = self._db.key_of(msg.arbitration_id, msg.is_extended_id)
        if key not in self._receivers:
            return False
        receiver = self._receivers[key]
        values = self._db.decode(msg)
        if not values or (receiver is not None and not receiver.on_frame(msg.data).good):
            self.commands_rejected += 1
            return False
        self.commands_received += 1
        if "contactor_request" in values:
            self._received_s = now_s
            self._actuators.request_contactors(values["contactor_request"] >= 0.5, now_s)
        if "cooling_request" in values:
            self._actuators.request_cooling(values["cooling_request"] >= 0.5, now_s)
        return True

    def _watch(self, now_s: float) -> None:
        if self._received_s is not None and now_s >= self._received_s + self._timeout_s:
            self._received_s = None
            self.command_timeouts += 1
            self._actuators.request_contactors(False, now_s)
