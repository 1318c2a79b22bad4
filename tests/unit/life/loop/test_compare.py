"""Two configurations through the loop, under laws that count one thing each."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.errors import BenchError
from v2g_bench.life.loop.ablation import RECOMMENDATIONS, ablate
from v2g_bench.life.loop.climate import load_climate
from v2g_bench.life.loop.compare import Terms, aspects, compare
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.duty import load_duty
from v2g_bench.life.loop.lives import Candidate, counted_from, run_life
from v2g_bench.life.loop.year import Setting
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.pack.ageing.law import Facts, Fade, Fitted, InRange
from v2g_bench.pack.ageing.stress import SOC_NODES
from v2g_bench.qualification.defects.controllers import thermal as defects

BASE = Configuration("25-75")
WIDE = replace(BASE, name="10-95", limits=SocLimits(10, 95))
TWO_DAYS = Setting(load_duty("commuter"), load_climate("temperate"), days=2)
TERMS = Terms(draws=50, ages=(0,))


@dataclass(frozen=True)
class HighSoc:
    """Loses with the mean SoC alone."""

    cell: str
    chemistry: str = "NMC"
    blind_to = frozenset[str]()
    order_matters = False

    @property
    def name(self) -> str:
        return self.cell

    @property
    def facts(self) -> Facts:
        return Facts(self.cell, "", self.chemistry, self.cell, "", Fitted(), self.blind_to)

    def fade(self, stress, years, draws=None) -> Fade:
        mean = float(SOC_NODES @ stress.occupancy_h.sum(axis=1) / stress.occupancy_h.sum())
        loss = 0.2 * mean * (np.ones(1) if draws is None else draws.calendar)
        return Fade(loss, 0 * loss, loss, None)

    def in_range(self, stress) -> InRange:
        return InRange(1.0, 1.0, 1.0)


LAWS = {cell: HighSoc(cell) for cell in ("x", "y", "z")}


def test_wider_window_costs_more_by_laws_of_the_state_of_charge() -> None:
    found = compare(BASE, WIDE, TWO_DAYS, TERMS, laws=LAWS)
    assert found.verdict is Verdict.FAIL
    assert found.as_configured.judgement.agreeing(1) == 3
    assert compare(WIDE, BASE, TWO_DAYS, TERMS, laws=LAWS).verdict is Verdict.PASS


def test_equal_energy_is_equal() -> None:
    found = compare(BASE, WIDE.having("deep", micro_cycle_pct=100.0), TWO_DAYS, TERMS, laws=LAWS)
    free, equal = found.as_configured, found.equal_energy
    assert free.b.served_kwh_a_year > 1.5 * free.a.served_kwh_a_year
    assert equal.b.served_kwh_a_year == pytest.approx(equal.a.served_kwh_a_year, rel=0.05)
    assert equal.a is free.a, "what serves less is not run again"


def test_seeded_defect_of_derating_changes_the_result() -> None:
    """The catalogue's controller without derating by SoC or cold: same files, another verdict of the figures."""
    broken = Candidate(replace(BASE, name="broken"), defects.cold_not_derated)
    found = compare(BASE, broken, TWO_DAYS, TERMS, laws=LAWS).as_configured
    assert found.b.stress.occupancy_h.tolist() != found.a.stress.occupancy_h.tolist()
    assert {law.sign for law in found.judgement.laws} == {1}
    same = compare(BASE, replace(BASE, name="same"), TWO_DAYS, TERMS, laws=LAWS).as_configured
    assert {law.sign for law in same.judgement.laws} == {0}


def test_later_years_run_with_the_aged_battery() -> None:
    life = run_life(TWO_DAYS, Candidate(BASE), LAWS, 10, ages=(0, 5))
    young, old = (year.battery.capacity_ah for _, year in life.years)
    assert old < 0.95 * young
    assert life.stress.duration_s == pytest.approx(3650 * 86400.0, rel=1e-6)


def test_hysteresis_leaves_out_shallow_cycles_alone() -> None:
    life = run_life(
        Setting(load_duty("frequency-regulation"), load_climate("temperate"), days=2), Candidate(BASE), LAWS, ages=(0,)
    )
    coarse = counted_from(life, 0.02)
    assert len(coarse.stress.cycles) < 0.5 * len(life.stress.cycles)
    assert coarse.stress.efc == pytest.approx(life.stress.efc)
    assert counted_from(life, 0.0).stress.occupancy_h.tolist() == life.stress.occupancy_h.tolist()


def test_no_law_of_the_chemistry() -> None:
    with pytest.raises(BenchError, match="none is fitted to NMC"):
        run_life(TWO_DAYS, Candidate(BASE), {"x": HighSoc("x", "LFP")}, 10, ages=(0, 5))


def test_aspects_of_what_differs() -> None:
    def of(other: Configuration) -> set[str]:
        return set(aspects(Candidate(BASE), Candidate(other)))

    assert of(WIDE) == {"window"}
    assert of(BASE.having("x", micro_cycle_pct=50.0)) == {"depth"}
    assert of(replace(BASE, policy=replace(BASE.policy, cooling_trigger_c=40.0))) == {
        "temperature",
        "cycling temperature",
    }
    assert of(BASE.having("x", rated_power_w=22_000.0)) == {"c_rate"}
    assert of(replace(BASE, name="x")) == set()


def test_each_recommendation_is_switched_off_alone() -> None:
    window = tuple(one for one in RECOMMENDATIONS if one.name in ("central SoC window", "micro-cycles"))
    rows = ablate(BASE, TWO_DAYS, TERMS, laws=LAWS, recommendations=window)
    assert [row.recommendation.name for row in rows] == ["central SoC window", "micro-cycles"]
    assert "it helps: 3 laws for, 0 against" in rows[0].finding
    assert list(rows[1].by_hysteresis) == [0.0, 0.005, 0.02]
    assert not rows[0].by_hysteresis
    assert rows[1].comparison.as_configured.a.served_kwh_a_year > rows[1].comparison.as_configured.b.served_kwh_a_year


@pytest.mark.parametrize("one", RECOMMENDATIONS, ids=lambda one: one.name)
def test_what_is_switched_off_is_off_and_nothing_else(one) -> None:
    bare = one.without(BASE)
    from v2g_bench.life.loop.controller import Controller

    with_it, without = Controller(BASE).ems.parts, Controller(bare.configuration, bare.factory).ems.parts
    changed = {
        "limits": with_it.window.limits != without.window.limits,
        "micro": vars(with_it.micro_cycle) != vars(without.micro_cycle),
        "floating": type(with_it.floating) is not type(without.floating),
        "cooling": with_it.thermal.policy != without.thermal.policy
        and type(with_it.precool) is not type(without.precool),
        "derating": with_it.derating != without.derating,
    }
    assert sum(changed.values()) == 1
