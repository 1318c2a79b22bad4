"""Two lives under many laws: the difference of each law with its interval, which laws may vote, and the verdict.

The draws are the same for both lives, so that a difference is a paired one. Laws are never pooled.

    PASS          by the 95 % interval of every voting law, B loses no more than A plus the margin; or no law finds any
                  difference at all
    FAIL          by that of every voting law, it loses more; or B does not serve the duty
    INCONCLUSIVE  anything else, also fewer than three voting laws that were fitted independently of each other
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from v2g_bench.life.loop.lives import Life, speaks_for
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.pack.ageing.law import Draws, Fade, Law, Spread
from v2g_bench.pack.ageing.series import Floats

INSIDE_SHARE = 0.8  # of the difference in damage, for a law to vote
INDEPENDENT = 3  # voting laws, fitted to different cells
INTERVAL_PCT = (2.5, 97.5)
RATE_SPREAD = 0.03  # of the logarithm, from cell to cell, of how fast it ages: assumed; the pack is its weakest cell


@dataclass(frozen=True)
class LawDifference:
    """What one law says. Points of capacity after the span; positive: B loses more. Intervals are 95 %.

    inside: share of the difference in damage within the law's fitted range. no_vote: why it does not vote; empty if it does.
    """

    law: str
    cell: str
    chemistry: str
    loss_a_pct: float
    loss_b_pct: float
    interval_a_pct: tuple[float, float]
    interval_b_pct: tuple[float, float]
    difference_pct: float
    interval_pct: tuple[float, float]
    calendar_share: tuple[float, float]
    inside: float
    no_vote: tuple[str, ...]

    @property
    def votes(self) -> bool:
        """Whether it counts for the verdict."""
        return not self.no_vote

    @property
    def sign(self) -> int:
        """1: B loses more, -1: less, 0: the interval holds both."""
        low, high = self.interval_pct
        return 1 if low > 0 else -1 if high < 0 else 0


@dataclass(frozen=True)
class Judgement:
    """The verdict on two lives, its reason, and the laws behind it."""

    verdict: Verdict
    reason: str
    laws: tuple[LawDifference, ...]
    margin_pct: float

    @property
    def voters(self) -> tuple[LawDifference, ...]:
        """The laws that vote."""
        return tuple(law for law in self.laws if law.votes)

    def of_chemistry(self, chemistry: str) -> tuple[LawDifference, ...]:
        """The laws that were fitted to this chemistry, voting or not; the others stand beside."""
        return tuple(law for law in self.laws if law.chemistry == chemistry)

    def agreeing(self, sign: int) -> int:
        """How many of all laws have this sign (see `LawDifference.sign`), voting or not."""
        return sum(law.sign == sign for law in self.laws)


def weakest_cell(draws: int, cells: int, rng: np.random.Generator) -> Floats:
    """(draws,) how much faster than the mean the weakest of so many cells in series ages."""
    return np.asarray(np.exp(RATE_SPREAD * rng.standard_normal((draws, cells)).max(axis=1)))


def judge(
    a: Life,
    b: Life,
    laws: Mapping[str, Law],
    *,
    compared: frozenset[str],
    margin_pct: float = 0.5,
    draws: int = 1000,
    seed: int = 1,
) -> Judgement:
    """compared: in which aspects the two differ, in the words of `Facts.blind_to`. margin_pct: points of capacity."""
    battery = a.years[0][1].battery
    drawn = Spread().draws(draws, np.random.default_rng([seed, 0xA9]))
    weakest = weakest_cell(draws, battery.cells, np.random.default_rng([seed, 0xCE]))
    found = tuple(_difference(law, a, b, drawn, weakest, compared) for law in laws.values())
    sees = any(not compared & law.blind_to for law in laws.values())
    same = sees and all((law.difference_pct, *law.interval_pct) == (0.0, 0.0, 0.0) for law in found)
    verdict, reason = _verdict(a, b, found, margin_pct, same)
    return Judgement(verdict, reason, found, margin_pct)


def _difference(law: Law, a: Life, b: Life, drawn: Draws, weakest: Floats, compared: frozenset[str]) -> LawDifference:
    fade_a, fade_b = (law.fade(life.stress, float(life.span), drawn) for life in (a, b))
    loss_a, loss_b = (100.0 * weakest * fade.capacity for fade in (fade_a, fade_b))
    inside = _inside(law, a, b)
    return LawDifference(
        law=law.name,
        cell=law.facts.cell,
        chemistry=law.chemistry,
        loss_a_pct=float(np.median(loss_a)),
        loss_b_pct=float(np.median(loss_b)),
        interval_a_pct=_interval(loss_a),
        interval_b_pct=_interval(loss_b),
        difference_pct=float(np.median(loss_b - loss_a)),
        interval_pct=_interval(loss_b - loss_a),
        calendar_share=(float(np.median(fade_a.calendar_share)), float(np.median(fade_b.calendar_share))),
        inside=inside,
        no_vote=tuple(_why_not(law, a, inside, compared, differs=bool(np.any(loss_a != loss_b)))),
    )


def _why_not(law: Law, life: Life, inside: float, compared: frozenset[str], *, differs: bool) -> list[str]:
    why = []
    if law.chemistry != (chemistry := life.years[0][1].battery.chemistry):
        why.append(f"was fitted to {law.chemistry}, the pack is {chemistry}")
    elif not speaks_for(law, chemistry):
        why.append("never carries a verdict")
    if blind := sorted(compared & law.blind_to):
        why.append(f"is blind to {' and '.join(blind)}")
    if not differs:
        why.append("finds no difference")
    elif inside < INSIDE_SHARE:
        why.append(
            f"{100 * inside:.0f} % of the difference in damage is in its fitted range, {100 * INSIDE_SHARE:.0f} needed"
        )
    return why


def _inside(law: Law, a: Life, b: Life) -> float:
    """The share of the difference in damage that lies in the fitted range, of calendar ageing and of cycling together.

    Within a part damage is the quantity that adds up: the loss of a root law does not, and would find a difference outside
    where nothing differs. Between the parts it weighs by the loss that it makes.
    """
    within = without = 0.0
    (fade_a, range_a), (fade_b, range_b) = ((_nominal(law, life), law.in_range(life.stress)) for life in (a, b))
    for name in ("calendar", "cyclic"):
        loss_a, loss_b = (float(getattr(fade, name)[0]) for fade in (fade_a, fade_b))
        share_a, share_b = (float(getattr(one, name)) for one in (range_a, range_b))
        damage_a, damage_b = getattr(range_a, f"{name}_damage"), getattr(range_b, f"{name}_damage")
        if damage_a is None or damage_b is None:
            damage_a, damage_b = loss_a, loss_b
        if not damage_a + damage_b > 0:
            continue
        each = (loss_a + loss_b) / (damage_a + damage_b)
        within += each * abs(share_b * damage_b - share_a * damage_a)
        without += each * abs((1 - share_b) * damage_b - (1 - share_a) * damage_a)
    return within / (within + without) if within + without > 0 else 1.0


def _nominal(law: Law, life: Life) -> Fade:
    return law.fade(life.stress, float(life.span))


def _verdict(a: Life, b: Life, laws: Sequence[LawDifference], margin_pct: float, same: bool) -> tuple[Verdict, str]:
    if b.failures:
        return Verdict.FAIL, f"{b.candidate.name} does not serve the duty: {b.failures[0]}"
    if a.failures:
        return Verdict.INCONCLUSIVE, f"{a.candidate.name} does not serve the duty: {a.failures[0]}"
    if same:
        return Verdict.PASS, "no law finds any difference between the two lives"
    voters = [law for law in laws if law.votes]
    independent = len({law.cell for law in voters})
    if independent < INDEPENDENT:
        count = f"{independent or 'no'} independently fitted law{'s' * (independent > 1)}"
        return Verdict.INCONCLUSIVE, f"{count} may vote, {INDEPENDENT} needed"
    if all(law.interval_pct[1] <= margin_pct for law in voters):
        return Verdict.PASS, f"by all {len(voters)} voting laws it loses no more than {margin_pct:g} points beyond"
    if all(law.interval_pct[0] > margin_pct for law in voters):
        return Verdict.FAIL, f"by all {len(voters)} voting laws it loses more than {margin_pct:g} points beyond"
    more = sum(law.interval_pct[0] > margin_pct for law in voters)
    less = sum(law.interval_pct[1] <= margin_pct for law in voters)
    return Verdict.INCONCLUSIVE, f"of {len(voters)} voting laws {less} say no more, {more} say more, the others neither"


def _interval(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, INTERVAL_PCT)
    return float(low), float(high)
