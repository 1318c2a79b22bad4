import gc
from collections.abc import Iterator

import pytest

from v2g_bench.campaign.bare import Setup
from v2g_bench.campaign.invariants import Judge
from v2g_bench.campaign.prepared_world import PreparedWorld
from v2g_bench.campaign.scenario import OperatingPoint, Scenario, Timed

BROKEN = "v2g_bench.qualification.defects.controllers"
POINT = OperatingPoint(seed=1, soc_pct=50.0, temperature_c=25.0, power_w=-3000.0)


@pytest.fixture(scope="module", autouse=True)
def _frozen_again() -> Iterator[None]:
    """A campaign ends with `gc.unfreeze`: what `tests/unit/conftest.py` froze is frozen again."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def setup():
    return Setup.of_rig("sim")


@pytest.fixture(scope="session")
def prepared(setup):
    return PreparedWorld(setup, POINT)


@pytest.fixture(scope="session")
def judge(setup):
    return Judge(setup.db)


@pytest.fixture(scope="session")
def reported():
    """A scenario of these faults, from 13 ms on."""

    def made(*faults, clear_s=0.12, end_s=0.3, operating_point=POINT):
        return Scenario("told", operating_point, tuple(Timed(0.013, fault) for fault in faults), clear_s, end_s)

    return made


@pytest.fixture(scope="session")
def broken(reported):
    """(what was played, what was violated) of a broken controller in such a scenario."""
    worlds = {}

    def scenario_run(core, *faults, **times):
        if core not in worlds:
            setup = Setup.of_rig("sim", f"{BROKEN}:{core}")
            worlds[core] = (PreparedWorld(setup, POINT), Judge(setup.db))
        prepared, judge = worlds[core]
        found = prepared.play(reported(*faults, **times))
        return found, judge.judge(found)

    return scenario_run
