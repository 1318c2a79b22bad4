from dataclasses import replace
from datetime import UTC, datetime

import pytest

from v2g_bench.life.loop.ablation import RECOMMENDATIONS, Ablated
from v2g_bench.life.loop.climate import load_climate
from v2g_bench.life.loop.compare import Comparison, Terms, compare
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.duty import load_duty
from v2g_bench.life.loop.pages import ablated, compared
from v2g_bench.life.loop.year import Setting, Tally
from v2g_bench.pack.ageing.laws import LAWS as ALL
from v2g_bench.reports.model.modelled import Modelled, dumped

MADE = {"made": datetime(2026, 12, 1, tzinfo=UTC), "report_id": "x"}
BASE = Configuration("narrow", assumed=("ems.toml is not there",))
DAY = Setting(load_duty("commuter"), load_climate("temperate"), days=1)
LAWS = {name: ALL[name] for name in ("schmalstieg", "naumann")}
TERMS = Terms(draws=50, ages=(0,))


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(BASE, BASE.having("deep", micro_cycle_pct=100.0), DAY, TERMS, laws=LAWS)


def _words(document: Modelled) -> str:
    return dumped(document).decode()


def test_comparison_says_whose_logic_and_shows_every_law(found) -> None:
    document = compared(found, LAWS, **MADE)
    assert document.verdict == found.verdict.value
    assert "reference controller's, fed with these files" in document.whose_logic
    assert "narrow: ems.toml is not there" in document.assumptions
    for section in document.sections[:2]:
        assert [row[0] for row in section.sheets[0].rows] == list(LAWS)
    assert document.values["as_configured"]["b"]["served_kwh_a_year"] == found.as_configured.b.served_kwh_a_year


def test_a_van_has_limits_of_its_own(found) -> None:
    van = replace(found, setting=replace(DAY, duty=load_duty("delivery-van")))
    car, heavier = (compared(one, LAWS, **MADE).sections[-1].sheets[0] for one in (found, van))
    assert [row[0] for row in car.rows] == list(LAWS)
    assert "80 % at 5 years" in car.note
    assert "75 % at 5 years" in heavier.note


def test_parts_that_do_not_count_stand_beside(found) -> None:
    counts = [one.counts for one in compared(found, LAWS, **MADE).verdicts]
    assert counts == [True, False, False]


def test_days_that_stand_for_years_are_marked(found) -> None:
    assumed = compared(found, LAWS, **MADE).assumptions
    assert assumed[0].startswith("EXTRAPOLATED: 10 years are 3650 times what was run: 1 day from 1 January on")
    whole = replace(found, setting=replace(DAY, days=365))
    assert not any("1 January" in one for one in compared(whole, LAWS, **MADE).assumptions)


def test_laws_of_another_chemistry_are_counted_for_nothing(found) -> None:
    """Naumann's is fitted to LFP: it stands in the table, and the pack is NMC."""
    document = compared(found, LAWS, **MADE)
    assert document.sections[0].text[1].startswith("Of 1 law of this chemistry")
    row = ablated([Ablated(RECOMMENDATIONS[0], found)], BASE, DAY, TERMS, **MADE).sections[0].sheets[0].rows[0]
    assert int(row[2]) + int(row[3]) <= 1


def test_a_duty_that_is_not_served_with_a_recommendation_says_so(found) -> None:
    life = found.as_configured.b
    stranded = replace(life.years[0][1], tally=Tally(unserved_tours=1, tours=9))
    side = replace(found.as_configured, b=replace(life, years=((0, stranded),)))
    row = Ablated(RECOMMENDATIONS[0], replace(found, as_configured=side))
    assert "as configured the duty is not served with it: year 1: 1 of 9 tours" in row.finding


def test_same_document_twice_is_the_same(found) -> None:
    assert _words(compared(found, LAWS, **MADE)) == _words(compared(found, LAWS, **MADE))


def test_recommendations_have_a_row_for_each_condition(found) -> None:
    counted = {0.0: found.as_configured.judgement, 0.02: found.as_configured.judgement}
    rows = [Ablated(one, found, counted if one.name == "micro-cycles" else {}) for one in RECOMMENDATIONS]
    document = ablated(rows, BASE, DAY, TERMS, **MADE)
    table = document.sections[0].sheets[0]
    assert [row[:2] for row in table.rows[:2]] == [
        ("central SoC window", "As configured"),
        ("central SoC window", "At equal energy"),
    ]
    assert len(document.verdicts) == len(RECOMMENDATIONS) == len(table.rows) / 2
    assert [row[0] for row in document.sections[0].sheets[1].rows] == list(LAWS)
    assert document.sections[0].sheets[1].head == ("law", "0 % of SoC", "2 % of SoC")
