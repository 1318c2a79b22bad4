import re

import pytest

from v2g_bench.campaign.invariants import INVARIANTS
from v2g_bench.campaign.plan import campaign_path
from v2g_bench.qualification.defects import controllers
from v2g_bench.qualification.defects.catalogue import CATALOGUE
from v2g_bench.qualification.defects.plugin import PATCHES
from v2g_bench.qualification.defects.run import SCENARIOS


def test_there_are_at_least_sixty_of_all_kinds():
    broken = [defect for defect in CATALOGUE if not defect.near_miss]
    assert len(broken) >= 60
    assert {defect.kind for defect in broken} == {"controller", "part", "bench"}
    assert len({defect.name for defect in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.name)
def test_each_breaks_something_and_says_who_must_notice(defect):
    assert bool(defect.core) + bool(defect.parts) + bool(defect.bench) + bool(defect.tamper) >= 1
    assert not defect.core or callable(getattr(controllers, defect.core))
    assert not defect.bench or defect.bench in PATCHES
    assert defect.near_miss or defect.reason
    re.compile(defect.reason)
    if defect.check.startswith("campaign "):
        name = defect.check.removeprefix("campaign ")
        assert name in SCENARIOS
        assert campaign_path(name).exists()
        assert defect.verdict in INVARIANTS
        assert defect.kind == "controller"
    else:
        assert defect.tests
        assert defect.check == "verify" or re.fullmatch(r"[A-Z]{3}-\d\d", defect.check)


def test_every_controller_is_in_the_catalogue():
    """A defect that nobody runs proves nothing."""
    used = {defect.core for defect in CATALOGUE}
    made = {
        name
        for name, value in vars(controllers).items()
        if not name.startswith("_") and name[0].islower() and getattr(value, "__module__", "") == controllers.__name__
    }
    assert made <= used | {"annotations"}


def test_every_defect_of_the_bench_is_in_the_catalogue():
    assert set(PATCHES) == {defect.bench for defect in CATALOGUE} - {""}
