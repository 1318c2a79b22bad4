"""What the bench did and measured during one test, with times: the one side of every comparison.

The notebook is told of each command of the controller, each operation on the emulated world and each steady power as they
happen (`watch`); it asks for nothing itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.evidence.reading import Reading
from v2g_bench.faults import Fault, from_dict
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.measuring.said.log_book import LogBook
from v2g_bench.rig.parts.protocol import Parts

TOUCHED = ("inject", "clear", "clear_all", "reset", "set_defects")


@dataclass(frozen=True)
class Command:
    """One of [dut.commands] with its answer, asked at from_s and answered at to_s (bench clock)."""

    name: str
    values: Mapping[str, str]
    reply: Reply
    from_s: float
    to_s: float

    @property
    def accepted(self) -> bool:
        return self.reply.status == 0

    @property
    def power_w(self) -> float | None:
        """The power that it asks for; None for another command."""
        return float(self.values["power_w"]) if self.name == "set_power" else None


@dataclass(frozen=True)
class PowerSeen:
    """A steady power at the terminals (W, charge positive) with its U, and by whom."""

    at_s: float
    value_w: float
    expanded_w: float
    by: str


@dataclass(frozen=True)
class InForce:
    """A fault, and the time in which the world had it."""

    fault: Fault
    from_s: float
    to_s: float = inf

    @property
    def disturbs(self) -> bool:
        """It is on the way of the BMS's frames."""
        return self.fault.transmit() is not None or self.fault.wire() is not None


@dataclass(frozen=True)
class Change:
    """Another change of the world: a reset of the pack, a defect of a part."""

    at_s: float
    op: str
    args: Mapping[str, Any]


class Notebook:
    """Of one test; see the module's text."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.began_s = self._now_s()
        self.starts_s: list[float] = []
        self.commands: list[Command] = []
        self.powers: list[PowerSeen] = []
        self.changes: list[Change] = []
        self._faults: dict[tuple[int, int], InForce] = {}
        self._asked: tuple[str, Mapping[str, str], float] = "", {}, 0.0
        self.gaps_before = len(parts.dut.controller.log.gaps)
        self.log = LogBook(parts.dut.controller.log.path, self.began_s)

    def watch(self) -> None:
        """Be told from now on, in the place of the test before."""
        self._parts.dut.controller.witness = self
        plant = self._parts.world.plant
        clients = [self._parts.world.faults, plant.client if plant is not None else None]
        for number, client in enumerate({id(one): one for one in clients if one is not None}.values()):
            client.on_done = lambda op, args, result, number=number: self._changed(number, op, args, result)

    @property
    def faults(self) -> list[InForce]:
        """All that were injected, in their order."""
        return list(self._faults.values())

    # `rig.dut.controller.Witness`

    def asks(self, name: str, values: Mapping[str, str]) -> None:
        self._asked = name, dict(values), self._note()

    def answered(self, reply: Reply) -> None:
        name, values, from_s = self._asked
        self.commands.append(Command(name, values, reply, from_s, self._note()))

    def started(self) -> None:
        self.starts_s.append(self._note())

    # Of the bench's own

    def power(self, reading: Reading | None, by: str) -> None:
        """This is the power now, and it stands."""
        if reading is not None and reading.value is not None and reading.uncertainty is not None:
            self.powers.append(PowerSeen(self._note(), reading.value, reading.uncertainty.expanded, by))

    def _changed(self, client: int, op: str, args: Mapping[str, Any], result: Any) -> None:
        if op not in TOUCHED:
            return
        now_s = self._note()
        match op:
            case "inject":
                at_s = args.get("at_s")
                begins_s = now_s + float(args.get("after_s") or 0.0) if at_s is None else float(at_s)
                self._faults[client, int(result)] = InForce(_fault(args["fault"]), begins_s)
            case "clear":
                self._over(now_s, (client, int(args["injection"])))
            case "clear_all" | "reset":
                self._over(now_s, *(key for key in self._faults if key[0] == client))
        if op in ("reset", "set_defects"):
            self.changes.append(Change(now_s, op, dict(args)))

    def _over(self, now_s: float, *keys: tuple[int, int]) -> None:
        for key in keys:
            if key in self._faults and self._faults[key].to_s == inf:
                self._faults[key] = replace(self._faults[key], to_s=now_s)

    def _note(self) -> float:
        now_s = self._now_s()
        self.log.note(now_s)
        return now_s

    def _now_s(self) -> float:
        return self._parts.clock.now_s()


def _fault(data: Mapping[str, Any]) -> Fault:
    try:
        return from_dict(data)
    except BenchError as error:  # it has just been injected
        raise AssertionError(str(error)) from error
