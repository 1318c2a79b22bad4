"""What the control socket can ask of the plant: one method per operation, JSON-ready arguments and results.

`truth_*` operations are the plant's own knowledge; see `control` for who may ask.
"""

import dataclasses
import math
import random
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, TypeVar

import numpy as np

from v2g_bench.can.roles import close_to
from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.faults.registry import from_dict
from v2g_bench.inputs.ranges import (
    ANY,
    CapacityAh,
    ClockS,
    Count,
    PackTemperatureC,
    PauseS,
    Percent,
    Seed,
    SignedCurrentA,
    Within,
    shown,
)
from v2g_bench.instruments.emulated.meter import HEALTHY, EmulatedMeter, MeterDefects
from v2g_bench.inverter.orders import Orders
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.server_faults import ServerFault
from v2g_bench.inverter.sunspec import InverterMap
from v2g_bench.plant.config import PlantDefects
from v2g_bench.plant.control import Operation
from v2g_bench.plant.world import World

ALARM_BITS = Within(0, 0xFFFF_FFFF)  # 701.Alrm
Fraction = Annotated[float, Within(0, 1, over=True, under=True)]
CellNumber = Annotated[int, Within(1, 10_000)]
HeatW = Annotated[float, Within(0, 1e7)]
Defects = TypeVar("Defects", PlantDefects, MeterDefects)


