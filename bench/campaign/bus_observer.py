"""What the bus showed during a scenario, evaluated independently of the controller.

A frame counts when its checksum fits and its counter follows the last good one by one to three; what a good frame with an
unexpected counter carries may be acted on, and need not be.
"""

import math
from dataclasses import dataclass, field

import can

from v2g_bench.campaign.bare import ScenarioRun
from v2g_bench.campaign.limits import Limits
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import COUNTER_BYTE, check

TRIP_C, TRIP_STRINGS_V = 45.0, 0.3  # V2G manual, Admin Desk, emergency shutdown
ROUNDING = 1e-6
MOST_LOST = 3
TEMPERATURES = ("cell_temperature", "module_temperature")


@dataclass
class Seen:
    """What the bus showed. Times in s; inf where it never did."""

    may_trip_s: float = math.inf
    must_trip_s: float = math.inf
    silent_s: float = math.inf  # the last frame before a silence that is too long
    longest_gap_s: float = 0.0  # of any watched message, by sound frames
    disturbed: bool = False  # a frame was missing, damaged or doubled
    imbalance_s: float = math.inf
    imbalance_last_s: float = -math.inf
    soc_moved_pct: float = 0.0
    flags: bool = False  # over-current or imbalance: reasons to take power away
    gradient_k: float = 0.0
    dangerous: dict[str, set[float]] = field(default_factory=dict)
    trips: list[tuple[float, bool]] = field(default_factory=list)
    charge_only: list[tuple[float, bool]] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)  # frames of the controller that ask for closed contactors


class BusObserver:
    """Reads the bus of scenarios on one database."""

    def __init__(self, db: BusDatabase, limits: Limits) -> None:
        self._db, self.limits = db, limits
        self._bms = {spec.key: spec for spec in db.senders("BMS") if spec.cycle_s > 0}
        # Cell voltages decide nothing here, and are most of the traffic.
        self._read = {key for key, spec in self._bms.items() if any(_weighs(role) for role in db.roles_of(spec.name))}
        self._protected = any(spec.e2e for spec in self._bms.values())
        self._ems = {spec.key for spec in db.senders("EMS")}
        self._watched = {key for key, spec in self._bms.items() if spec.cycle_s <= 0.02}

    def look(self, scenario_run: ScenarioRun) -> Seen:
        """What the bus showed during the scenario."""
        seen, start_s = Seen(), scenario_run.start_s
        counters: dict[tuple[int, bool], int] = {}
        sound_s: dict[tuple[int, bool], float] = {}
        received_s, first_soc = start_s, math.nan
        for at_s, message in scenario_run.frames:
            key = self._db.key_of(message.arbitration_id, message.is_extended_id)
            if key in self._ems:
                if at_s >= start_s:
                    self._of_the_controller(seen, at_s, message)
                continue
            spec = self._bms.get(key)
            if spec is None:
                continue
            follows = True
            if spec.e2e is not None:
                if not check(message.data[: spec.length], spec.e2e.data_id):
                    seen.disturbed = True
                    continue
                counter = message.data[COUNTER_BYTE]
                delta = (counter - counters.get(key, counter - 1)) & 0xFF
                counters[key] = counter
                follows = 1 <= delta <= MOST_LOST
                seen.disturbed |= delta != 1
            if follows and at_s >= start_s and (spec.e2e is not None or not self._protected):
                self._silence(seen, received_s, at_s)
                received_s = at_s
            if follows and key in self._watched:
                if key in sound_s:
                    seen.longest_gap_s = max(seen.longest_gap_s, at_s - sound_s[key])
                sound_s[key] = at_s
            if key in self._read:
                values = self._db.decode(message)
                if math.isnan(first_soc):
                    first_soc = values.get("soc", math.nan)
                if at_s >= start_s:
                    self._of_the_battery(seen, at_s, values, first_soc, follows=follows)
        end_s = scenario_run.start_s + scenario_run.scenario.end_s
        self._silence(seen, received_s, end_s)
        seen.longest_gap_s = max([seen.longest_gap_s, *(end_s - at_s for at_s in sound_s.values())])
        return seen

    def _silence(self, seen: Seen, last_s: float, now_s: float) -> None:
        if now_s - last_s > self.limits.silence_ms / 1e3:
            seen.silent_s = min(seen.silent_s, last_s)

    def _of_the_controller(self, seen: Seen, at_s: float, message: can.Message) -> None:
        values = self._db.decode(message)
        if "trip_latched" in values:
            seen.trips.append((at_s, values["trip_latched"] >= 0.5))
        if "charge_only" in values:
            seen.charge_only.append((at_s, values["charge_only"] >= 0.5))
        if values.get("contactor_request", 0.0) >= 0.5:
            seen.closed.append(at_s)

    @staticmethod
    def _of_the_battery(seen: Seen, at_s: float, values: dict[str, float], first_soc: float, *, follows: bool) -> None:
        for role, value in values.items():
            if role.startswith(TEMPERATURES):
                danger = value > TRIP_C + ROUNDING
            elif role == "string_voltage_difference":
                danger = value > TRIP_STRINGS_V + ROUNDING
            else:
                continue
            if danger:
                seen.dangerous.setdefault(role, set()).add(value)
                seen.may_trip_s = min(seen.may_trip_s, at_s)
                if follows:
                    seen.must_trip_s = min(seen.must_trip_s, at_s)
        if "cell_temperature_max" in values and "cell_temperature_min" in values:
            apart_k = values["cell_temperature_max"] - values["cell_temperature_min"]
            seen.gradient_k = max(seen.gradient_k, apart_k)
        if values.get("over_current", 0.0) >= 0.5:
            seen.flags = True
        if values.get("cell_imbalance", 0.0) >= 0.5:
            seen.flags = True
            if follows:
                seen.imbalance_s, seen.imbalance_last_s = min(seen.imbalance_s, at_s), at_s
        if "soc" in values:
            moved_pct = abs(values["soc"] - first_soc)
            seen.soc_moved_pct = max(seen.soc_moved_pct, moved_pct)


def _weighs(role: str) -> bool:
    return role.startswith(TEMPERATURES) or role in (
        "string_voltage_difference",
        "soc",
        "over_current",
        "cell_imbalance",
    )
