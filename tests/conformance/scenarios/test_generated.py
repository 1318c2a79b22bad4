"""Generated scenarios of the campaigns: faults, values, times and operating points drawn from the run's seed."""

import pytest

from v2g_bench.campaign.audit import audited
from v2g_bench.errors import NotTested


@pytest.mark.req("SCN-01")
def test_invariants_hold(open_rig, bench, judge, generated_scenario):
    """At every instant of this scenario: isolated in time, latched, no trip inside the limits, no forbidden discharge."""
    if generated_scenario is None:
        raise NotTested("--scenarios=0")
    if open_rig.world.plant is None or open_rig.loaded.rig.bms.kind != "emulated":
        raise NotTested("this rig has no emulated battery to play a scenario on")
    scenario = generated_scenario
    judge.kept(f"{scenario.name}.toml", scenario.to_toml())  # alone again: pytest --scenario=FILE
    audit = audited(open_rig, bench, scenario, judge.limits.silence_limit_ms)
    for statement, broken in audit.findings.items():
        judge.holds(statement, not broken, broken, about_s=audit.moments.get(statement))