class InverterFace:
    """The inverter's register map and its server, as one part that can be given defects.

    Defects: faults (list of `ServerFault` as data, replacing those before), local (the key on the device is turned),
    alarms (bits of 701.Alrm, latched until the controller resets them).
    """

    def __init__(self, inverter: InverterMap, server: ModbusServer, clock: Clock, orders: Orders) -> None:
        self._map, self._server, self._clock, self.orders = inverter, server, clock, orders
        self._state: dict[str, Any] = {}
        self.set_defects({"faults": [], "local": False})

    def set_defects(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is given; the state afterwards. BenchError for an unknown key or fault."""
        known = ("faults", "local", "alarms")
        for key in values:
            if key not in known:
                raise BenchError(f"inverter: {key}", "no such defect", f"there are: {', '.join(known)}")
        listed, local, alarms = values.get("faults", []), values.get("local", False), values.get("alarms", 0)
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise BenchError("inverter: faults", f"{shown(listed)} is not a list of tables")
        if not isinstance(local, bool):
            raise BenchError("inverter: local", f"{shown(local)} is not a bool")
        try:
            alarms = ALARM_BITS.whole(alarms)
        except ValueError as error:
            raise BenchError("inverter: alarms", str(error)) from None
        faults = [ServerFault.from_dict(one) for one in listed]
        if "faults" in values:
            self._server.clear()
            for fault in faults:
                self._server.inject(fault)
            self._state["faults"] = [fault.to_dict() for fault in faults]
        if "local" in values:
            self._map.set_local(local)
            self._state["local"] = local
        if alarms:
            self._map.trip(alarms, self._clock.now_s())
            self._server.wake()
        return dict(self._state)

    def heal(self) -> None:
        """No defect any more. An alarm stays until the controller resets it, as on a real one."""
        self.set_defects({"faults": [], "local": False})

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self._server.connections


class MarkLine(Protocol):
    """The sync line's second wire, to the meters' input: see `PlantProbe`."""

    def mark(self, at_s: float, height_a: float, lasts_s: float = ...) -> None: ...

    def unmark(self, at_s: float) -> None: ...


class Operations:
    """The operations on one world, its inverter and its meters. `end` asks the process to end."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        inverter: InverterFace | None,
        meters: Mapping[str, EmulatedMeter],
        *,
        end: Callable[[], None],
        changed: Callable[[], None],
        sync_half_width_s: float = 0.0,
        seed: int = 0,
        mark: MarkLine | None = None,
    ) -> None:
        self._world, self._clock, self._inverter, self._meters = world, clock, inverter, dict(meters)
        self._end, self._changed = end, changed
        self._half_width_s, self._rng, self._mark = sync_half_width_s, random.Random(seed), mark

    def table(self) -> dict[str, Operation]:
        """Name -> operation, for the control server."""
        names = (
            "inject clear clear_all reset sync_pulse sync_mark set_defects seed status wire shutdown "
            "heat_cell inverter_orders truth_isolation truth_events truth_frame truth_current truth_pack"
        )
        return {name: getattr(self, name) for name in names.split()}

    def inject(
        self, fault: dict[str, Any], at_s: ClockS | None = None, after_s: PauseS = 0.0, alone: bool = False
    ) -> int:
        """Inject at `at_s`, or `after_s` from now; the injection's number. alone: see `Injector.inject`."""
        now_s = self._clock.now_s()
        begin_s = now_s + after_s if at_s is None else at_s
        if begin_s > now_s + 86_400:
            raise BenchError("inject", f"the time {begin_s} is not within a day", "times are bench-clock seconds")
        number = self._world.injector.inject(from_dict(fault), begin_s, now_s, alone=alone)
        self._changed()
        return number

    def clear(self, injection: Count) -> None:
        """Take one injection back."""
        self._world.injector.clear(injection, self._clock.now_s())
        self._changed()

    def clear_all(self) -> None:
        """Take all injections back."""
        self._world.injector.clear_all(self._clock.now_s())
        self._changed()

    def reset(
        self,
        soc_pct: Percent | None = None,
        temperature_c: PackTemperatureC | None = None,
        capacity_ah: CapacityAh | None = None,
    ) -> None:
        """No fault and no defect anywhere, the pack at rest and healthy. Commands of the controller stay.

        capacity_ah: of the pack until the next reset; None: as configured.
        """
        self._world.reset(self._clock.now_s(), soc_pct, temperature_c, capacity_ah)
        if self._inverter is not None:
            self._inverter.heal()
        for meter in self._meters.values():
            meter.defects = HEALTHY
        self._changed()

    def sync_pulse(self, meter: str = "all", marker_a: SignedCurrentA = 0.0) -> dict[str, float]:
        """An edge on the sync line now; the time that is reported to the bench, and that time's half-width.

        The true edge is uniformly distributed within the half-width of the reported time, as of a real line and its capture.
        marker_a: the line also reaches the meters' input, as that many amperes.
        """
        if meter != "all" and meter not in self._meters:
            hint = close_to(meter, self._meters) or f"there are: {', '.join(self._meters) or 'none'}"
            raise BenchError("sync_pulse", f"no meter {meter!r}", hint)
        if marker_a and self._mark is None:
            raise BenchError("sync_pulse", "the line does not reach a meter's input here")
        edge_s = self._clock.now_s()
        if marker_a and self._mark is not None:
            self._mark.mark(edge_s, marker_a)
        for name, one in self._meters.items():
            if meter in ("all", name):
                one.external_trigger(edge_s)
        reported_s = edge_s + self._rng.uniform(-self._half_width_s, self._half_width_s)
        return {"time_s": reported_s, "half_width_s": self._half_width_s}

    def inverter_orders(self, since_s: ClockS) -> list[tuple[float, float, str]]:
        """What the inverter was ordered to: see `PlantClient.inverter_orders`."""
        if self._inverter is None:
            raise BenchError("inverter_orders", "no inverter is emulated here")
        return [(one.at_s, one.power_w, one.request) for one in self._inverter.orders.since(since_s)]

    def sync_mark(self, up: bool, marker_a: SignedCurrentA = 0.0) -> float:
        """Put the sync line's mark up for good, as marker_a at the meters' input, or down; when that was (bench clock, s)."""
        if self._mark is None:
            raise BenchError("sync_mark", "the line does not reach a meter's input here")
        edge_s = self._clock.now_s()
        if up:
            self._mark.mark(edge_s, marker_a, math.inf)
        else:
            self._mark.unmark(edge_s)
        return edge_s

    def set_defects(self, part: str, values: dict[str, Any]) -> dict[str, Any]:
        """Change defects of "plant", "inverter" or "meters.NAME"; that part's defects afterwards."""
        if part == "plant":
            state = dataclasses.asdict(self._plant_defects(values))
        elif part == "inverter" and self._inverter is not None:
            state = self._inverter.set_defects(values)
        elif part.removeprefix("meters.") in self._meters and part.startswith("meters."):
            meter = self._meters[part.removeprefix("meters.")]
            meter.defects = _changed_defects(meter.defects, values, part, MeterDefects)
            state = dataclasses.asdict(meter.defects)
        else:
            raise BenchError(f"defects of {part}", "no such part", f"there are: {', '.join(self._parts())}")
        self._changed()
        return state

    def seed(self, seed: Seed) -> None:
        """Start the random sequences of the transmit path and of the sync line again."""
        self._world.path.reseed(seed)
        self._rng = random.Random(seed)

    def status(self) -> dict[str, Any]:
        """The present state of the world."""
        world, now_s = self._world, self._clock.now_s()
        plant, bms = world.plant, world.bms
        plant.step(now_s)
        return {
            "time_s": now_s,
            "contactor_state": int(plant.contactor_state),
            "bridge_on": plant.bridge_on,
            "ac_power_w": plant.ac_power_w,
            "ac_setpoint_w": plant.ac_setpoint_w,
            "dc_current_a": plant.dc_current_a,
            "dc_voltage_v": plant.dc_voltage_v,
            "soc_pct": plant.soc_pct,
            "cooling_on": plant.cooling_on,
            "injections": world.injector.active(),
            "frames_sent": world.frames_sent,
            "frames_refused": world.frames_refused,
            "frames_missed": bms.missed if bms else 0,
            "disturbance": world.path.counters.to_dict(),
            "commanded": bms.commanded if bms else False,
            "commands_received": bms.commands_received if bms else 0,
            "commands_rejected": bms.commands_rejected if bms else 0,
            "command_timeouts": bms.command_timeouts if bms else 0,
            "late_wakes": world.late_wakes,
            "latest_wake_s": world.latest_wake_s,
            "modbus_connections": self._inverter.connections if self._inverter else 0,
            "parts": self._parts(),
        }

    def wire(self) -> dict[str, Any]:
        """The wire's load, counts and nodes; BenchError where the bus has no physics."""
        if self._world.wire is None:
            raise BenchError("wire", "this bus has no physics", "use a rig with physics = true")
        return self._world.wire.status()

    def shutdown(self) -> None:
        """End the process after the answer."""
        self._end()

    def truth_isolation(self, after_s: ClockS, fraction: Fraction = 0.05) -> float | None:
        """When the mean current really fell below the fraction and stayed."""
        self._world.plant.step(self._clock.now_s())
        return self._world.plant.truth_isolation(after_s, fraction)

    def truth_events(self, since_s: ClockS = 0.0) -> list[list[Any]]:
        """[time_s, event] of what really happened."""
        self._world.plant.step(self._clock.now_s())
        return [[event.time_s, event.event] for event in self._world.plant.truth if event.time_s >= since_s]

    def truth_frame(self, role: str, above: Annotated[float, ANY], since_s: ClockS) -> list[float] | None:
        """[before_s, after_s] of the send call of the first clean frame with role > above."""
        found = self._world.first_frame(role, above, since_s)
        return None if found is None else [found.before_s, found.after_s]

    def truth_current(self, at_s: ClockS) -> float:
        """Mean DC current at that time, A."""
        self._world.plant.step(self._clock.now_s())
        return float(self._world.plant.dc_current_mean(np.array([at_s]))[0])

    def truth_pack(self) -> dict[str, float]:
        """The pack's true values by role, and when they were: as far as the model has got, which nobody moves by asking."""
        plant = self._world.plant
        return {"time_s": plant.now_s} | plant.truth_roles()

    def heat_cell(self, cell: CellNumber, power_w: HeatW) -> None:
        """Foreign heat into one cell (from 1) until the next reset, such as an internal short; W. It does get hot."""
        heat_w = self._world.plant.cell_heat_w
        if cell > heat_w.size:
            raise BenchError("heat_cell", f"there is no cell {cell}", f"use cells 1 to {heat_w.size}")
        heat_w[cell - 1] = power_w

    def _parts(self) -> list[str]:
        return ["plant"] + (["inverter"] if self._inverter else []) + [f"meters.{name}" for name in self._meters]

    def _plant_defects(self, values: dict[str, Any]) -> PlantDefects:
        plant = self._world.plant
        plant.step(self._clock.now_s())
        plant.defects = _changed_defects(plant.defects, values, "plant", PlantDefects)
        plant.step(self._clock.now_s())
        return plant.defects


def _changed_defects(now: Defects, values: Mapping[str, Any], part: str, kind: type[Defects]) -> Defects:
    """`now` with `values`, each of the type that the field has; BenchError for another name or type."""
    fields = {field.name: getattr(kind(), field.name) for field in dataclasses.fields(kind)}
    for name, value in values.items():
        if name not in fields:
            hint = close_to(name, fields) or f"there are: {', '.join(fields)}"
            raise BenchError(f"{part}: {name}", "no such defect", hint)
        wanted = type(fields[name])
        if wanted is not float and not isinstance(value, wanted):
            raise BenchError(f"{part}: {name}", f"{shown(value)} is not a {wanted.__name__}")
    try:
        return dataclasses.replace(now, **values)  # which checks the numbers
    except BenchError as error:
        raise BenchError(f"{part}: {error.where.rpartition(': ')[2]}", error.what) from None
