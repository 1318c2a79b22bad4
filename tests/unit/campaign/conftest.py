import pytest

from v2g_bench.campaign.bare import Setup
from v2g_bench.campaign.invariants import Judge
from v2g_bench.campaign.scenario import Scenario, Stand, Timed
from v2g_bench.campaign.standing import Standing

BROKEN = "v2g_bench.qualification.defects.controllers"
STAND = Stand(seed=1, soc_pct=50.0, temperature_c=25.0, power_w=-3000.0)


@pytest.fixture(scope="session")
def setup():
    return Setup.of_rig("sim")


@pytest.fixture(scope="session")
def standing(setup):
    return Standing(setup, STAND)


@pytest.fixture(scope="session")
def judge(setup):
    return Judge(setup.db)


@pytest.fixture(scope="session")
def told():
    """A scenario of these faults, from 13 ms on."""

    def made(*faults, clear_s=0.12, end_s=0.3, stand=STAND):
        return Scenario("told", stand, tuple(Timed(0.013, fault) for fault in faults), clear_s, end_s)

    return made


@pytest.fixture(scope="session")
def broken(told):
    """(what was played, what was violated) of a broken controller in such a scenario."""
    worlds = {}

    def played(core, *faults, **times):
        if core not in worlds:
            setup = Setup.of_rig("sim", f"{BROKEN}:{core}")
            worlds[core] = (Standing(setup, STAND), Judge(setup.db))
        standing, judge = worlds[core]
        found = standing.play(told(*faults, **times))
        return found, judge.judge(found)

    return played
