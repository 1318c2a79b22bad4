"""What is dangerous, and what a controller has to answer: isolation within a limit, or no discharge from then on.

    danger = DANGERS["hot cell"]
    with danger.shown(bench.power.inverter, state, danger.drawn(chance)) as since: ...

How hot, how far apart comes from the numbers that are handed in.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from v2g_bench.draws.dimensions import Past
from v2g_bench.faults import (
    BmsSilence,
    CellImbalance,
    Fault,
    OverCurrent,
    OverTemperature,
    SocDivergence,
    StringVoltageDifference,
)
from v2g_bench.faults.emi_noise import noise
from v2g_bench.rig.file.model import Judging, Thresholds
from v2g_bench.rig.measuring.injection import Active
from v2g_bench.rig.parts.timing import Timestamp

HOT_C, APART_MV = 45.0, 300.0  # exactly these are still safe: V2G manual, The Admin Desk, emergency shutdown
HOTTEST_C, FURTHEST_MV = 58.0, 3000.0  # what a sensor of a real pack can read
TRIP_MS = 50.0  # the same place of the manual

Limit = Callable[[Judging], float]


class Silencing(Protocol):
    """What takes the inverter off the network: `bench.power.inverter`."""

    def silent(self) -> AbstractContextManager[Timestamp]: ...


class Injecting(Protocol):
    """How faults come in a state: `states.Situation`."""

    @property
    def meanwhile(self) -> Callable[[], object] | None: ...

    def inject(self, *faults: Fault, phase_s: float = 0.0, alone: bool = False) -> AbstractContextManager[Active]: ...


@dataclass(frozen=True)
class Chance:
    """What a danger is drawn by. share: the next number from 0 to 1; step: of the signal that shows it, in its unit;
    cells: of the pack.
    """

    share: Callable[[], float]
    step: Callable[[str], float]
    thresholds: Thresholds
    cells: int = 1


@dataclass(frozen=True)
class Danger:
    """One danger. drawn: as a fault, None for an inverter that is silent.

    limit_ms: from its first frame to isolation; None where V2G has to end, and charging may go on. log: what the controller
    writes of it. trips: the controller is tripped when it is over. lasting: it takes a full charge to end what comes of it.
    stands_s: how long nothing may flow while it goes on, though power is asked for. role: without it the database cannot show
    it.
    """

    name: str
    drawn: Callable[[Chance], Fault] | None
    limit_ms: Limit | None = None
    log: str = ""
    trips: bool = False
    lasting: bool = False
    stands_s: float = 0.7
    role: str = ""

    @property
    def isolates(self) -> bool:
        """Whether all power has to end."""
        return self.limit_ms is not None

    @contextmanager
    def shown(
        self, inverter: Silencing, state: Injecting, fault: Fault | None, *, phase_s: float = 0.0
    ) -> Iterator[Timestamp]:
        """In force while the block runs, as this fault and alone; gives when it began on the bus, or on the network."""
        if fault is None:
            with inverter.silent() as since:
                if state.meanwhile is not None:
                    state.meanwhile()
                yield since
        else:
            with state.inject(fault, phase_s=phase_s, alone=True) as active:
                yield active.on_bus


def _past(limit: float, far: float, step: float, chance: Chance) -> float:
    first = (math.floor(limit / step + 1e-9) + 1) * step
    return Past(limit, first, step, far).at(chance.share())


def _hot(chance: Chance) -> Fault:
    cell = 1 + int(chance.share() * chance.cells)
    return OverTemperature(cell, _past(HOT_C, HOTTEST_C, chance.step("cell_temperature_max"), chance))


def _apart(chance: Chance) -> Fault:
    step_mv = max(1.0, 1e3 * chance.step("string_voltage_difference"))
    return StringVoltageDifference(to_mv=_past(APART_MV, FURTHEST_MV, step_mv, chance))


def _diverged(chance: Chance) -> Fault:
    sign = 1 if chance.share() < 0.5 else -1
    return SocDivergence(by_pct=sign * round(chance.thresholds.soc_divergence_pct + 2 + 6 * chance.share(), 1))


DANGERS = {
    danger.name: danger
    for danger in (
        Danger("hot cell", _hot, lambda _: TRIP_MS, trips=True, role="cell_temperature_max"),
        Danger("strings apart", _apart, lambda _: TRIP_MS, trips=True, role="string_voltage_difference"),
        Danger(
            "over-current",
            lambda _: OverCurrent(),
            lambda limits: 1e3 * limits.fallback_s,
            stands_s=3.0,
            role="over_current",
        ),
        Danger("BMS silent", lambda _: BmsSilence(), lambda limits: limits.silence_limit_ms, log="ERR_BMS_TIMEOUT"),
        Danger("inverter silent", None, lambda limits: limits.offline_limit_ms, log="FAULT_INVERTER_OFFLINE"),
        Danger("noise", lambda chance: noise(chance.thresholds.packet_loss_pct, 2.5), log="0x0B22"),
        Danger("SoC diverges", _diverged, log="0x09BD", lasting=True, role="soc"),
        Danger("imbalance", lambda _: CellImbalance(), lasting=True, role="cell_imbalance"),
    )
}
