import pytest

from v2g_bench.pack.ageing.validation import CHECKS, Check, Row


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.law}: {check.what}")
def test_every_published_figure_is_reached(check):
    assert check.compute() == pytest.approx(check.expected, abs=check.tolerance + 1e-12)


def test_each_law_of_the_ensemble_has_figures():
    assert {check.law for check in CHECKS} == {
        "rainflow",
        "schmalstieg",
        "wang2011",
        "wang2014",
        "naumann",
        "xu",
        "kit",
    }


def test_a_figure_that_is_not_reached_is_shown():
    check = Check("xu", "a figure", "%", 1.0, 0.1, "nobody", lambda: 1.2)
    assert not Row(check, check.compute()).agrees
    assert Row(check, 1.05).agrees
