"""`trials.any`, `worlds.any`: what this rig can show a controller, as dimensions that a trial draws from (`v2g_bench.draws`).

    world = trial.draw(fault=trials.any.hot_cell(above_c=45), **trials.any.operating_point())
    with bench.at_power(world), bench.inject(world.fault): ...

Powers end where the rig's ratings and [safety] end, cells where the pack ends, values where the database's signal ends. The
state of charge and the pack's temperature can be drawn where the rig emulates the battery; elsewhere they are as they are.
"""

import math
from dataclasses import replace
from typing import Literal

from v2g_bench.can.codec import SignalCodec
from v2g_bench.draws.dimensions import Choice, Dimension, LogUniform, Made, Past, Uniform
from v2g_bench.errors import NotTested
from v2g_bench.faults import (
    CellApart,
    CellVoltages,
    ColdCell,
    Fault,
    OverTemperature,
    PackTemperature,
    SocDivergence,
    StringVoltageDifference,
    ThermalGradient,
)
from v2g_bench.rig.file.model import MAX_SOC_PCT, MIN_SOC_PCT
from v2g_bench.rig.measuring.power import Power
from v2g_bench.rig.parts.protocol import Parts

Direction = Literal["charging", "discharging"]
HOTTEST, STRINGS = "cell_temperature_max", "string_voltage_difference"
LEAST_SHARE = 0.05  # of the rated power: less leaves the digitizer too little to see a current end
AT_RATED = 0.125  # of the draws are at the rated power itself
INSIDE_PCT = 7.0  # of SoC from its limits, so that no derating near them holds the power down
COOL_C, WARM_C = 21.0, 34.0  # inside the manual's operating window of 20 to 35 °C: nothing derates
WINDOW_C, NOISE_K, CLEARLY_K = 35.0, 0.5, 0.5  # its end; of single sensors; above a threshold by more than that
HIGH_V, CLEARLY = (
    1000.0,
    1.5,
)  # a pack that does not report its voltage; above a current by more than losses and its sensor
IDLE_S = (0.05, 1.0)  # at power before the fault
COMMANDED_S = (0.02, 1.0)  # since the last power command
STEADY_S, STEADY_SIMULATED_S = (2.0, 3.0), (70.0, 120.0)  # at one power, nothing commanded: once in a long test
NEAR_K = 3.0  # below its end a slow ramp begins
RAMPS_K_PER_S = (0.0, 0.0, 0.0, 10.0)
RAMPS_MV_PER_S = (0.0, 0.0, 0.0, 1000.0)
DRIFTS_PCT_PER_S, FAST_PCT_PER_S = (0.15, 0.2), (10.0, 20.0)
AFTERWARDS_S = 0.35
APART_V = 0.1  # between one cell and the others: less than any battery calls an imbalance
SHOWN_C, SHOWN_DIFFERENCE_V = 125.0, 5.0  # the end of usual sensors; further apart, single cells leave their own limits


