"""What must hold at every instant of a scenario, judged from the bus traffic, the current, and the log.

The judge implements the manual independently of the controller; `observer` reads the bus.

    dangerous      a temperature above 45 °C, or strings more than 300 mV apart: isolation is due 50 ms later
    silent         no new frame of the BMS (good CRC, counter advanced; any frame, where none is protected): isolation
                   is due `silence_ms` after the last one
    inside limits  no reason for a stop: the current must continue, and no trip may be logged
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from v2g_bench.campaign.bare import Floats, ScenarioRun
from v2g_bench.campaign.bus_observer import BusObserver, Seen
from v2g_bench.campaign.limits import Limits
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import BMS_ROLES

SAME_S = 1e-4  # a log's timestamps are rounded
TRIP_CODE, TIMEOUT_CODE, NOISE_CODE, SOC_CODE = "EMERGENCY_SHUTDOWN", "ERR_BMS_TIMEOUT", "0x0B22", "0x09BD"
IMBALANCE_CODE = "CELL_IMBALANCE"
BLOCKING = (NOISE_CODE, SOC_CODE, IMBALANCE_CODE)


@dataclass(frozen=True)
class Violation:
    """One invariant that did not hold. at_ms: after the scenario's beginning."""

    invariant: str
    at_ms: float
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} at {self.at_ms:.2f} ms: {self.text}"


INVARIANTS = {
    "alive": "the controller does not crash",
    "isolation": "current gone in time after a dangerous frame or a silent BMS, and it stays away",
    "contactors": "no closed contactors are asked for once isolation is due",
    "direction": "the current flows the way that was asked for",
    "no-trip": "no trip and no stop inside all limits",
    "latch": "a trip is not taken back, and power is refused while it holds",
    "no-discharge": "no discharge while it is forbidden",
    "log": "the log says what happened, when it happened, and nothing else",
}


