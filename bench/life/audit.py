"""What a recording cost a battery, by every law that has something to say, and what ten years of it would.

A law votes where its chemistry is the pack's, its authors' tests can carry a verdict, and at least VOTING of the damage lies
inside its fitted range; the others stand beside with the reason. Nothing is averaged over laws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.life.recording.clean import AT_REST, DAY_S, Recording
from v2g_bench.pack.ageing.law import Fade, Law
from v2g_bench.pack.ageing.plating import CURVES, Exceedance, exceedance
from v2g_bench.pack.ageing.series import Floats, Series
from v2g_bench.pack.ageing.stress import Stress, stress_of

VOTING = 0.8  # of the damage must lie inside the fitted range
VOTERS = 3  # fitted on different cells; fewer carry no verdict
SHORTEST_S = DAY_S  # of a recording that is taken for a piece of a life
FAR = 20.0  # times the recording; further is marked
LAST_YEAR = 30.0
YEARS: Floats = np.concatenate(([0.0], np.arange(0.5, LAST_YEAR + 0.1, 0.5)))
HORIZON_Y = 10.0
HYSTERESES = (0.005, 0.01, 0.02)  # SoC; shown beside each other
REPORTED = 0.01  # the hysteresis where cycles can only be counted on the reported SoC
DRAWS, SEED = 200, 19
SHALLOW = 0.02  # depth below which a cycle is a micro-cycle
# SOCE = (1 - fade) (1 - RESISTANCE_LOSS x increase of resistance): a C/3 discharge to 3.0 V with 0.9 mOhm loses 1.65 % of its
# energy where the resistance doubles (computed with the OCV of `pack.ocv`); an own approximation, no formula of a regulation.
RESISTANCE_LOSS = 0.0165


@dataclass(frozen=True)
class Margin:
    """A durability limit of a car (EU 2024/1257, Euro 7): a SOCE (share) until years or km, whichever comes first."""

    soce: float
    years: float
    km: float


CAR = (Margin(0.80, 5.0, 100_000.0), Margin(0.72, 8.0, 160_000.0))
VAN = (Margin(0.75, 5.0, 100_000.0), Margin(0.67, 8.0, 160_000.0))


@dataclass(frozen=True)
class Pack:
    """What is known of the pack beside its recording. capacity_kwh: None where nobody stated it."""

    chemistry: str
    capacity_kwh: float | None
    van: bool = False

    @property
    def margins(self) -> tuple[Margin, ...]:
        """The limits that apply."""
        return VAN if self.van else CAR


@dataclass(frozen=True)
class LawResult:
    """What one law says. Over YEARS: soce with its 95 % interval, fade, resistance (None where it has none).

    reached: per margin (years at which it is due, SOCE, low, high); gone_year: when 80 % is reached, None beyond LAST_YEAR;
    in_range: share of the damage in the fitted range; votes, and why where it does not.
    """

    law: Law
    soce: Floats
    low: Floats
    high: Floats
    fade: Floats
    resistance: Floats | None
    calendar_share: float
    reached: tuple[tuple[float, float, float, float], ...]
    gone_year: float | None
    in_range: float
    votes: bool
    why: str
    clamps: Mapping[str, float]


@dataclass(frozen=True)
class Audit:
    """The whole result.

    by_hysteresis: hysteresis -> (cycles a year, EFC a year as counted, {law: fade after ten years}); shallow: micro-cycles a
    year and their share of the travel; plating: by limit curve.
    """

    record: Recording
    pack: Pack
    stress: Stress
    laws: tuple[LawResult, ...]
    by_hysteresis: Mapping[float, tuple[float, float, dict[str, float]]]
    shallow: tuple[float, float]  # micro-cycles a year, their share of the travel
    plating: Mapping[str, Exceedance]
    assumptions: tuple[str, ...]

    @property
    def per_year(self) -> float:
        """How many of the recording make a year."""
        return 365 * DAY_S / self.stress.known_s

    @property
    def extrapolated(self) -> float:
        """Ten years in recordings."""
        return HORIZON_Y * self.per_year

    @property
    def long_enough(self) -> bool:
        """Whether the recording is taken for a piece of a life."""
        return self.stress.known_s >= SHORTEST_S

    @property
    def counted_efc(self) -> float:
        """Equivalent full cycles of the counted cycles: with a hysteresis, what it left."""
        return float(self.stress.cycles.travel.sum()) / 2.0

    @property
    def moved(self) -> float:
        """The share of the travel that is charge: all of it where a current is known, else what is counted of the SoC."""
        known = self.stress.current_known or not self.stress.efc
        return 1.0 if known else self.counted_efc / self.stress.efc

    @property
    def km_a_year(self) -> float | None:
        """By the odometer."""
        return None if self.record.driven_km is None else self.record.driven_km * 365 * DAY_S / self.record.duration_s


def series_of(record: Recording, pack: Pack) -> Series:
    """The recording as the laws take it: in each hole whose course nobody knows, a row without a value."""
    ah = record.capacity_ah or 1.0  # without a capacity nothing in Ah is reported
    kwh = pack.capacity_kwh
    holes = np.array([place for place, _ in record.gaps], dtype=np.intp) + 1
    middle = 0.5 * (record.time_s[holes - 1] + record.time_s[holes])
    return Series(
        np.insert(record.time_s, holes, middle),
        np.insert(record.soc, holes, np.nan),
        np.insert(record.temperature_c, holes, np.nan),
        None if record.c_rate is None else np.insert(record.c_rate, holes, 0.0) * ah,
        ah,
        pack.chemistry,
        None if kwh is None else 1000.0 * kwh / ah,
    )


def audit(
    record: Recording,
    pack: Pack,
    laws: Mapping[str, Law],
    *,
    hysteresis: float | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Audit:
    """The audit of a recording. hysteresis: SoC; None: none on a counted current, REPORTED on a reported SoC."""
    if record.duration_s - record.unknown_s <= 0:
        raise BenchError(record.where, "is a hole from its first row to its last", "are rows missing?")
    notes = list(record.assumptions)
    if hysteresis is None:
        hysteresis = 0.0 if record.c_rate is not None else REPORTED
    notes.append(
        f"a reversal of less than {100 * hysteresis:g} % of charge is no cycle"
        if hysteresis
        else "every reversal is a cycle"
    )
    series = series_of(record, pack)
    tell("counting cycles")
    stress = stress_of(series, hysteresis=hysteresis)
    if record.c_rate is not None and stress.efc > 0 and abs(stress.efc_soc / stress.efc - 1) > 0.1:
        notes.append(
            f"the reported state of charge travels {stress.efc_soc / stress.efc:.2f} times as far as the counted charge: its "
            "noise, or its rounding; the counted charge is used"
        )
    if record.c_rate is None:
        notes.append(
            "without a current equivalent full cycles and throughput are those of the counted cycles, and C-rates those of the "
            "steps of the reported state of charge: too high where it is coarse, so charging above a limit is not told"
        )
    notes.append("each law begins with a new battery: what this one had lost before is not in the figures")
    if stress.clipped:
        notes.append(f"{stress.clipped} steps colder or hotter than −40 to 80 °C are taken at that end")
    km_a_year = None if record.driven_km is None else record.driven_km * 365 * DAY_S / record.duration_s
    found = []
    life = repeating(stress)
    if life is stress and len(stress.turns) > 1:
        notes.append(
            "the recording has holes, or ends at another state of charge than it began with: swings that are open at its end "
            "are half cycles in each repetition"
        )
    for law in laws.values():
        tell(law.facts.title)
        found.append(_by(law, life, pack, km_a_year))
    effect = {}
    for value in HYSTERESES:
        tell(f"hysteresis {100 * value:g} %")
        other = repeating(stress_of(series, hysteresis=value))
        a_year = 365 * DAY_S / other.known_s
        cycles = other.cycles
        fades = {law.name: float(law.fade(other, HORIZON_Y).capacity.ravel()[0]) for law in laws.values()}
        effect[value] = (float(cycles.count.sum()) * a_year, float(cycles.travel.sum()) / 2 * a_year, fades)
    cycles = stress.cycles
    small = cycles.depth < SHALLOW
    a_year = 365 * DAY_S / stress.known_s
    travel = float(cycles.travel.sum())
    share = float(cycles.travel[small].sum()) / travel if travel else 0.0
    micro = (float(cycles.count[small].sum()) * a_year, share)
    plating = {name: exceedance(series, curve) for name, curve in CURVES.items()}
    return Audit(record, pack, stress, tuple(found), effect, micro, plating, tuple(notes))


def repeating(stress: Stress) -> Stress:
    """Ten years of it, in which the open swings of each repetition close with the next; itself where they cannot."""
    turns = stress.turns
    if stress.joins or len(turns) < 2 or abs(float(turns[-1, 0] - turns[0, 0])) > AT_REST:
        return stress
    return stress.repeated(max(HORIZON_Y * 365 * DAY_S / stress.known_s, 1.0))


def _by(law: Law, stress: Stress, pack: Pack, km_a_year: float | None) -> LawResult:
    fade = law.fade(stress, YEARS)
    capacity = fade.capacity.reshape(-1)
    resistance = None if fade.resistance is None else fade.resistance.reshape(-1)
    due = np.array([min(m.years, m.km / km_a_year if km_a_year else m.years) for m in pack.margins])
    at = np.concatenate(([0.5, 2.0], due, [HORIZON_Y, 15.0]))
    at = np.unique(at)
    drawn = law.fade(stress, at, law.draws(DRAWS, np.random.default_rng(SEED)))
    spread = _soce(drawn.capacity, drawn.resistance)
    low, high = np.percentile(spread, (2.5, 97.5), axis=0)
    soce = _soce(capacity, resistance)
    reached = tuple(
        (float(year), float(np.interp(year, YEARS, soce)), float(low[place]), float(high[place]))
        for year in due
        for place in [int(np.searchsorted(at, year))]
    )
    gone = np.flatnonzero(soce < 0.8)
    gone_year = float(np.interp(-0.8, -soce[: gone[0] + 1][-2:], YEARS[: gone[0] + 1][-2:])) if gone.size else None
    inside = float(law.in_range(stress).total)
    why = _why(law, pack, inside)
    share = fade.calendar_share.reshape(-1)
    return LawResult(
        law=law,
        soce=soce,
        low=np.interp(YEARS, np.concatenate(([0.0], at)), np.concatenate(([1.0], low))),
        high=np.interp(YEARS, np.concatenate(([0.0], at)), np.concatenate(([1.0], high))),
        fade=capacity,
        resistance=resistance,
        calendar_share=float(np.interp(HORIZON_Y, YEARS, share)),
        reached=reached,
        gone_year=gone_year,
        in_range=inside,
        votes=not why,
        why=why,
        clamps=law.clamps(stress),
    )


def soce_of(fade: Fade) -> Floats:
    """State of certified energy (share) of one parameter set over the years asked for."""
    resistance = None if fade.resistance is None else fade.resistance.reshape(-1)
    return _soce(fade.capacity.reshape(-1), resistance)


def _soce(capacity: Floats, resistance: Floats | None) -> Floats:
    left = np.maximum(1.0 - capacity, 0.0)
    return left if resistance is None else left * np.maximum(1.0 - RESISTANCE_LOSS * resistance, 0.0)


def _why(law: Law, pack: Pack, inside: float) -> str:
    """Why a law stands beside; "" where it votes."""
    if law.chemistry != pack.chemistry:
        return f"fitted on {law.chemistry}, the pack is {pack.chemistry}"
    if not law.facts.headline:
        return "its source states too little for a verdict: " + "; ".join(law.facts.notes[:1])
    if inside < VOTING:
        return f"{100 * inside:.0f} % of the damage lies in its fitted range, {100 * VOTING:.0f} % is needed"
    return ""
