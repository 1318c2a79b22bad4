import itertools

import pytest

from v2g_bench.metrology.verdict import Verdict, worst

ORDER = [Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_APPLICABLE]


@pytest.mark.parametrize(("better", "worse"), [(b, a) for a, b in itertools.combinations(ORDER, 2)])
def test_the_worse_of_two_wins_in_either_order(better, worse):
    assert worst([better, worse]) == worst([worse, better]) == worse


def test_no_verdict_at_all_is_no_pass():
    assert worst([]) == Verdict.INCONCLUSIVE


def test_only_pass_and_not_applicable_are_ok():
    assert [v for v in Verdict if v.ok] == [Verdict.PASS, Verdict.NOT_APPLICABLE]


def test_verdicts_print_as_the_report_shows_them():
    assert [str(v) for v in ORDER] == ["FAIL", "ERROR", "INCONCLUSIVE", "PASS", "NOT APPLICABLE"]
