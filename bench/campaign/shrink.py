"""Make a failing scenario small: fewer faults, steps for ramps, plain numbers, while the same invariant still fails.

Greedy and deterministic: each simplification is kept if the scenario still breaks an invariant that the first one broke,
and all are tried again until none helps.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from v2g_bench.campaign.plan import COUNTED
from v2g_bench.campaign.scenario import REPEAT_REQUEST_S, Scenario, Timed
from v2g_bench.errors import BenchError
from v2g_bench.faults import from_dict

PLAIN: dict[str, float] = {"cell": 17, "module": 1, "to_c": 45.5, "to_mv": 320.0, "to_k": 12.0, "by_pct": 8.0}
PLAIN |= {"loss_pct": 0.0, "flip_pct": 0.0, "jitter_ms": 0.0, "burst_frames": 1, "duplicate_pct": 0.0, "longest_gap": 0}
MOST_ROUNDS = 6

Fails = Callable[[Scenario], set[str]]


def shrink(scenario: Scenario, fails: Fails) -> Scenario:
    """The smallest scenario found that still breaks one of the invariants that this one breaks.

    fails: the invariants that a scenario breaks. A scenario that breaks none is given back as it is.
    """
    wanted = fails(scenario)
    if not wanted:
        return scenario
    for _ in range(MOST_ROUNDS):
        smaller = scenario
        for candidate in _simpler(scenario):
            change = candidate(smaller)
            if change is not None and change != smaller and fails(change) & wanted:
                smaller = change
        if smaller == scenario:
            break
        scenario = smaller
    return replace(scenario, name=f"{scenario.name}-small")


Simpler = Callable[[Scenario], Scenario | None]


def _simpler(scenario: Scenario) -> Iterator[Simpler]:
    """Ways to make it simpler, the bold ones first."""
    for place in range(len(scenario.faults)):
        yield lambda now, place=place: _without(now, place)  # type: ignore[misc]
    yield lambda now: replace(now, operating_point=replace(now.operating_point, soc_pct=50.0))
    yield lambda now: replace(now, operating_point=replace(now.operating_point, temperature_c=25.0))
    yield lambda now: replace(
        now,
        operating_point=replace(now.operating_point, power_w=3000.0 if now.operating_point.power_w > 0 else -3000.0),
    )
    yield lambda now: replace(now, operating_point=replace(now.operating_point, seed=1))
    for place, timed in enumerate(scenario.faults):
        for key in timed.fault.to_dict():
            if key in PLAIN or key.startswith("ramp_"):
                yield lambda now, place=place, key=key: _plain(now, place, key)  # type: ignore[misc]
        yield lambda now, place=place: _at(now, place, 0.0)  # type: ignore[misc]
        yield lambda now, place=place: _at(now, place, round(_at_s(now, place), 3))  # type: ignore[misc]
    yield lambda now: _lasting(now, 0.1)
    yield lambda now: _lasting(now, round(now.clear_s, 2))


def _without(scenario: Scenario, place: int) -> Scenario | None:
    if place >= len(scenario.faults):
        return None
    faults = scenario.faults[:place] + scenario.faults[place + 1 :]
    return replace(scenario, faults=faults)


def _changed(scenario: Scenario, place: int, timed: Timed) -> Scenario:
    return replace(scenario, faults=(*scenario.faults[:place], timed, *scenario.faults[place + 1 :]))


def _plain(scenario: Scenario, place: int, key: str) -> Scenario | None:
    if place >= len(scenario.faults):
        return None
    data = scenario.faults[place].fault.to_dict()
    if key not in data:
        return None
    try:
        plain = PLAIN.get(key, 0.0)
        # A cell that is named is one of the pack; of how many is not known here.
        fault = from_dict(data | {key: min(plain, data[key]) if key in COUNTED else plain})
    except BenchError:
        return None  # such a fault cannot be
    return _changed(scenario, place, replace(scenario.faults[place], fault=fault))


def _at_s(scenario: Scenario, place: int) -> float:
    return scenario.faults[place].at_s if place < len(scenario.faults) else 0.0


def _at(scenario: Scenario, place: int, at_s: float) -> Scenario | None:
    if place >= len(scenario.faults) or at_s >= scenario.clear_s:
        return None
    return _changed(scenario, place, replace(scenario.faults[place], at_s=at_s))


def _lasting(scenario: Scenario, clear_s: float) -> Scenario | None:
    """All faults taken back at this time, the rest of the scenario as long as it was."""
    if clear_s > scenario.clear_s or any(timed.at_s >= clear_s for timed in scenario.faults):
        return None
    tail_s = max(2 * REPEAT_REQUEST_S, scenario.end_s - scenario.clear_s)
    return replace(scenario, clear_s=clear_s, end_s=round(clear_s + tail_s, 6))
