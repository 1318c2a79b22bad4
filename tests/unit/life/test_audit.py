"""The audit of a recording, with laws whose answer is known."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.life.audit import CAR, Pack, audit
from v2g_bench.life.pages import document
from v2g_bench.life.recording.clean import recording
from v2g_bench.life.recording.table import Column, Table
from v2g_bench.life.verdict import verdicts
from v2g_bench.pack.ageing.law import Facts, Fade, Fitted, InRange


class Straight:
    """Loses the same share of capacity each year, with a spread of 10 % of it; inside: the share of damage in range."""

    order_matters = False
    blind_to = frozenset()

    def __init__(self, name, a_year, chemistry="NMC", inside=1.0, headline=True, per_efc=0.0, cell=""):
        self.name, self.chemistry, self.a_year, self.inside, self.per_efc = name, chemistry, a_year, inside, per_efc
        self.facts = Facts(name, name, chemistry, cell or name, "a test", Fitted(), frozenset(), headline=headline)

    def draws(self, n, rng):
        return SimpleNamespace(factor=1 + 0.1 * rng.standard_normal(n))

    def fade(self, stress, years, draws=None):
        factor = np.ones(1) if draws is None else draws.factor
        lives = np.asarray(years, float) * 365 * 86400 / stress.known_s
        cyclic = self.per_efc * float(stress.cycles.travel.sum()) / 2 * lives
        calendar = self.a_year * np.asarray(years, float) * factor[:, None]
        return Fade(calendar, cyclic + 0 * calendar, calendar + cyclic, None)

    def in_range(self, stress):
        return InRange(self.inside, self.inside, self.inside)

    def clamps(self, stress):
        return {}


@pytest.fixture
def record(columns):
    """A function that makes the recording of columns."""

    def make(columns=columns, **options):
        table = Table("week.csv", {name: Column(name, values) for name, values in columns.items()}, str)
        return recording(table, {}, **options)

    return make


def laws(*all_of_them):
    return {law.name: law for law in all_of_them}


def judged(record, *all_of_them, pack=None, **options):
    result = audit(record, pack or Pack("NMC", 57.6), laws(*all_of_them), **options)
    return result, verdicts(result)


GOOD = (Straight("a", 0.01), Straight("b", 0.012), Straight("c", 0.015))


def test_all_laws_keep_it(record):
    result, parts = judged(record(), *GOOD)
    assert [one.verdict for one in parts] == ["PASS", "PASS", "PASS"]
    assert result.stress.efc * result.per_year == pytest.approx(0.28 * 365 + 0.12 * 365, rel=0.02)
    assert result.laws[0].gone_year == pytest.approx(20.0)
    assert result.laws[0].reached[0][:2] == (5.0, pytest.approx(0.95))


def test_no_law_keeps_it(record):
    _, parts = judged(record(), *(Straight(name, 0.08) for name in "abc"))
    assert [one.verdict for one in parts] == ["FAIL", "FAIL", "PASS"]


def test_a_disagreement_is_never_an_average(record):
    _, parts = judged(record(), *GOOD, Straight("d", 0.3))
    assert parts[0].verdict == "INCONCLUSIVE"
    assert parts[0].sentence.startswith("3 of 4 voting laws keep it, 1 do not, 0 cannot tell")


def test_a_law_that_cannot_tell_is_no_vote_for_it(record):
    _, parts = judged(record(), *GOOD, Straight("d", 0.04))
    assert parts[0].verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("law", "why"),
    [
        (Straight("d", 0.3, chemistry="LFP"), "fitted on LFP, the pack is NMC"),
        (Straight("d", 0.3, inside=0.79), "79 % of the damage lies in its fitted range"),
        (Straight("d", 0.3, headline=False), "its source states too little"),
    ],
)
def test_who_stands_beside_carries_no_verdict(record, law, why):
    result, parts = judged(record(), *GOOD, law)
    assert parts[0].verdict == "PASS"
    assert result.laws[3].why.startswith(why)


def test_two_voters_are_too_few(record):
    _, parts = judged(record(), *GOOD[:2], Straight("c", 0.01, inside=0.1))
    assert (parts[0].verdict, parts[0].sentence) == (
        "INCONCLUSIVE",
        "2 independently fitted laws may vote, 3 are needed; each of the others has its reason",
    )


def test_three_laws_of_one_cell_are_one(record):
    _, parts = judged(record(), *(Straight(name, 0.01, cell="one") for name in "abc"))
    assert parts[0].sentence.startswith("1 independently fitted law may vote")


def test_an_hour_says_nothing_about_years(record, columns):
    short = {name: values[1000:1060] for name, values in columns.items()}
    result, parts = judged(record(short), *GOOD)
    assert parts[0].verdict == "INCONCLUSIVE"
    assert "0.983 h are recorded: too short for years, 24 h are needed" in parts[0].sentence
    assert not result.long_enough


def test_the_reported_charge_alone_cannot_tell_micro_cycles(record, columns):
    del columns["current_a"], columns["voltage_v"]
    result, parts = judged(record(), *GOOD)
    assert parts[2].verdict == "INCONCLUSIVE"
    assert not parts[2].counts
    assert list(result.by_hysteresis) == [0.005, 0.01, 0.02]


def test_noise_on_the_reported_charge_moves_no_verdict(record, columns):
    """Seeded: 0.5 % of white noise a minute, under laws that count every cycle."""
    columns["soc"] = columns["soc"] + np.random.default_rng(3).normal(0, 0.5, len(columns["soc"]))
    counting = [Straight(name, 0.001, per_efc=2e-5) for name in "abc"]
    _, parts = judged(record(), *counting)
    assert parts[0].verdict == "PASS"  # counted on current
    del columns["current_a"], columns["voltage_v"]
    _, parts = judged(record(), *counting)
    assert parts[0].verdict == "INCONCLUSIVE"
    assert "the reported state of charge is noise as well" in parts[0].sentence


def test_noise_that_the_counting_leaves_out_still_moves_laws_of_every_step(record, columns):
    """KIT's takes the flow of each step, which no hysteresis calms: its vote needs a guard of its own."""
    columns["soc"] = columns["soc"] + np.random.default_rng(3).normal(0, 0.1, len(columns["soc"]))
    del columns["current_a"], columns["voltage_v"]
    result, parts = judged(record(), *GOOD)
    assert result.moved < 0.8
    assert parts[0].verdict == "INCONCLUSIVE"
    assert "full cycles a year further than the cycles that are counted" in parts[0].sentence