class Anything:
    """The dimensions of this rig."""

    def __init__(self, parts: Parts, power: Power) -> None:
        self._parts, self._power = parts, power

    def operating_point(self, direction: Direction | None = None, above_a: float = 0.0) -> dict[str, Dimension | Made]:
        """Power (in one direction, or in any), time at it, time since the last command; SoC and temperature where emulated.
        above_a: the DC current flows at more than this, where the rig's ratings allow it.

        For these the controller is started anew: one that the bench cannot start would see a pack that jumps.
        """
        rig = self._parts.loaded.rig
        point: dict[str, Dimension | Made] = {
            "power_w": self.power_w(direction, above_a=above_a),
            "idle_s": LogUniform(*IDLE_S),
            "since_command_s": LogUniform(*COMMANDED_S),
        }
        if rig.bms.kind == "emulated" and self._parts.dut.controller.restarts:
            point |= {"soc_pct": Uniform(MIN_SOC_PCT + INSIDE_PCT, MAX_SOC_PCT - INSIDE_PCT)}
            point |= {"pack_c": Uniform(COOL_C, WARM_C)}
        return point

    def steady_s(self) -> LogUniform:
        """How long one power stands without a command: minutes where time is simulated."""
        return LogUniform(*(STEADY_SIMULATED_S if self._parts.loaded.rig.simulated else STEADY_S))

    def held_at(self, to_c: float) -> Made:
        """One cell at this temperature, by a step: which one."""
        return Made(lambda cell: OverTemperature(cell, to_c), {"cell": self.cell()})

    def power_w(self, direction: Direction | None = None, most_w: float = math.inf, above_a: float = 0.0) -> Made:
        """AC power (W, charge positive) up to `most_w` or what the rig allows, small ones as often as large ones.

        above_a: as for `operating_point`.
        """
        rated_w = min(most_w, self._power.allowed_w())
        ways = {"charging": (1.0,), "discharging": (-1.0,), None: (-1.0, 1.0)}[direction]
        voltage_v = self._parts.bus.latest_all().get("pack_voltage", HIGH_V)
        least_w = max(LEAST_SHARE * self._power.allowed_w(), CLEARLY * above_a * voltage_v)
        magnitude_w = LogUniform(min(least_w, rated_w), rated_w, at_high=AT_RATED)
        return Made(lambda way, w: way * round(w), {"way": Choice(ways), "w": magnitude_w})

    def hot_cell(self, above_c: float) -> Made:
        """One cell above this temperature: which one, how far above, and by a step or a ramp."""
        past = self.past(HOTTEST, above_c, SHOWN_C)

        def fault(cell: int, to_c: float, ramp_k_per_s: float) -> OverTemperature:
            # A ramp ends at the first count past the limit: the frame that carries it is the first dangerous one.
            return OverTemperature(cell, past.first if ramp_k_per_s else to_c, ramp_k_per_s)

        return Made(fault, {"cell": self.cell(), "to_c": past, "ramp_k_per_s": Choice(RAMPS_K_PER_S)})

    def hottest(self, above_c: float) -> float:
        """The highest temperature (°C) above this one that a sensor can show here."""
        return self.past(HOTTEST, above_c, SHOWN_C).far

    def furthest(self, above_mv: float) -> float:
        """The largest difference of string voltages (mV) above this one that can be shown here."""
        return round(1e3 * self.past(STRINGS, above_mv / 1e3, SHOWN_DIFFERENCE_V).far, 6)

    def diverging_strings(self, above_mv: float) -> Made:
        """Strings further apart than this: how far, and by a step or a ramp."""
        past = self.past(STRINGS, above_mv / 1e3, SHOWN_DIFFERENCE_V)

        def fault(to_v: float, ramp_mv_per_s: float) -> StringVoltageDifference:
            to_mv = 1e3 * (past.first if ramp_mv_per_s else to_v)
            return StringVoltageDifference(round(to_mv, 6), ramp_mv_per_s)

        return Made(fault, {"to_v": past, "ramp_mv_per_s": Choice(RAMPS_MV_PER_S)})

    def trip(self, above_c: float, above_mv: float) -> Made:
        """One of `trips`."""
        ways = {f"way_{number}": way for number, way in enumerate(self.trips(above_c, above_mv))}
        return Made(lambda way, **faults: faults[way], {"way": Choice(tuple(ways)), **ways})

    def trips(self, above_c: float, above_mv: float) -> list[Made]:
        """By a step, a cell above this temperature and strings further apart than this: what the database can show of them."""

        def strings(to_v: float) -> StringVoltageDifference:
            return StringVoltageDifference(round(1e3 * to_v, 6))

        db, ways = self._parts.bus.db, list[Made]()
        if db.has(HOTTEST):
            ways.append(Made(OverTemperature, {"cell": self.cell(), "to_c": self.past(HOTTEST, above_c, SHOWN_C)}))
        if db.has(STRINGS):
            ways.append(Made(strings, {"to_v": self.past(STRINGS, above_mv / 1e3, SHOWN_DIFFERENCE_V)}))
        if not ways:
            raise NotTested(f"{db.path.name} has no signal for {HOTTEST} or {STRINGS}")
        return ways

    def cell_beyond(self, limit_v: float, far_v: float) -> Made:
        """Cells beyond this voltage, above it where `far_v` lies above, else below: one of them, or all, and how far.

        One alone is never so far from the others that the battery would report an imbalance, or its strings diverge.
        """
        role, way = ("cell_voltage_max", 1) if far_v > limit_v else ("cell_voltage_min", -1)
        alone = self.past(role, limit_v, limit_v + way * APART_V / 2)

        def fault(cell: int, to_v: float, all_to_v: float, cells: str) -> Fault:
            return CellApart(cell, to_v, limit_v - way * APART_V / 2) if cells == "one" else CellVoltages(all_to_v)

        several = {"to_v": alone, "all_to_v": self.past(role, limit_v, far_v)}
        return Made(fault, {"cell": self.cell(), "cells": Choice(("one", "one", "all")), **several})

    def hot_pack(self, low_c: float, high_c: float) -> Made:
        """The hottest cell is between these: alone, or the whole pack."""
        return self._warmth(OverTemperature, low_c, high_c)

    def cold_pack(self, low_c: float, high_c: float) -> Made:
        """The coldest cell is between these: alone, or the whole pack."""
        return self._warmth(ColdCell, low_c, high_c)

    def _warmth(self, one: type[OverTemperature | ColdCell], low_c: float, high_c: float) -> Made:
        def fault(cell: int, to_c: float, cells: str) -> Fault:
            return one(cell, round(to_c, 1)) if cells == "one" else PackTemperature(round(to_c, 1))

        return Made(
            fault, {"cell": self.cell(), "to_c": Uniform(low_c, high_c), "cells": Choice(("one", "all", "all"))}
        )

    def wrong_soc(self, by_pct: float) -> Made:
        """A state of charge that is reported wrong by so much, upwards or downwards: by a ramp of about a minute where time
        is simulated; elsewhere by a step, or within a second.
        """
        slow = self._parts.loaded.rig.simulated
        ramp = LogUniform(*DRIFTS_PCT_PER_S) if slow else Choice((0.0, *FAST_PCT_PER_S))
        made = lambda up, ramp_pct_per_s: SocDivergence(up * by_pct, ramp_pct_per_s)  # noqa: E731
        return Made(made, {"up": Choice((-1, 1)), "ramp_pct_per_s": ramp})

    def rating_w(self, low: float = 0.1, high: float = 0.8) -> LogUniform:
        """A limit of the battery between these shares of what the rig's inverter can draw."""
        rated_w = self._power.allowed_w()
        return LogUniform(low * rated_w, high * rated_w)

    def whole(self, low: int, high: int) -> Choice:
        """A whole number from low to high."""
        return Choice(range(low, high + 1))

    def gradient(self, above_k: float) -> dict[str, Dimension | Made]:
        """A module that is warmer than the coldest one by more than this: which one, and by how much.

        Nowhere warmer than the operating window allows, as far as an emulated pack can be at its cool end: what its heat
        derates by itself would hide what is done about the difference.
        """
        rig, bus, point = self._parts.loaded.rig, self._parts.bus, dict[str, Dimension | Made]()
        coldest_c, known = bus.latest_all().get("cell_temperature_min", COOL_C), bus.db.count("module_temperature")
        if rig.bms.kind == "emulated" and self._parts.dut.controller.restarts:
            coldest_c, known = COOL_C, rig.plant.modules
            point["pack_c"] = Uniform(COOL_C - NOISE_K, COOL_C)
        least_k = above_k + CLEARLY_K
        to_k = LogUniform(least_k, max(least_k, WINDOW_C - NOISE_K - coldest_c))
        module = Choice(range(1, max(1, known) + 1))
        fault = Made(lambda to_k, module: ThermalGradient(round(to_k, 1), module), {"to_k": to_k, "module": module})
        return point | {"fault": fault}

    def alone(self) -> Choice:
        """Whether a danger comes alone, three times of four, or with the flags and limits that an emulated BMS derives of it.

        A controller that minds these alone is late, or blind, where they do not come. A gateway writes the danger alone.
        """
        rig = self._parts.loaded.rig
        derives = rig.bms.kind == "emulated" and not rig.has_gateway
        return Choice((True, True, True, False) if derives else (True,))

    def span(self, fault: Fault) -> dict[str, float]:
        """Of a recording that what is left of this fault's ramp, and what comes of it, fit into."""
        return {"after_s": AFTERWARDS_S + fault.full_after_s(self._parts.bus.latest_all())}

    def cell(self) -> Choice:
        """A cell of the pack, from 1."""
        rig = self._parts.loaded.rig
        known = rig.plant.cells if rig.bms.kind == "emulated" else self._parts.bus.db.count("cell_voltage")
        return Choice(range(1, max(1, known) + 1))

    def module_temperature(self) -> Choice:
        """The temperature of a module, as the role that the database has for it; NotTested where it has none."""
        if not (known := self._parts.bus.db.count("module_temperature")):
            raise NotTested(f"{self._parts.bus.db.path.name} has no signal for module_temperature")
        return Choice(tuple(f"module_temperature[{number}]" for number in range(1, known + 1)))

    def past(self, role: str, limit: float, far: float) -> Past:
        """A value of a signal past a limit, in the direction of `far` and no further; all of them counts of the signal.

        NotTested where the database has no such signal, or no count of it lies there.
        """
        if not self._parts.bus.db.has(role):
            raise NotTested(f"{self._parts.bus.db.path.name} has no signal for {role}")
        found = past(self._parts.bus.db.codec(role), limit, far)
        if found is None:
            raise NotTested(f"no value of {role} lies between {limit:g} and {far:g} in {self._parts.bus.db.path.name}")
        return found


def nearly(fault: Fault | None) -> Fault | None:
    """Where a slow ramp of a temperature begins: a safe value, so near that a digitizer's memory holds what follows.

    None for a step, and for what needs no beginning.
    """
    if not isinstance(fault, OverTemperature) or not fault.ramp_k_per_s:
        return None
    return replace(fault, to_c=round(fault.to_c - NEAR_K, 6), ramp_k_per_s=0.0)


def past(codec: SignalCodec, limit: float, far: float) -> Past | None:
    """The values of a signal past a limit up to `far`, the signal's end or a count that is no value; None: there is none."""
    up = far > limit
    way = 1 if up == codec.above_is_up else -1
    bound = codec.bound(limit)
    first = math.floor(bound) + 1 if way > 0 else math.ceil(bound) - 1
    last = first
    end = codec.bound(far)
    while codec.credible(last + way) and (last + way) * way <= end * way:
        last += way
    if not codec.credible(first) or first * way > end * way:
        return None
    return Past(limit, codec.value(first), codec.value(first + way) - codec.value(first), codec.value(last))
