"""The rule from differences to a verdict, on laws whose answer is known."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from v2g_bench.life.loop.car import Battery
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.lives import Candidate, Life
from v2g_bench.life.loop.verdict import _inside, judge, weakest_cell
from v2g_bench.life.loop.year import Tally, Year
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.pack.ageing.law import Facts, Fade, Fitted, InRange
from v2g_bench.pack.ageing.naumann import NAUMANN
from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import Stress, stress_of

NONE = np.empty(0)
WINDOW = frozenset({"window"})


@dataclass
class FakeLaw:
    """Loses `loss[name of the configuration]`, with the draws' cycling factor."""

    loss: dict[str, float]
    cell: str = "one"
    chemistry: str = "NMC"
    blind_to: frozenset[str] = frozenset()
    inside: float = 1.0
    headline: bool = True

    @property
    def facts(self) -> Facts:
        return Facts(self.cell, "", self.chemistry, self.cell, "", Fitted(), self.blind_to, headline=self.headline)

    @property
    def name(self) -> str:
        return self.cell

    def fade(self, stress, years, draws=None) -> Fade:
        factor = np.ones(1) if draws is None else draws.cyclic
        cyclic = self.loss[stress] * factor / 100
        return Fade(0 * cyclic, cyclic, cyclic, None)

    def in_range(self, stress) -> InRange:
        return InRange(1.0, self.inside, self.inside)


def _life(name: str, tally: Tally | None = None) -> Life:
    year = Year(Battery(), NONE, NONE, NONE, NONE, tally or Tally())
    return Life(Candidate(Configuration(name)), 10, ((0, year),), name)  # type: ignore[arg-type]


def _judged(*laws: FakeLaw, a: Life | None = None, b: Life | None = None, compared=WINDOW):
    named = {law.cell: law for law in laws}
    return judge(a or _life("a"), b or _life("b"), named, compared=compared, draws=200)


def _three(loss_b: float, **more):
    return [FakeLaw({"a": 10.0, "b": loss_b}, cell, **more) for cell in ("x", "y", "z")]


@pytest.mark.parametrize(
    ("loss_b", "verdict"),
    [(9.0, Verdict.PASS), (10.1, Verdict.PASS), (12.0, Verdict.FAIL), (10.45, Verdict.INCONCLUSIVE)],
)
def test_all_laws_agree(loss_b: float, verdict: Verdict) -> None:
    assert _judged(*_three(loss_b)).verdict is verdict


def test_a_law_that_disagrees_is_never_averaged_away() -> None:
    judged = _judged(*_three(8.0), FakeLaw({"a": 10.0, "b": 12.0}, "w"))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert (judged.agreeing(-1), judged.agreeing(1)) == (3, 1)
    assert "3 say no more, 1 say more" in judged.reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"chemistry": "LFP"}, "was fitted to LFP"),
        ({"blind_to": WINDOW}, "is blind to window"),
        ({"inside": 0.79}, "79 % of the difference"),
        ({"headline": False}, "never carries a verdict"),
        ({"cell": "x"}, ""),
    ],
)
def test_too_few_votes_are_inconclusive(change: dict, why: str) -> None:
    """Each rule takes the third vote away; a second law of the same cell is no independent one."""
    laws = _three(9.0)
    laws[2] = replace(laws[2], **change)
    named = {str(place): law for place, law in enumerate(laws)}
    judged = judge(_life("a"), _life("b"), named, compared=WINDOW, draws=200)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "2 independently fitted laws" in judged.reason
    assert why in " ".join(judged.laws[2].no_vote)


def test_blindness_counts_for_what_is_compared_alone() -> None:
    laws = _three(9.0, blind_to=frozenset({"depth"}))
    assert _judged(*laws).verdict is Verdict.PASS
    assert _judged(*laws, compared=frozenset({"depth"})).verdict is Verdict.INCONCLUSIVE