def test_a_clean_charge_without_a_current_can_be_judged(record, columns):
    del columns["current_a"], columns["voltage_v"]
    result, parts = judged(record(), *GOOD)
    assert result.moved == pytest.approx(1.0, abs=0.02)
    assert parts[0].verdict == "PASS"


def test_a_hysteresis_of_none_hides_no_noise(record, columns):
    """0.1 % of noise: all three hystereses that are shown agree, and what is judged counts every step."""
    columns["soc"] = columns["soc"] + np.random.default_rng(3).normal(0, 0.1, len(columns["soc"]))
    del columns["current_a"], columns["voltage_v"]
    _, parts = judged(record(), *(Straight(name, 0.001, per_efc=1e-4) for name in "abc"), hysteresis=0.0)
    assert parts[0].verdict == "INCONCLUSIVE"
    assert "the reported state of charge is noise as well" in parts[0].sentence


def test_noise_is_said_where_the_current_is_known(record, columns):
    columns["soc"] = columns["soc"] + np.random.default_rng(3).normal(0, 0.5, len(columns["soc"]))
    result, _ = judged(record(), *GOOD)
    assert any("times as far as the counted charge" in one for one in result.assumptions)


class Deep(Straight):
    """Loses with the square of the depth."""

    def fade(self, stress, years, draws=None):
        cycles, lives = stress.cycles, np.asarray(years, float) * 365 * 86400 / stress.known_s
        loss = 2e-5 * float(cycles.depth @ cycles.travel) * lives + 0 * super().fade(stress, years, draws).capacity
        return Fade(0 * loss, loss, loss, None)


def test_a_day_that_repeats_closes_its_cycle(record, columns):
    """From noon to noon it begins high, and its one deep swing is open: as a half it would be too shallow."""
    whole, _ = judged(record(), Deep("a", 0))
    noon, _ = judged(record({name: values[720:2161] for name, values in columns.items()}), Deep("a", 0))
    assert noon.laws[0].fade[20] == pytest.approx(whole.laws[0].fade[20], rel=1e-3)
    assert not any("half cycles in each repetition" in one for one in noon.assumptions)
    torn, _ = judged(record({name: values[720:1560] for name, values in columns.items()}), Deep("a", 0))
    assert any("half cycles in each repetition" in one for one in torn.assumptions)


def test_a_hole_joins_no_cycle(record, columns):
    hour = columns["time_s"] / 3600
    whole, _ = judged(record(), *GOOD)
    torn, _ = judged(record({name: values[~((hour > 18) & (hour < 20))] for name, values in columns.items()}), *GOOD)
    assert torn.stress.unknown_s == pytest.approx(2 * 3600, abs=1)
    assert torn.stress.efc == pytest.approx(whole.stress.efc - 0.14, abs=0.01)


