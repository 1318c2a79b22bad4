"""The bare simulated world: plant, BMS, faults, bus and controller core, and the power stage behind a fixed transit.

It is `v2g_bench.sim` without asyncio, Modbus registers and meters, so that all of it can be copied in a moment (see
`prepared`). Left out against `--rig=sim`: the inverter's own
timers (reversion, enter service), its register scaling, its heartbeat, the discovery.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import can
import numpy as np
from numpy.typing import NDArray

from v2g_bench.campaign.limits import Limits
from v2g_bench.campaign.scenario import OperatingPoint, Scenario
from v2g_bench.can.database import BusDatabase
from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import (
    InverterReading,
    LogLine,
    SendFrame,
)
from v2g_bench.ems.model.bus_plan import plan_bus
from v2g_bench.ems.model.commands import SetPower
from v2g_bench.ems.model.config import BusConfig, Thresholds
from v2g_bench.ems.service.core_shell import CoreShell
from v2g_bench.ems.service.daemon import core_factory
from v2g_bench.errors import BenchError
from v2g_bench.plant.compose import Composition
from v2g_bench.plant.config import PlantConfig
from v2g_bench.plant.settings import PlantSettings
from v2g_bench.sim.bus import SimBus
from v2g_bench.sim.controller import SimCanPort
from v2g_bench.sim.network import TRANSIT_S
from v2g_bench.sim.plant import SAMPLE_S
from v2g_bench.sim.timeline import Timeline

START_S = 1000.0
POLL_S = 0.2  # the reference controller's poll of its inverter
RUNNING, STANDBY = 3, 7  # SunSpec 701.InvSt

Floats = NDArray[np.float64]
Factory = Callable[[EmsSettings], Ems]


@dataclass
class Wire:
    """Every frame of a scenario, in order: when it was complete, and the frame."""

    frames: list[tuple[float, can.Message]] = field(default_factory=list)


class TappedBus(SimBus):
    """The simulated bus with a plain list as its log."""

    def __init__(self, timeline: Timeline, bitrate: int, data_bitrate: int) -> None:
        super().__init__(timeline, bitrate, data_bitrate)
        self.wire = Wire()

    def _complete(self, node: object, message: can.Message) -> None:
        self.wire.frames.append((self._timeline.now_s(), message))
        for known, on_frame in self._nodes:
            if known is not node:
                on_frame(message)


class BarePort(SimCanPort):
    """The controller's CAN face; no loop runs here."""

    def send(self, frame: SendFrame) -> None:
        counter = self._counters[frame.message] = (self._counters.get(frame.message, -1) + 1) & 0xFF
        assert self._bus is not None
        self._bus.send(self._db.encode(frame.message, frame.values, counter))


class BareInverter:
    """The power stage behind a fixed transit. order: a power in W, None to stop."""

    def __init__(self, order: Callable[[float | None], None]) -> None:
        self._order = order

    def stop(self) -> None:
        """Stop the bridge."""
        self._order(None)

    def set_power(self, power_w: float, /) -> None:
        """Run at this power."""
        self._order(power_w)


class Forgetful:
    """A scenario ends before any restart: nothing is kept."""

    def keep(self, **latches: Any) -> None:
        """Forget it."""


@dataclass(frozen=True)
class Setup:
    """What all scenarios of a campaign share: the database, the plant's ratings, the controller."""

    db: BusDatabase
    plant: PlantConfig
    thresholds: Thresholds
    bitrate: int
    data_bitrate: int
    factory: Factory
    limits: Limits

    @classmethod
    def of_rig(cls, rig: str | Path = "sim", core: str = "") -> "Setup":
        """As the rig file states; `core` FILE:FACTORY takes the place of the reference controller."""
        from v2g_bench.rig.file.derived import plant_ratings, reference_thresholds
        from v2g_bench.rig.file.load import load_rig

        loaded = load_rig(str(rig))
        if not loaded.rig.simulated:
            raise BenchError(f"rig {loaded.rig.name}", "is no simulation", "campaigns run on a rig like sim")
        db = BusDatabase.load(loaded.resolve(loaded.rig.bms.dbc, "bms.dbc"), _roles(loaded))
        plant = PlantConfig.model_validate(plant_ratings(loaded.rig))
        thresholds = Thresholds(**reference_thresholds(loaded.rig))
        bus, limits = loaded.rig.bus["main"], Limits.of_rig(loaded.rig)
        factory = core_factory(core) if core else Ems
        return cls(db, plant, thresholds, bus.bitrate, bus.data_bitrate, factory, limits)


def _roles(loaded: Any) -> dict[str, Any]:
    from v2g_bench.can.roles import read_roles

    roles = loaded.rig.bms.roles
    if isinstance(roles, str):
        return read_roles(loaded.resolve(roles, "bms.roles"))
    return {role: one if isinstance(one, str) else one.model_dump() for role, one in roles.items()}


