"""The emulated world put together from its settings, in one way for the plant process, the simulation and the campaigns.

    parts = Composition(settings, clock)               plant, power stage, inverter, meters: no I/O has begun
    world = parts.join_bus(db)                         last, because the BMS sends from here on
    parts.operations(end=…, changed=…)                 what the control socket can ask for

Who calls it opens the wires: bus, Modbus, instruments, control socket.
"""

from collections.abc import Callable

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.physics.condition import WireControl
from v2g_bench.clock import Clock
from v2g_bench.instruments.emulated import emulate
from v2g_bench.instruments.emulated.meter import EmulatedMeter
from v2g_bench.inverter.orders import Orders
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.sunspec import InverterMap
from v2g_bench.plant.control import Operation
from v2g_bench.plant.faces import PlantProbe, PlantStage
from v2g_bench.plant.model import Plant
from v2g_bench.plant.operations import InverterFace, Operations
from v2g_bench.plant.settings import PlantSettings
from v2g_bench.plant.world import World


class Composition:
    """The parts of one world. inverter and server: None where the settings have no inverter. Each meter has a seed of its own.

    BenchError for a meter whose driver or options do not fit.
    """

    def __init__(self, settings: PlantSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        now_s = clock.now_s()
        self.plant = Plant(settings.plant, settings.seed, now_s)
        self.stage = PlantStage(self.plant, clock)
        self.probe = PlantProbe(self.plant, clock)
        config = settings.inverter_config()
        self.inverter = InverterMap(self.stage, config, now_s) if config else None
        self.orders = Orders(lambda: self.inverter.ordered_w if self.inverter else 0.0)
        self.server = ModbusServer(self.inverter, clock, self.orders.on_exchange) if self.inverter else None
        self.meters: dict[str, EmulatedMeter] = {}
        for place, (name, meter) in enumerate(settings.meters.items(), 1):
            options = {"seed": settings.seed + place} | meter.options()
            where = f"meters.{name}"
            self.meters[name] = emulate(meter.driver, where=where, probe=self.probe, clock=clock, **options)

    def join_bus(self, db: BusDatabase | None, *, sample_s: float = 0.0, wire: WireControl | None = None) -> World:
        """The BMS and its faults around the plant; the arguments are those of `World`."""
        now_s, timeout_s = self._clock.now_s(), self._settings.bms.command_timeout_s
        self.world = World(self.plant, db, self._settings.seed, now_s, timeout_s, sample_s=sample_s, wire=wire)
        return self.world

    def operations(self, *, end: Callable[[], None], changed: Callable[[], None]) -> dict[str, Operation]:
        """By name; after `join_bus`. end: the world is asked to end; changed: something is due at another time."""
        face = (
            InverterFace(self.inverter, self.server, self._clock, self.orders)
            if self.inverter and self.server
            else None
        )
        return Operations(
            self.world,
            self._clock,
            face,
            self.meters,
            end=end,
            changed=changed,
            sync_half_width_s=self._settings.sync.half_width_s,
            seed=self._settings.seed,
            mark=self.probe,
        ).table()