def test_kilometres_can_come_first(record, columns):
    columns["odometer_km"] = np.linspace(1000.0, 1000.0 + 2 * 40_000 / 365, len(columns["soc"]))
    result, _ = judged(record(), *GOOD)
    assert result.km_a_year == pytest.approx(40_000, rel=1e-6)
    assert result.laws[0].reached[0][0] == pytest.approx(CAR[0].km / 40_000, rel=1e-6)


def test_a_van_has_limits_of_its_own(record):
    _, parts = judged(record(), *GOOD, pack=Pack("NMC", None, van=True))
    assert [one.name[:13] for one in parts[:2]] == ["At least 75 %", "At least 67 %"]


def test_the_pages_say_what_was_assumed_and_how_far_it_reaches(record):
    result, _ = judged(record(), *GOOD)
    made = datetime(2026, 5, 1, tzinfo=UTC)
    pages = document(result, made=made, is_run=False, report_id="r", sha256="0" * 64)
    assert pages.verdict == "PASS"
    assert pages.assumptions[0].startswith("EXTRAPOLATED: ten years are 1825 times what was recorded")
    assert pages.whose_logic.startswith("No controller's")
    assert pages.values["laws"]["a"]["years_to_80_pct"] == pytest.approx(20.0)
    assert pages.values["energy_kwh"] == pytest.approx(2 * 57.6 * 2 * 0.4, rel=0.02)


def test_what_is_hotter_than_the_grid_is_said(record, columns):
    columns["temperature_c"][100:110] = 90.0
    result, _ = judged(record(), *GOOD)
    assert any("steps colder or hotter than −40 to 80 °C" in one for one in result.assumptions)


def pages_of(result):
    made = datetime(2026, 5, 1, tzinfo=UTC)
    return document(result, made=made, is_run=False, report_id="r", sha256="0" * 64)


def test_a_reported_charge_tells_no_plating_and_its_noise_is_no_throughput(record, columns):
    """A coarse charge moves in steps of a minute, at C-rates that no battery saw."""
    columns["soc"] = np.round(columns["soc"]) + np.random.default_rng(3).normal(0, 0.2, len(columns["soc"]))
    clean = pages_of(judged(record(), *GOOD)[0]).values["efc"]
    del columns["current_a"], columns["voltage_v"]
    pages = pages_of(judged(record(), *GOOD)[0])
    assert pages.values["plating"] is None
    assert pages.values["efc"] == pytest.approx(clean, rel=0.25)
    assert pages.values["efc_by_soc"] > 3 * clean
    assert [row[2] for row in pages.sections[0].sheets[1].rows] == [
        "no current is recorded, and the steps of a reported state of charge tell none"
    ] * 3


def test_thresholds_are_not_blurred_by_the_grid(record, columns):
    columns["temperature_c"] = np.full(len(columns["soc"]), 35.2)
    rows = dict(row[:2] for row in pages_of(judged(record(), *GOOD)[0]).sections[0].sheets[0].rows)
    assert rows["hours above 35 °C"] == "48.0"
    assert rows["hours below 10 °C"] == "0.0"


def test_too_short_a_recording_shows_no_year(record, columns):
    result, parts = judged(record({name: values[1000:1060] for name, values in columns.items()}), *GOOD)
    assert "too short" in parts[2].sentence
    titles = [sheet.title for section in pages_of(result).sections for sheet in section.sheets]
    assert "What the hysteresis before counting does" not in titles


def test_nothing_is_left_of_a_battery_never_less(record):
    result, _ = judged(record(), *(Straight(name, 0.08) for name in "abc"))
    assert result.laws[0].soce.min() == 0.0


def test_the_plane_holds_every_hour_at_its_temperature(record):
    """Whatever the laws' grid is: the hours of the recording, and their mean temperature to half a cell of 3 K."""
    result, _ = judged(record(), *GOOD)
    made = datetime(2030, 1, 1, tzinfo=UTC)
    pages = document(result, made=made, is_run=False, report_id="r", sha256="0" * 64)
    (heat,) = (figure.heat for section in pages.sections for figure in section.figures if figure.heat is not None)
    hours = np.array(heat.hours)
    assert hours.sum() == pytest.approx(result.stress.known_s / 3600.0)
    nodes = result.stress.occupancy_h.sum(axis=0)
    mean_c = nodes @ np.linspace(-40.0, 80.0, len(nodes)) / nodes.sum()
    assert hours.sum(axis=1) @ np.array(heat.y) / hours.sum() == pytest.approx(mean_c, abs=1.5)
