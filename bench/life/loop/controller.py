"""The reference controller, asked once a minute: its own parts and its own decision, fed with the pack's values.

What a bus adds is left out: frames, silences, filters of implausible values, the divergence of two SoC counts. The SoC
that it sees is the true one. A trip is reset as soon as the pack is safe, and counted.

    charging, discharging: `Ems.decide` -- limits, floating window, micro-cycles, derating map, cell voltages, BMS limits
    cooling:               `ThermalGuard` (thermal-policy.json), `PreCooling`
"""

from collections.abc import Callable

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import InverterReading
from v2g_bench.ems.model.bus_plan import BusPlan
from v2g_bench.ems.model.commands import ResetTrip, SetDeparture, SetV2gWindow
from v2g_bench.ems.model.plans import Departure, V2gWindow
from v2g_bench.life.loop.car import CELL_SPREAD_V, SENSOR_SPREAD_K, STEP_S, Car
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.pack.limits import power_limits

Factory = Callable[[EmsSettings], Ems]

_COMMAND = "command"
_NO_BUS = BusPlan(expected={}, watched={}, sent={}, roles_sent={_COMMAND: ()}, command=_COMMAND)
_MOST_CHARGE_W, _MOST_DISCHARGE_W, _CONTINUOUS_W = 150_000.0, 150_000.0, 60_000.0  # what a car's BMS allows at best


class Controller:
    """factory: makes the controller of its settings; another one than the reference controller's is a seeded defect."""

    def __init__(self, configuration: Configuration, factory: Factory = Ems) -> None:
        settings = EmsSettings(_NO_BUS, configuration.thresholds, configuration.limits, configuration.policy)
        self.ems = factory(settings)
        self.trips = 0

    @property
    def cooling(self) -> bool:
        """Whether it asks for the pump, for the policy or ahead of a window."""
        return self.ems.parts.thermal.cooling or self.ems.parts.precool.on

    @property
    def limited_by(self) -> tuple[str, ...]:
        """What cut into the last request."""
        return self.ems.decision.setpoint.limited_by

    def see(self, car: Car, now_s: float, *, at_rest: bool = False) -> None:
        """The pack as its BMS shows it at this time. at_rest: nothing is asked for, so voltages and limits may wait."""
        ems, hottest, coldest = self.ems, car.pack_c + SENSOR_SPREAD_K, car.pack_c - SENSOR_SPREAD_K
        soc_pct = 100.0 * car.soc
        values = {
            "cell_temperature_max": hottest,
            "cell_temperature_min": coldest,
            "soc": soc_pct,
            "pack_current": car.current_a,
            "capacity": car.capacity_ah,
        }
        if not at_rest:
            cell_v = car.cell_v
            highest_v = cell_v + CELL_SPREAD_V
            limits = power_limits(
                soc_pct, coldest, hottest, highest_v, _MOST_CHARGE_W, _MOST_DISCHARGE_W, _CONTINUOUS_W
            )
            values["cell_voltage_max"], values["cell_voltage_min"] = highest_v, cell_v - CELL_SPREAD_V
            values["pack_voltage"] = car.terminal_v
            values["charge_power_limit"] = limits.charge_w
            values["discharge_power_limit"] = limits.discharge_w
            values["discharge_power_continuous"] = limits.continuous_w
        parts = ems.parts
        if parts.trip.update({"cell_temperature_max": hottest}, now_s):
            self.trips += 1
        ems.pack.update(values, now_s)
        parts.watchdog.tick(now_s)
        parts.thermal.update(ems.pack, now_s)
        parts.micro_cycle.update(ems.pack, now_s, gap_s=STEP_S)
        parts.precool.update(ems.pack, now_s)
        if not parts.inverter.online:
            ems.on_inverter_reading(InverterReading(), now_s)
        if parts.trip.latched and parts.trip.unsafe() is None:
            ems.command(ResetTrip(), now_s)

    def power_w(self, request_w: float, now_s: float) -> float:
        """What it makes of a request: AC power in W, positive into the battery. After `see` of the same time."""
        self.ems.request_w = request_w
        if request_w == 0.0:
            return 0.0  # there is nothing to hold down
        self.ems.decision = decision = self.ems.decide(now_s)
        return decision.power_w or 0.0

    def plan(self, departure: Departure | None, now_s: float) -> None:
        """The vehicle is wanted then; None: it is away, or nothing is planned."""
        self.ems.command(SetDeparture(departure), now_s)

    @property
    def awaits_window(self) -> bool:
        """Whether no V2G window is planned."""
        return self.ems.parts.precool.window is None

    def announce(self, window: V2gWindow, now_s: float) -> None:
        """Grid service is planned then."""
        self.ems.command(SetV2gWindow(window), now_s)