@dataclass(frozen=True)
class ScenarioRun:
    """What happened in one scenario. Times on the simulated clock, s; current in A, + = charge.

    times_s and current_a: the ends of every piece of the DC current; between two the current is monotonous.
    answer: (accepted, text) of the power asked for again. log: (time, code, text).
    """

    scenario: Scenario
    start_s: float
    before_a: float
    times_s: Floats
    current_a: Floats
    frames: list[tuple[float, can.Message]]
    log: list[tuple[float, str, str]]
    answer: tuple[bool, str]
    crash: str = ""


class BareWorld:
    """All parts of the world and the controller, on one timeline."""

    def __init__(self, setup: Setup, operating_point: OperatingPoint) -> None:
        self.setup, self.operating_point = setup, operating_point
        self.timeline = timeline = Timeline(START_S)
        self.bus = TappedBus(timeline, setup.bitrate, setup.data_bitrate)
        ambient = {
            "temperature_c": operating_point.temperature_c,
            "ambient_c": operating_point.temperature_c,
            "soc_pct": operating_point.soc_pct,
        }
        config = setup.plant.model_copy(update=ambient)
        settings = PlantSettings(control="", seed=operating_point.seed, plant=config, inverter=None)
        parts = Composition(settings, timeline)
        self.plant, self.stage, self.world = parts.plant, parts.stage, parts.join_bus(setup.db, sample_s=SAMPLE_S)
        plan = plan_bus(setup.db, setup.thresholds.bms_timeout_s)
        self.ems = setup.factory(EmsSettings(plan, setup.thresholds))
        self._core = core = CoreShell(self.ems, timeline.now_s, self._crashed)
        self.port = BarePort(BusConfig(), setup.db, core.on_frame, core.lose_bus, self._log_line)
        core.connect(BareInverter(self._order), self.port, Forgetful(), self._log_line)
        self.log: list[tuple[float, str, str]] = []
        self.crash = ""
        self._orders = 0
        self._event = timeline.at(START_S, self._wake)
        self.bus.join(self.world, self._to_world)
        self.port.join(self.bus)
        timeline.at(START_S, self._tick)
        timeline.at(START_S, self._poll)

    # The world's side

    def _to_world(self, message: can.Message) -> None:
        self.world.on_frame(message, self.timeline.now_s())

    def _wake(self) -> None:
        now_s = self.timeline.now_s()
        for sent in self.world.advance(now_s):
            self.bus.send(self.world, sent.frame)
        self._event = self.timeline.at(self.world.next_due_s, self._wake)

    def rearm(self) -> None:
        """The world has been changed: its next due time has to be read again."""
        self._event.cancel()
        self._event = self.timeline.at(self.world.next_due_s, self._wake)

    # The controller's side

    def _log_line(self, line: LogLine) -> None:
        self.log.append((self.timeline.now_s(), line.code, line.text))

    def _tick(self) -> None:
        now_s = self.timeline.now_s()
        self._core.tick()
        if not self.crash:
            self.timeline.at(max(self.ems.next_due_s(now_s), now_s + 0.0005), self._tick)

    def _poll(self) -> None:
        if not self.crash:
            now_s = self.timeline.now_s()
            self.timeline.at(now_s + 2 * TRANSIT_S, self._answer)
            self.timeline.at(now_s + POLL_S, self._poll)

    def _answer(self) -> None:
        reading = self.stage.measure()
        state = RUNNING if reading.running else STANDBY
        self._core.on_inverter(InverterReading(float(round(reading.ac_power_w)), state))

    def command(self, power_w: float) -> tuple[bool, str]:
        """Request a power; whether it was accepted, and the answer's text."""
        if self.crash:
            return False, "the controller has crashed"
        reply = self._core.command(SetPower(power_w))
        return (False, self.crash) if self.crash else (reply.ok, reply.text)

    def _crashed(self, what: str, error: BaseException | None, first: bool) -> None:
        """Whatever a core under test raises is its crash."""
        self.crash = f"{type(error).__name__}: {error}"
        self._order(None)
        self.port.leave(self.bus)

    def _order(self, power_w: float | None) -> None:
        self._orders += 1
        at_s = self.timeline.now_s() + TRANSIT_S
        self.timeline.at(at_s, partial(self._carry_out, self._orders, power_w))

    def _carry_out(self, order: int, power_w: float | None) -> None:
        """A stop overtakes every power before it; an overtaken power is not carried out."""
        now_s = self.timeline.now_s()
        if power_w is None:
            self.plant.enable_bridge(False, now_s)
            self.plant.set_ac_power(0.0, now_s)
        elif order == self._orders:
            self.plant.set_ac_power(float(int(power_w)), now_s)
            if not self.plant.bridge_commanded:
                self.timeline.at(now_s + 2 * TRANSIT_S, partial(self._start, order))

    def _start(self, order: int) -> None:
        if order == self._orders:
            self.plant.enable_bridge(True, self.timeline.now_s())
