"""A life of several years: the loop at some ages, with the battery as it has then become.

Between two ages the year of the younger battery is repeated; its stress adds up to that of the whole life.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from v2g_bench.ems.core.controller import Ems
from v2g_bench.errors import BenchError
from v2g_bench.life.loop.agenda import Agenda
from v2g_bench.life.loop.car import Battery
from v2g_bench.life.loop.climate import MINUTES_A_DAY
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.controller import Factory
from v2g_bench.life.loop.year import Setting, Year, run_year
from v2g_bench.pack.ageing.law import Law
from v2g_bench.pack.ageing.stress import Stress, stress_of

Progress = Callable[[str, float], None]
"""Of long work: what is computed, and the share of it that is done."""


def silent(what: str, share: float) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Candidate:
    """What is judged: a configuration, in the reference controller or in one with a part replaced."""

    configuration: Configuration
    factory: Factory = Ems

    @property
    def name(self) -> str:
        """For tables."""
        return self.configuration.name


@dataclass(frozen=True)
class Life:
    """years: (age at which it was run, the year). stress: of the whole life of `span` years."""

    candidate: Candidate
    span: int
    years: tuple[tuple[int, Year], ...]
    stress: Stress

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the duty was not served, with the age."""
        return tuple(f"year {age + 1}: {why}" for age, year in self.years for why in year.tally.failures)

    @property
    def served_kwh_a_year(self) -> float:
        """Discharged to the grid, mean of the ages that were run, in a year of 365 days."""
        return float(np.mean([year.tally.served_kwh * 365 / _days(year) for _, year in self.years]))


def run_life(
    setting: Setting,
    candidate: Candidate,
    laws: Mapping[str, Law],
    span: int = 10,
    *,
    ages: Sequence[int] = (0, 5),
    caps: Mapping[int, tuple[float, ...]] | None = None,
    progress: Progress = silent,
) -> Life:
    """`span` years; the loop is run at `ages` (0: new). caps: age -> kWh that the grid asks for on each day at most.

    Which capacity and resistance the battery has at an age is the median of the laws of its chemistry.
    """
    plan = setting.agenda()
    years: list[tuple[int, Year]] = []
    for age in ages:
        battery = _aged(setting.battery, _whole(years, age), laws, age) if years else setting.battery
        asked = None if caps is None else caps[age]
        years.append((age, _year(replace(setting, battery=battery, served_kwh=asked), candidate, plan, age, progress)))
    return Life(candidate, span, tuple(years), _whole(years, span))


def counted_from(life: Life, hysteresis: float) -> Life:
    """The same life, its cycles counted with this hysteresis (share of SoC)."""
    return replace(life, stress=_whole(life.years, life.span, hysteresis))


def _whole(years: Sequence[tuple[int, Year]], span: int, hysteresis: float = 0.0) -> Stress:
    """The stress until `span`: each year repeats until the next age that was run."""
    until = [age for age, _ in years[1:]] + [span]
    pieces = [
        _stress(year, hysteresis).repeated((end - age) * 365 / _days(year))
        for (age, year), end in zip(years, until, strict=True)
    ]
    return reduce(operator.add, pieces)


def _stress(year: Year, hysteresis: float) -> Stress:
    """Of one year. Cycles are of the capacity that is left; the flow is of the new one, since KIT's law ages it itself."""
    stress = stress_of(year.series, hysteresis=hysteresis)
    return replace(stress, flow=replace(stress.flow, c_rate=stress.flow.c_rate * year.battery.left))


def _year(setting: Setting, candidate: Candidate, plan: Agenda, age: int, progress: Progress) -> Year:
    what = f"{candidate.name}, year {age + 1}"
    return run_year(
        setting,
        candidate.configuration,
        factory=candidate.factory,
        year=plan,
        progress=lambda day: progress(what, day / setting.days),
    )


def _aged(battery: Battery, stress: Stress, laws: Mapping[str, Law], age: int) -> Battery:
    """The battery after `age` years of this stress."""
    fades = [law.fade(stress, float(age)) for law in laws.values() if speaks_for(law, battery.chemistry)]
    if not fades:
        raise BenchError("ageing laws", f"none is fitted to {battery.chemistry}", "give a battery of another chemistry")
    left = 1.0 - float(np.median([fade.capacity[0] for fade in fades]))
    if left <= 0:
        raise BenchError(
            "battery",
            f"of {battery.chemistry} has nothing left after {age} years of this",
            "fewer --years, or a milder climate",
        )
    more = [fade.resistance[0] for fade in fades if fade.resistance is not None]
    return battery.aged(left, float(np.median(more)) if more else 0.0)


def speaks_for(law: Law, chemistry: str) -> bool:
    """Whether a law may carry a figure for a pack of this chemistry."""
    return law.facts.headline and law.chemistry == chemistry


def _days(year: Year) -> float:
    return year.ac_w.size / MINUTES_A_DAY
