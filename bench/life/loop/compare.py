"""Two configurations side by side over ten years of a duty, and the verdict on the second.

Both are run as they are (each uses its window as it can), and at equal energy (on each day the grid asks for no more than
the lesser of the two gave). A configuration that spares the battery by serving less shows in the first and not in
the second, so the verdict needs both: they agree, or it is INCONCLUSIVE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.lives import Candidate, Life, Progress, run_life, silent
from v2g_bench.life.loop.verdict import Judgement, judge
from v2g_bench.life.loop.year import Setting
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.pack.ageing.law import Law
from v2g_bench.pack.ageing.laws import LAWS

_SAME_KWH = 0.01  # a day's energies that differ by less are equal


@dataclass(frozen=True)
class Terms:
    """How a comparison is made. ages: years (0: new) at which the loop is run, with the battery as it is then."""

    years: int = 10
    draws: int = 1000
    margin_pct: float = 0.5
    ages: tuple[int, ...] = (0, 5)
    seed: int = 1


@dataclass(frozen=True)
class Side:
    """Both lives under one of the two conditions, and the verdict there."""

    a: Life
    b: Life
    judgement: Judgement

    @property
    def chemistry(self) -> str:
        """Of the pack that both are judged with."""
        return self.a.years[0][1].battery.chemistry


@dataclass(frozen=True)
class Comparison:
    """The result. assumed: what the figures stand on, for the report."""

    setting: Setting
    terms: Terms
    as_configured: Side
    equal_energy: Side
    assumed: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """That of both conditions; INCONCLUSIVE where they disagree."""
        one, other = self.as_configured.judgement.verdict, self.equal_energy.judgement.verdict
        return one if one is other else Verdict.INCONCLUSIVE

    @property
    def reason(self) -> str:
        """Why, in a sentence for each condition."""
        one, other = self.as_configured.judgement.reason, self.equal_energy.judgement.reason
        if one == other:
            return f"as configured and at equal energy: {one}"
        return f"as configured: {one}; at equal energy: {other}"


def compare(
    config_a: Configuration | Candidate,
    config_b: Configuration | Candidate,
    setting: Setting,
    terms: Terms = Terms(),  # frozen
    *,
    laws: Mapping[str, Law] = LAWS,
    progress: Progress = silent,
) -> Comparison:
    """B against A on `setting`'s duty and climate. Raises: BenchError where no law fits the pack's chemistry."""
    a, b = (one if isinstance(one, Candidate) else Candidate(one) for one in (config_a, config_b))
    compared = aspects(a, b)
    free = tuple(run_life(setting, one, laws, terms.years, ages=terms.ages, progress=progress) for one in (a, b))
    sides = both_sides(setting, free[0], free[1], laws, compared, terms, progress)
    assumed = (*ASSUMED, *(f"{one.name}: {text}" for one in (a, b) for text in one.configuration.assumed))
    return Comparison(setting, terms, *sides, assumed)


def both_sides(
    setting: Setting,
    a: Life,
    b: Life,
    laws: Mapping[str, Law],
    compared: frozenset[str],
    terms: Terms,
    progress: Progress = silent,
) -> tuple[Side, Side]:
    """The lives as they are, and at equal energy."""

    def side(one: Life, other: Life) -> Side:
        margin, draws, seed = terms.margin_pct, terms.draws, terms.seed
        return Side(one, other, judge(one, other, laws, compared=compared, margin_pct=margin, draws=draws, seed=seed))

    return side(a, b), side(*_equal_energy(setting, (a, b), laws, terms, progress))


def _equal_energy(
    setting: Setting, lives: tuple[Life, Life], laws: Mapping[str, Law], terms: Terms, progress: Progress
) -> tuple[Life, Life]:
    """The same lives, each asked on each day for no more than the lesser of both gave; none is run in vain."""
    caps = {
        age: tuple(min(days) for days in zip(*(_served(life, age) for life in lives), strict=True))
        for age in terms.ages
    }

    def bounded(life: Life) -> Life:
        if all(_within(_served(life, age), caps[age]) for age in terms.ages):
            return life
        return run_life(setting, life.candidate, laws, terms.years, ages=terms.ages, caps=caps, progress=progress)

    return bounded(lives[0]), bounded(lives[1])


def _served(life: Life, age: int) -> list[float]:
    return dict(life.years)[age].tally.served_by_day_kwh


def _within(served: Sequence[float], caps: Sequence[float]) -> bool:
    return all(kwh <= cap + _SAME_KWH for kwh, cap in zip(served, caps, strict=True))


def aspects(a: Candidate, b: Candidate) -> frozenset[str]:
    """In what two candidates differ, in the words of `Facts.blind_to`: what a voting law must not be blind to."""
    one, other = a.configuration, b.configuration
    differ = {key for key, value in one.thresholds if value != getattr(other.thresholds, key)}
    found = {_ASPECTS.get(key) for key in differ}
    if one.limits != other.limits:
        found.add("window")
    if one.policy != other.policy:
        found.add("temperature")
    if one.thresholds.rated_power_w != other.thresholds.rated_power_w:
        found.add("c_rate")
    if "temperature" in found:
        found.add("cycling temperature")  # both kinds of ageing get another one
    return frozenset(aspect for aspect in found if aspect)


_ASPECTS = {
    "micro_cycle_pct": "depth",
    "departure_horizon_s": "window",
    "departure_charge_margin": "window",
    "cell_upper_v": "window",
    "cell_lower_v": "window",
    "precool_lead_s": "temperature",
    "precool_target_c": "temperature",
    "cooling_hysteresis_k": "temperature",
}

ASSUMED = (
    "whose logic: the reference controller's, fed with these files; another controller may make something else of them",
    "one decision a minute; what happens within a minute is not in it",
    "the controller sees the true SoC, and a trip is reset as soon as the pack is safe",
    "the vehicle heats its pack with 3 kW below 5 °C while it waits for a charge, and cools it above 35 °C while driven",
    "cooling and heating while plugged in are paid by the grid; heat is carried away with a coefficient of 2.5",
    "a charger with 95 % efficiency and 50 W for itself",
    "how fast cells age differs by 3 % from cell to cell, and the pack is its weakest cell",
    "between the ages that were run a year repeats; capacity and resistance then are the laws' median",
)