def test_duty_that_is_not_served_fails_whatever_it_saves() -> None:
    stranded = Tally(unserved_tours=1, tours=9)
    assert _judged(*_three(1.0), b=_life("b", stranded)).verdict is Verdict.FAIL
    assert _judged(*_three(1.0), a=_life("a", stranded)).verdict is Verdict.INCONCLUSIVE
    assert _judged(*_three(1.0), b=_life("b", Tally(clipped_ah=0.1))).verdict is Verdict.FAIL
    assert _judged(*_three(1.0), b=_life("b", Tally(clipped_ah=1e-12))).verdict is Verdict.PASS


def test_draws_are_paired() -> None:
    """The interval of the difference is far narrower than that of one life."""
    law = _judged(*_three(10.2)).laws[0]
    one = law.interval_a_pct[1] - law.interval_a_pct[0]
    assert law.interval_pct[1] - law.interval_pct[0] < 0.05 * one


def _cycled(outside: float, within: float) -> Stress:
    """A day of a pack of LFP: so many full cycles in the cold, and so many at 25 °C, where Naumann's tests were."""
    rest = Series(np.array([0.0, 86400.0]), np.full(2, 0.5), np.full(2, 25.0), None, 100.0, "LFP")
    two = np.ones(2)
    cycles = Cycles(
        0.9 * two, 0.5 * two, np.array([outside, within]), np.array([0.0, 25.0]), 0.2 * two, 0.2 * two, 9.0 * two
    )
    return replace(stress_of(rest), closed=cycles)


@pytest.mark.parametrize(
    ("b", "inside"), [((1.0, 2.0), 1.0), ((2.0, 1.0), 0.0), ((1.5, 1.5), 0.5), ((1.25, 1.75), 0.75), ((0.5, 1.5), 0.5)]
)
def test_of_a_root_law_what_does_not_differ_is_no_difference(b, inside: float) -> None:
    """Of 1 + 1 cycles more are added in the range of the tests, out of it, or both: not a part of all that are there."""
    law = replace(NAUMANN, calendar=None)
    lives = [Life(Candidate(Configuration("x")), 10, (), _cycled(*cycles)) for cycles in ((1.0, 1.0), b)]
    assert _inside(law, *lives) == pytest.approx(inside, abs=1e-6)


def test_weakest_of_96_cells() -> None:
    rates = weakest_cell(4000, 96, np.random.default_rng(1))
    assert np.log(rates).mean() == pytest.approx(2.5 * 0.03, rel=0.03)


def test_nothing_differs() -> None:
    judged = _judged(*_three(10.0))
    assert {law.sign for law in judged.laws} == {0}
    assert judged.verdict is Verdict.PASS


def test_lives_that_do_not_differ_need_no_vote() -> None:
    """Whatever the laws were fitted to; unless all of them are blind to what differs."""
    judged = _judged(*_three(10.0, chemistry="LFP"))
    assert (judged.verdict, judged.reason) == (Verdict.PASS, "no law finds any difference between the two lives")
    assert _judged(*_three(10.0, blind_to=WINDOW)).verdict is Verdict.INCONCLUSIVE
    assert judge(_life("a"), _life("b"), {}, compared=WINDOW).verdict is Verdict.INCONCLUSIVE


def test_a_law_that_finds_no_difference_has_no_vote_on_one() -> None:
    """All of no difference lies inside its range, and none of it: that is no evidence."""
    judged = _judged(*_three(9.0)[:2], FakeLaw({"a": 10.0, "b": 10.0}, "z"))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.laws[2].no_vote == ("finds no difference",)


def test_no_vote_is_no_law() -> None:
    judged = _judged(*_three(9.0, chemistry="LFP"))
    assert judged.reason == "no independently fitted law may vote, 3 needed"
    assert [law.chemistry for law in judged.of_chemistry("LFP")] == ["LFP"] * 3
    assert not judged.of_chemistry("NMC")