class Judge:
    """Judges scenarios on one database."""

    def __init__(self, db: BusDatabase, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.look = BusObserver(db, self.limits).look

    def judge(self, scenario_run: ScenarioRun, seen: Seen | None = None) -> list[Violation]:
        """All invariants that were violated, the earliest first; empty for a good scenario. seen: from `look`."""
        seen = seen or self.look(scenario_run)
        found: list[Violation] = []
        for rule in (_alive, _isolation, _contactors, _direction, _no_trip, _latch, _no_discharge, _log):
            found += [
                Violation(name, 1e3 * (at_s - scenario_run.start_s), text)
                for name, at_s, text in rule(scenario_run, seen, self.limits)
            ]
        return sorted(found, key=lambda one: (one.at_ms, one.invariant))


Found = Iterator[tuple[str, float, str]]


def _due_s(seen: Seen, limits: Limits) -> tuple[float, str]:
    """When the pack must be isolated at the latest, and why; inf for never."""
    trip_s = seen.must_trip_s + limits.isolation_ms / 1e3
    silent_s = seen.silent_s + limits.silence_ms / 1e3
    if trip_s <= silent_s:
        return trip_s, f"{limits.isolation_ms:g} ms after a dangerous frame"
    return silent_s, f"{limits.silence_ms:g} ms after the last frame of the BMS"


def _alive(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    if scenario_run.crash:
        yield "alive", scenario_run.start_s, scenario_run.crash


def _isolation(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    due_s, why = _due_s(seen, limits)
    allowed_a = limits.isolation_fraction * abs(scenario_run.before_a) + limits.slack_a
    # A silence, and what it forbids, ends with the next frame of the BMS; a trip does not.
    until_s = math.inf if seen.must_trip_s < math.inf else scenario_run.start_s + scenario_run.scenario.clear_s
    after = (scenario_run.times_s > due_s + limits.slack_ms / 1e3) & (scenario_run.times_s <= until_s)
    if abs(scenario_run.before_a) <= 10 * limits.isolation_fraction or not after.any():
        return
    worst = int(np.argmax(np.where(after, np.abs(scenario_run.current_a), -1.0)))
    if abs(scenario_run.current_a[worst]) > allowed_a:
        first = int(np.argmax(after & (np.abs(scenario_run.current_a) > allowed_a)))
        text = f"{scenario_run.current_a[worst]:.3g} A flows later than {why}, {scenario_run.before_a:.3g} A before"
        yield "isolation", float(scenario_run.times_s[first]), text


def _contactors(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    due_s, why = _due_s(seen, limits)
    if seen.must_trip_s == math.inf:
        return
    late = [at_s for at_s in seen.closed if at_s > due_s]
    if late:
        yield "contactors", late[0], f"closed contactors are asked for later than {why}"


def _direction(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    asked_w = scenario_run.scenario.operating_point.power_w
    if abs(scenario_run.before_a) > 1.0 and scenario_run.before_a * asked_w < 0:
        yield "direction", scenario_run.start_s, f"{scenario_run.before_a:.3g} A where {asked_w:g} W was asked for"


def _excused(seen: Seen, limits: Limits) -> bool:
    """Whether anything on the bus could be a reason to take power away, or to stop."""
    return (
        seen.may_trip_s < math.inf
        or seen.disturbed
        or seen.flags
        or seen.longest_gap_s >= 0.5 * limits.bms_timeout_ms / 1e3
        or seen.soc_moved_pct > 0.5 * limits.soc_step_pct
    )


def _no_trip(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    logged_s = [at_s for at_s, code, _ in scenario_run.log if code == TRIP_CODE and at_s >= scenario_run.start_s]
    latched_s = [at_s for at_s, latched in seen.trips if latched]
    first_s = min(logged_s + latched_s, default=math.inf)
    if first_s < seen.may_trip_s - SAME_S:
        yield "no-trip", first_s, "a trip, and nothing on the bus was above 45 °C or 300 mV"
    if _excused(seen, limits) or not abs(scenario_run.before_a):
        return
    share = scenario_run.current_a / scenario_run.before_a
    inside = scenario_run.times_s >= scenario_run.start_s
    if abs(scenario_run.before_a) > 1.0 and inside.any() and float(share[inside].min()) < limits.flows_pct / 100:
        at_s = float(scenario_run.times_s[inside][int(np.argmin(share[inside]))])
        yield "no-trip", at_s, f"{100 * float(share[inside].min()):.0f} % of the current is left, and nothing was wrong"


def _latch(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    due_s, _ = _due_s(seen, limits)
    held = False
    for at_s, latched in seen.trips:
        if held and not latched:
            yield "latch", at_s, "the trip was taken back, and nobody had reset it"
            break
        held = held or latched
    asked_s = scenario_run.start_s + scenario_run.scenario.clear_s + 0.01
    if seen.must_trip_s < math.inf and due_s < asked_s and scenario_run.answer[0]:
        yield "latch", asked_s, f"{scenario_run.scenario.operating_point.power_w:g} W was accepted after a trip"


def _forbidden(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Iterator[tuple[float, float, str]]:
    """(from, to, why) of the times in which no discharge is allowed."""
    grace_s, end_s = limits.fallback_ms / 1e3, scenario_run.start_s + scenario_run.scenario.end_s
    if seen.imbalance_last_s - seen.imbalance_s > 0.02:
        yield seen.imbalance_s + grace_s, end_s, "the BMS has reported cell imbalance"
    for at_s, code, _ in scenario_run.log:
        if code in BLOCKING:
            yield at_s + grace_s, end_s, f"the log says {code}"
            break
    own = [at_s for at_s, only in seen.charge_only if only]
    if own:
        yield own[0] + grace_s, end_s, "the controller says charge-only"


def _no_discharge(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    allowed_a = limits.no_discharge_w / limits.pack_v + limits.slack_a
    for from_s, to_s, why in _forbidden(scenario_run, seen, limits):
        inside = (scenario_run.times_s >= from_s + limits.slack_ms / 1e3) & (scenario_run.times_s <= to_s)
        if inside.any() and float(scenario_run.current_a[inside].min()) < -allowed_a:
            at_s = float(scenario_run.times_s[inside][int(np.argmin(scenario_run.current_a[inside]))])
            yield "no-discharge", at_s, f"{-float(scenario_run.current_a[inside].min()):.3g} A of discharge: {why}"
            return


def _log(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> Found:
    end_s = scenario_run.start_s + scenario_run.scenario.end_s
    _, why = _due_s(seen, limits)
    entries = [
        (at_s, code, text)
        for at_s, code, text in scenario_run.log
        if at_s >= scenario_run.start_s and "over after" not in text
    ]
    trips = [(at_s, text) for at_s, code, text in entries if code == TRIP_CODE]
    if seen.must_trip_s + limits.isolation_ms / 1e3 < end_s and not scenario_run.crash:
        deadline_s = seen.must_trip_s + limits.isolation_ms / 1e3
        if not any(at_s <= deadline_s for at_s, _ in trips):
            yield "log", deadline_s, f"no {TRIP_CODE} in the log {why}"
    for at_s, text in trips:
        if not _true_cause(text, seen):
            yield "log", at_s, f"the log names a cause that was not on the bus: {text[:120]}"
    timeouts = [at_s for at_s, code, _ in entries if code == TIMEOUT_CODE]
    if seen.silent_s + limits.silence_ms / 1e3 < end_s and not timeouts and not scenario_run.crash:
        yield "log", seen.silent_s + limits.silence_ms / 1e3, f"no {TIMEOUT_CODE} in the log, and the BMS is silent"
    if timeouts and seen.longest_gap_s < 0.5 * limits.bms_timeout_ms / 1e3:
        gap_ms = 1e3 * seen.longest_gap_s
        yield "log", timeouts[0], f"{TIMEOUT_CODE} in the log, and no gap was longer than {gap_ms:.0f} ms"
    for at_s, code, _ in entries:
        if code == NOISE_CODE and not seen.disturbed:
            yield "log", at_s, f"{NOISE_CODE} in the log, and every frame arrived unharmed"
        if code == SOC_CODE and seen.soc_moved_pct < 0.5 * limits.soc_step_pct:
            yield "log", at_s, f"{SOC_CODE} in the log, and the SoC moved by {seen.soc_moved_pct:.1f} %"
        if code == IMBALANCE_CODE and seen.imbalance_s == math.inf:
            yield "log", at_s, f"{IMBALANCE_CODE} in the log, and the BMS did not say so"


def _true_cause(text: str, seen: Seen) -> bool:
    """Whether the numbers of a trip's log line were on the bus under the role that it names; one that names none is true."""
    if not any(role in text for role in BMS_ROLES):
        return True
    numbers = [float(found) for found in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)]
    named = [role for role in seen.dangerous if role in text]
    shown = {value for role in named or seen.dangerous for value in seen.dangerous[role]}
    return any(abs(number - value) <= 5e-4 + 1e-3 * abs(value) for number in numbers for value in shown)


def summary(violations: Sequence[Violation]) -> str:
    """One line."""
    return "; ".join(map(str, violations)) if violations else "all invariants hold"


def latency_ms(scenario_run: ScenarioRun, seen: Seen, limits: Limits) -> float:
    """From the dangerous frame until the current is below its fraction and stays there; NaN where that was not due."""
    times_s, current_a = scenario_run.times_s, np.abs(scenario_run.current_a)
    if seen.must_trip_s == math.inf or abs(scenario_run.before_a) < 1.0:
        return math.nan
    above = np.flatnonzero(current_a >= limits.isolation_fraction * abs(scenario_run.before_a))
    if not len(above) or above[-1] + 1 >= len(times_s):
        return math.nan
    place = int(above[-1])
    return 1e3 * (
        _fell_s(times_s, current_a, place, limits.isolation_fraction * abs(scenario_run.before_a)) - seen.must_trip_s
    )


def _fell_s(times_s: Floats, current_a: Floats, place: int, level_a: float) -> float:
    """When the current fell through the level between two ends: exact for a step, else by an exponential between them."""
    t0, t1, a0, a1 = (
        float(times_s[place]),
        float(times_s[place + 1]),
        float(current_a[place]),
        float(current_a[place + 1]),
    )
    if t1 <= t0 or a1 <= 0 or a0 <= a1:
        return t1
    return t0 + (t1 - t0) * math.log(a0 / level_a) / math.log(a0 / a1)
