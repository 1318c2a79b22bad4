"""A scenario on an open rig, judged at every instant from outside: by bus, digitizer, log and answers alone."""

import dataclasses
import math
from collections.abc import Iterator

from v2g_bench.campaign.invariants import INVARIANTS, Judge, latency_ms
from v2g_bench.campaign.limits import Limits
from v2g_bench.campaign.onrig import play_on
from v2g_bench.campaign.plan import CampaignPlan, campaign_path, parse_campaign
from v2g_bench.campaign.scenario import Scenario
from v2g_bench.inputs.text import read_text
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.measuring.bench import Bench
from v2g_bench.rig.parts.protocol import Parts

DUE, AFTER_S = (
    ("isolation", "contactors", "latch"),
    0.3,
)  # what a frame before it demands; what is shown after a violation
GENERATED = ("shutdown", "fallbacks", "frozen", "benign")  # in turn


@dataclasses.dataclass(frozen=True)
class Audit:
    """What came of it: statement -> what broke it ("": nothing); latency_ms: about, NaN where none was due.

    moments: statement -> the frame that it is about, or else when it was broken first, and the end of what is worth seeing
    (bench clock, s).
    """

    findings: dict[str, str]
    latency_ms: float
    moments: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)


def names(count: int) -> list[str]:
    """Of so many generated scenarios.

    >>> names(5)
    ['shutdown-0', 'fallbacks-0', 'frozen-0', 'benign-0', 'shutdown-1']
    """
    return [f"{GENERATED[place % len(GENERATED)]}-{place // len(GENERATED)}" for place in range(count)]


def generated(count: int, seed: int, rig: Rig) -> Iterator[tuple[str, Scenario]]:
    """(name, scenario) of so many, from the shipped campaigns in turn; the same for the same seed. Powers end where the
    rig's ratings and [safety] end.
    """
    most_w = min(rig.inverter.rated_power_w, rig.safety.max_power_w)
    for place, kind in enumerate(GENERATED):
        own = len(range(place, count, len(GENERATED)))
        if not own:
            continue
        path = campaign_path(kind)
        plan = CampaignPlan(
            parse_campaign(read_text(path), kind).model_copy(update={"per_stand": 1}), own, seed, rig.plant
        )
        for index in range(own):
            scenario = plan.scenario(index)
            point = scenario.operating_point
            point = dataclasses.replace(point, power_w=max(-most_w, min(most_w, point.power_w)))
            yield f"{kind}-{index}", dataclasses.replace(scenario, operating_point=point)


def audited(parts: Parts, bench: Bench, scenario: Scenario, silence_ms: float) -> Audit:
    """Play it and judge every invariant. silence_ms: what this rig grants a controller whose BMS is silent."""
    limits = Limits.of_rig(parts.loaded.rig, silence_ms=silence_ms)
    scenario_run, limits = play_on(parts, bench, scenario, limits)
    auditor = Judge(parts.bus.db, limits)
    seen = auditor.look(scenario_run)
    violations = auditor.judge(scenario_run, seen)
    findings = {
        statement: "; ".join(str(one) for one in violations if one.invariant == name)
        for name, statement in INVARIANTS.items()
    }
    value_ms = latency_ms(scenario_run, seen, limits)
    reason_s = min(seen.must_trip_s, seen.silent_s)  # of what is due later
    moments = dict[str, tuple[float, float]]()
    for one in reversed(violations):
        at_s = scenario_run.start_s + one.at_ms / 1e3
        moments[INVARIANTS[one.invariant]] = (min(at_s, reason_s) if one.invariant in DUE else at_s, at_s + AFTER_S)
    return Audit(findings, value_ms if math.isfinite(value_ms) else math.nan, moments)
