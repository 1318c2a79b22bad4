"""Each of the manual's recommendations switched off alone: by how much it helps, and by how many laws.

B is the reference controller with the recommendation, A the same without it: a negative difference is what it saves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.limits import InForce, SocLimits
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.thermal_policy import TRIGGER_C, ThermalPolicy
from v2g_bench.ems.protection.derating import DeratingMap
from v2g_bench.ems.protection.precool import PreCooling
from v2g_bench.ems.protection.window import FloatingWindow
from v2g_bench.life.loop.compare import ASSUMED, Comparison, Side, Terms, both_sides
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.lives import Candidate, Progress, counted_from, run_life, silent
from v2g_bench.life.loop.verdict import Judgement, judge
from v2g_bench.life.loop.year import Setting
from v2g_bench.pack.ageing.law import Law
from v2g_bench.pack.ageing.laws import LAWS

_WIDE = SocLimits(0.0, 100.0)  # the cell voltages still bound it
HYSTERESES = (0.0, 0.005, 0.02)
"""Share of SoC that a reversal must exceed to be counted; all other figures count every one."""
_LEVEL = ((0.0, 1.0),)


class _NeverNarrow(FloatingWindow):
    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        return InForce(limits)


class _NeverAhead(PreCooling):
    def update(self, pack: PackState, now_s: float) -> None:
        if self.window is not None and now_s >= self.window.end_s:
            self.window = None


def _with(settings: EmsSettings, **parts: object) -> Ems:
    return Ems(settings, replace(EmsParts.build(settings), **parts))  # type: ignore[arg-type]


def no_derating(settings: EmsSettings) -> Ems:
    """The rating at any temperature and SoC."""
    level = DeratingMap(_LEVEL, _LEVEL, _LEVEL, _LEVEL, _LEVEL)
    return _with(settings, derating=level)


def _without_window(base: Configuration) -> Candidate:
    return Candidate(replace(base, name="no SoC window", limits=_WIDE))


def _without_micro_cycles(base: Configuration) -> Candidate:
    return Candidate(base.having("no micro-cycles", micro_cycle_pct=100.0))


def _without_floating(base: Configuration) -> Candidate:
    return Candidate(
        replace(base, name="no floating window"), lambda settings: _with(settings, floating=_NeverNarrow())
    )


def _without_cooling(base: Configuration) -> Candidate:
    late = replace(base, name="no cooling before the trip", policy=ThermalPolicy(TRIGGER_C.high))
    return Candidate(late, lambda settings: _with(settings, precool=_NeverAhead()))


def _without_derating(base: Configuration) -> Candidate:
    return Candidate(replace(base, name="no derating"), no_derating)


@dataclass(frozen=True)
class Recommendation:
    """One of the manual's. aspects: see `compare.aspects`. without: the candidate that leaves it out."""

    name: str
    aspects: frozenset[str]
    without: Callable[[Configuration], Candidate]


RECOMMENDATIONS = (
    Recommendation("central SoC window", frozenset({"window"}), _without_window),
    Recommendation("micro-cycles", frozenset({"depth"}), _without_micro_cycles),
    Recommendation("floating SoC window", frozenset({"window"}), _without_floating),
    Recommendation("cooling at 32 °C and pre-cooling", frozenset({"temperature"}), _without_cooling),
    Recommendation("derating map", frozenset({"c_rate", "plating"}), _without_derating),
)


@dataclass(frozen=True)
class Ablated:
    """One row of the table. by_hysteresis: of what hangs on shallow cycles, as configured, counted with HYSTERESES."""

    recommendation: Recommendation
    comparison: Comparison
    by_hysteresis: Mapping[float, Judgement] = field(default_factory=dict)

    @property
    def finding(self) -> str:
        """In one sentence, for both conditions; by the laws of the pack's chemistry."""
        sides = (("as configured", self.comparison.as_configured), ("at equal energy", self.comparison.equal_energy))
        return "; ".join(f"{name} {_finding(side)}" for name, side in sides)


def _finding(side: Side) -> str:
    if side.b.failures:
        return f"the duty is not served with it: {side.b.failures[0]}"
    if side.a.failures:
        return "the duty is not served without it"
    laws = side.judgement.of_chemistry(side.chemistry)
    if not laws:
        return "no law of this chemistry speaks"
    low, high = min(law.difference_pct for law in laws), max(law.difference_pct for law in laws)
    helps, harms = (sum(law.sign == sign for law in laws) for sign in (-1, 1))
    words = (
        "helps"
        if helps and not harms
        else "harms"
        if harms and not helps
        else "is disputed"
        if helps
        else "does nothing"
    )
    return f"it {words}: {helps} laws for, {harms} against, of {len(laws)}; {low:+.2f} to {high:+.2f} points"


def ablate(
    base: Configuration,
    setting: Setting,
    terms: Terms = Terms(),  # noqa: B008  # frozen
    *,
    laws: Mapping[str, Law] = LAWS,
    recommendations: tuple[Recommendation, ...] = RECOMMENDATIONS,
    progress: Progress = silent,
) -> tuple[Ablated, ...]:
    """A row for each recommendation; the life with all of them is run once."""
    kept = run_life(setting, Candidate(base), laws, terms.years, ages=terms.ages, progress=progress)
    rows = []
    for one in recommendations:
        bare = run_life(setting, one.without(base), laws, terms.years, ages=terms.ages, progress=progress)
        sides = both_sides(setting, bare, kept, laws, one.aspects, terms, progress)
        counted = _by_hysteresis(sides[0], laws, one, terms) if "depth" in one.aspects else {}
        rows.append(Ablated(one, Comparison(setting, terms, *sides, ASSUMED), counted))
    return tuple(rows)


def _by_hysteresis(side: Side, laws: Mapping[str, Law], one: Recommendation, terms: Terms) -> dict[float, Judgement]:
    found = {}
    for hysteresis in HYSTERESES:
        a, b = counted_from(side.a, hysteresis), counted_from(side.b, hysteresis)
        margin, draws, seed = terms.margin_pct, terms.draws, terms.seed
        found[hysteresis] = judge(a, b, laws, compared=one.aspects, margin_pct=margin, draws=draws, seed=seed)
    return found
