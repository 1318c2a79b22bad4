import re

import pytest

from v2g_bench.campaign.invariants import INVARIANTS
from v2g_bench.campaign.plan import campaign_path
from v2g_bench.commands.defects.run import SCENARIOS
from v2g_bench.fixtures.defects.benches import AFTER_PREPARING, ON_THE_RIG, PATCHES
from v2g_bench.qualification.defects.catalogue import CATALOGUE
from v2g_bench.qualification.defects.controllers import FACTORIES

UNFOUND = {
    "implausible_believed",
    "derating_springs_back",
}  # no requirement asks for what they break: the suite passes them


def test_there_are_at_least_sixty_of_all_kinds():
    broken = [defect for defect in CATALOGUE if not defect.near_miss]
    assert len(broken) >= 60
    assert {defect.kind for defect in broken} == {"controller", "part", "bench"}
    assert len({defect.name for defect in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.name)
def test_each_breaks_something_and_says_who_must_notice(defect):
    assert bool(defect.core) + bool(defect.parts) + bool(defect.bench) + bool(defect.tamper) >= 1
    assert not defect.core or defect.core in FACTORIES
    assert not defect.bench or defect.bench in {*PATCHES, *ON_THE_RIG}
    assert defect.near_miss or defect.reason
    re.compile(defect.reason)
    assert defect.check == "verify" or re.fullmatch(r"[A-Z]{3}-\d\d", defect.check)
    assert not defect.of_the_suite or defect.verdict == "FAIL"
    if defect.campaign:
        name, _, invariant = defect.campaign.partition(": ")
        assert name in SCENARIOS
        assert campaign_path(name).exists()
        assert invariant in INVARIANTS
        assert defect.of_the_suite


def test_every_controller_is_in_the_catalogue():
    """A defect that nobody runs proves nothing."""
    assert set(FACTORIES) == {defect.core for defect in CATALOGUE} - {""} | UNFOUND


def test_every_defect_of_the_bench_is_in_the_catalogue():
    assert {*PATCHES, *ON_THE_RIG} == {defect.bench for defect in CATALOGUE} - {""}
    assert set(AFTER_PREPARING) <= set(PATCHES)
