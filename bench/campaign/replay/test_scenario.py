"""`pytest --rig=RIG --scenario=FILE`: one scenario of a campaign, alone, on any rig with an emulated battery."""

import math
from pathlib import Path

import pytest

from v2g_bench.campaign.invariants import INVARIANTS, latency_ms
from v2g_bench.campaign.invariants import Judge as Auditor
from v2g_bench.campaign.onrig import play_on
from v2g_bench.campaign.scenario import Scenario, read_scenario
from v2g_bench.campaign.witness import Limits
from v2g_bench.errors import BenchError
from v2g_bench.fixtures.judge import Judge
from v2g_bench.rig.bench import Bench
from v2g_bench.rig.parts import Parts


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a file; a wrong file ends the run before anything starts."""
    files = [Path(name) for name in metafunc.config.getoption("--scenario") or []]
    try:
        scenarios = [read_scenario(path) for path in files]
    except BenchError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize("scenario", scenarios, ids=[one.name for one in scenarios])


@pytest.mark.req("SCN-01")
def test_invariants_hold(open_rig: Parts, bench: Bench, judge: Judge, scenario: Scenario) -> None:
    """Every invariant of the campaigns holds at every instant of this scenario."""
    thresholds, judging = bench.rig.dut.thresholds, bench.judging
    limits = Limits(
        isolation_fraction=judging.isolation_fraction,
        no_discharge_w=judging.no_discharge_w,
        fallback_ms=1e3 * judging.fallback_s,
        silence_ms=judging.silence_limit_ms,
        bms_timeout_ms=1e3 * thresholds.bms_timeout_s,
        soc_step_pct=thresholds.soc_divergence_pct,
    )
    played, limits = play_on(open_rig, bench, scenario, limits)
    auditor = Auditor(open_rig.db, limits)
    seen = auditor.look(played)
    violations = auditor.judge(played, seen)
    for name, statement in INVARIANTS.items():
        broken = [str(one) for one in violations if one.invariant == name]
        judge.holds(statement, not broken, "; ".join(broken))
    value_ms = latency_ms(played, seen, limits)
    if not math.isnan(value_ms):
        print(f"time to isolation, about {value_ms:.2f} ms: seen in a 2 ms mean, no measurement")
