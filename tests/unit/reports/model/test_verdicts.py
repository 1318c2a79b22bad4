import itertools

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.verdicts import VERDICTS, no_better, worst


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "INCONCLUSIVE"),
        (["PASS"], "PASS"),
        (["NOT APPLICABLE"], "INCONCLUSIVE"),
        (["PASS", "NOT APPLICABLE"], "PASS"),
        (["PASS", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["PASS", "NOT TESTED", "NOT APPLICABLE"], "NOT TESTED"),
        (["NOT TESTED", "INCONCLUSIVE"], "INCONCLUSIVE"),
        (["INCONCLUSIVE", "ERROR"], "ERROR"),
        (["ERROR", "FAIL", "PASS"], "FAIL"),
    ],
)
def test_worst_wins_in_any_order(found, expected):
    for order in itertools.permutations(found):
        assert worst(order) == expected


def test_a_word_that_is_no_verdict_is_refused():
    with pytest.raises(BenchError, match="no such word: 'PASSED'"):
        worst(["PASS", "PASSED"])


def test_own_verdict_is_never_better_than_what_it_stands_over():
    rank = {verdict: number for number, verdict in enumerate(VERDICTS)}
    for own, found in itertools.product(VERDICTS[:5], repeat=2):
        assert rank[no_better(own, [found])] == min(rank[own], rank[found])
