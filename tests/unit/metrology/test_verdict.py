import itertools

import pytest

from v2g_bench.metrology.verdict import Verdict, worst
from v2g_bench.reports.model.verdicts import VERDICTS

ORDER = list(map(Verdict, ["FAIL", "ERROR", "INCONCLUSIVE", "NOT TESTED", "PASS", "NOT APPLICABLE"]))


@pytest.mark.parametrize(("better", "worse"), [(b, a) for a, b in itertools.combinations(ORDER, 2)])
def test_the_worse_of_two_wins_in_either_order(better, worse):
    assert worst([better, worse]) == worst([worse, better]) == worse


def test_no_verdict_at_all_is_no_pass():
    assert worst([]) == Verdict.INCONCLUSIVE


def test_what_speaks_against_nobody_is_ok():
    assert [v for v in Verdict if v.ok] == [Verdict.PASS, Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE]


def test_the_report_has_the_same_verdicts_in_the_same_order():
    assert [str(v) for v in ORDER] == list(VERDICTS)
    assert set(ORDER) == set(Verdict)
