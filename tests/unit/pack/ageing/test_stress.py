import dataclasses

import numpy as np
import pytest

from v2g_bench.pack.ageing.laws import LAWS
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import SOC_NODES, TEMPERATURE_NODES_C, counted_soc, spread, stress_of


def commuter(days=7, seed=1, current=False):
    """Minutes: down in the morning, down in the evening, up at night; a daily swing of the temperature."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(days * 1440 + 1) * 60.0
    hour = time_s / 3600.0 % 24
    rate = np.where((hour >= 7) & (hour < 7.5), -0.2, np.where((hour >= 17) & (hour < 19), -0.15, 0.0))
    rate = np.where(hour < 4, 0.1, rate) + rng.normal(0, 0.002, len(hour)) * (hour < 4)
    soc = np.clip(0.4 + np.concatenate([[0.0], np.cumsum(rate[:-1] / 60.0)]), 0.0, 1.0)
    warm = 12.0 + 8.0 * np.sin(2 * np.pi * (hour - 9) / 24) + 3.0 * np.sin(time_s / 5e5)
    return Series(time_s, soc, warm, rate * 156.0 if current else None, 156.0, "NMC", 350.0)


def halved(series):
    middle = len(series.time_s) // 2
    for there in (slice(0, middle + 1), slice(middle, None)):
        current = None if series.current_a is None else series.current_a[there]
        yield dataclasses.replace(
            series,
            time_s=series.time_s[there],
            soc=series.soc[there],
            temperature_c=series.temperature_c[there],
            current_a=current,
        )


def test_hours_ampere_hours_and_means_are_kept_by_the_grids():
    series = commuter(current=True)
    stress = stress_of(series)
    assert stress.occupancy_h.sum() == pytest.approx(168.0)
    soc = 0.5 * (series.soc[1:] + series.soc[:-1])
    warm = 0.5 * (series.temperature_c[1:] + series.temperature_c[:-1])
    assert stress.occupancy_h.sum(axis=1) @ SOC_NODES / 168 == pytest.approx(soc.mean())
    assert stress.occupancy_h.sum(axis=0) @ TEMPERATURE_NODES_C / 168 == pytest.approx(warm.mean())
    flow = stress.flow
    assert (flow.hours * np.abs(flow.c_rate)).sum() * 156.0 == pytest.approx(stress.throughput_ah, rel=1e-9)
    assert stress.efc == pytest.approx(stress.cycles.travel.sum() / 2, rel=1e-3)
    assert stress.energy_kwh == pytest.approx(stress.throughput_ah * 0.35)


@pytest.mark.parametrize("law", list(LAWS))
def test_the_binning_moves_no_law_by_more_than_a_thousandth(law):
    """The same history on grids of its own samples: what the 101 SoC and 241 temperature nodes cost."""
    series = commuter(days=2)
    binned = LAWS[law].fade(stress_of(series), 10.0)
    places = 0.5 * (series.soc[1:] + series.soc[:-1]), 0.5 * (series.temperature_c[1:] + series.temperature_c[:-1])
    at_nodes = [np.round(place / step) * step for place, step in zip(places, (0.01, 0.5), strict=True)]
    nearest = dataclasses.replace(
        stress_of(series),
        occupancy_h=spread((SOC_NODES, TEMPERATURE_NODES_C), at_nodes, np.full(len(places[0]), 1 / 60)),
    )
    assert LAWS[law].fade(nearest, 10.0).capacity == pytest.approx(binned.capacity, rel=1e-3)


def test_the_binning_error_against_the_samples_themselves():
    series = commuter(days=2)
    law = LAWS["schmalstieg"]
    soc, warm = 0.5 * (series.soc[1:] + series.soc[:-1]), 0.5 * (series.temperature_c[1:] + series.temperature_c[:-1])
    exact = (law.calendar.rate(soc, warm + 273.15) ** (1 / 0.75) / 1440).sum()
    assert law.calendar.inner(stress_of(series))[0].sum() == pytest.approx(exact, rel=5e-4)


@pytest.mark.parametrize("current", [True, False])
def test_two_halves_added_are_the_whole(current):
    series = commuter(current=current)
    first, second = (stress_of(part) for part in halved(series))
    both, whole = first + second, stress_of(series)
    assert both.occupancy_h == pytest.approx(whole.occupancy_h)
    assert both.cycles.travel.sum() == pytest.approx(whole.cycles.travel.sum(), abs=2e-2 if current else 1e-9)
    assert both.efc == pytest.approx(whole.efc)
    for law in LAWS.values():
        assert law.fade(both, 10.0).capacity == pytest.approx(law.fade(whole, 10.0).capacity, rel=2e-3)


def test_a_week_repeated_is_that_many_weeks_in_a_row():
    week = stress_of(commuter())
    row = week + week + week
    assert week.repeated(3).cycles.travel.sum() == pytest.approx(row.cycles.travel.sum(), abs=1e-9)
    assert sorted(week.repeated(3).cycles.depth.tolist()) != []
    deep = week.repeated(3).cycles.count[week.repeated(3).cycles.depth > 0.3].sum()
    assert deep == pytest.approx(row.cycles.count[row.cycles.depth > 0.3].sum())
    for law in LAWS.values():
        assert law.fade(week.repeated(520), 10.0).capacity == pytest.approx(law.fade(week, 10.0).capacity, rel=2e-2)


def test_repeated_cycles_keep_their_temperature_and_rate():
    cycles = stress_of(commuter()).repeated(520).cycles
    assert cycles.temperature_c.min() > 0
    assert cycles.c_rate.min() > 0


def test_counting_day_by_day_without_the_open_cycles_would_lose_the_deep_one():
    down = Series(np.arange(3) * 3600.0, np.array([0.9, 0.5, 0.55]), np.full(3, 20.0), None, 100.0, "NMC")
    up = Series(np.arange(3) * 3600.0, np.array([0.55, 0.1, 0.9]), np.full(3, 20.0), None, 100.0, "NMC")
    assert (stress_of(down) + stress_of(up)).cycles.depth.max() == pytest.approx(0.8)


def test_an_unknown_time_is_left_out_and_counted_and_nothing_is_joined_across_it():
    soc = np.array([0.2, 0.8, np.nan, 0.5, 0.1])
    stress = stress_of(Series(np.arange(5) * 3600.0, soc, np.full(5, 20.0), None, 100.0, "NMC"))
    assert stress.unknown_s == 7200.0
    assert stress.known_s == 7200.0
    assert stress.joins == 1
    assert sorted(stress.cycles.depth.tolist()) == pytest.approx([0.4, 0.6])
    assert stress.cycles.count.tolist() == [0.5, 0.5]


def test_two_samples_and_a_constant():
    two = stress_of(Series(np.array([0.0, 3600.0]), np.array([0.2, 0.8]), np.full(2, 20.0), None, 100.0, "NMC"))
    assert two.cycles.depth.tolist() == pytest.approx([0.6])
    rest = stress_of(Series(np.array([0.0, 3600.0]), np.array([0.5, 0.5]), np.full(2, 20.0), None, 100.0, "NMC"))
    assert len(rest.cycles) == 0
    assert rest.efc == 0


def test_noise_of_the_reported_soc_is_not_counted_where_there_is_a_current():
    clean = commuter(current=True)
    noisy = dataclasses.replace(
        clean, soc=np.clip(clean.soc + np.random.default_rng(2).normal(0, 0.005, len(clean.soc)), 0, 1)
    )
    assert stress_of(noisy).cycles.travel.sum() == pytest.approx(stress_of(clean).cycles.travel.sum(), rel=0.02)
    alone = stress_of(dataclasses.replace(noisy, current_a=None))
    assert alone.efc_soc > 5 * stress_of(clean).efc
    assert stress_of(noisy).efc_soc > 5 * stress_of(noisy).efc


def test_the_integrated_current_meets_the_reported_soc_at_both_ends():
    series = commuter(current=True)
    drifting = dataclasses.replace(series, current_a=np.asarray(series.current_a) + 0.5)
    counted = counted_soc(drifting)
    assert counted[[0, -1]] == pytest.approx(series.soc[[0, -1]])


def test_an_error_of_the_current_that_changes_makes_no_deep_cycle():
    """Half an ampere too much for a month, then too little: a line from end to end would leave 115 % of charge."""
    series = commuter(days=60, current=True)
    off = np.where(np.arange(len(series.time_s)) < len(series.time_s) // 2, 0.5, -0.5)
    drifting = dataclasses.replace(series, current_a=np.asarray(series.current_a) + off)
    counted = counted_soc(drifting)
    assert np.abs(counted - series.soc).max() < 0.06
    assert stress_of(drifting).cycles.depth.max() < np.ptp(series.soc) + 0.1
    assert counted[[0, -1]] == pytest.approx(series.soc[[0, -1]])


def test_hysteresis_is_kept_and_only_one_of_them_is_added():
    coarse, fine = (stress_of(commuter(), hysteresis=value) for value in (0.02, 0.0))
    assert coarse.hysteresis == 0.02
    with pytest.raises(ValueError, match="hystereses"):
        coarse + fine
    with pytest.raises(ValueError, match="hysteresis"):
        stress_of(commuter(), hysteresis=2.0)


def test_what_lies_beyond_the_grid_is_counted():
    series = Series(
        np.arange(3) * 3600.0, np.array([0.5, 0.5, 0.5]), np.array([-60.0, -60.0, 20.0]), None, 100.0, "NMC"
    )
    assert stress_of(series).clipped == 1


def test_a_constant_current_is_in_the_table_as_it_was():
    for rate in (0.13, 9.0):
        time_s = np.arange(3) * 60.0
        series = Series(time_s, np.full(3, 0.5), np.full(3, 7.3), np.full(3, rate * 100.0), 100.0, "NMC")
        flow = stress_of(series).flow
        assert flow.c_rate.tolist() == pytest.approx([rate])
        assert flow.temperature_c.tolist() == pytest.approx([7.3])
        assert flow.hours.tolist() == pytest.approx([2 / 60])
        assert (stress_of(series) + stress_of(series)).flow.hours.tolist() == pytest.approx([4 / 60])
