import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.pack.ageing.rainflow import close, halves, joined, no_cycles, turning_places, values_only

signals = st.lists(st.integers(0, 40), min_size=2, max_size=80).map(lambda values: np.array(values) / 40.0)


def counted(values, hysteresis=0.0):
    closed, turns = close(values_only(np.asarray(values, dtype=float)), hysteresis)
    return closed + halves(turns)


def totals(cycles):
    """Count for each range, rounded: what two ways of pairing equal neighbours must agree in."""
    table = {}
    for depth, count in zip(cycles.depth.tolist(), cycles.count.tolist(), strict=True):
        table[round(depth, 9)] = table.get(round(depth, 9), 0.0) + count
    return table


@given(signals)
def test_agrees_with_the_package_rainflow(values):
    oracle = pytest.importorskip("rainflow")
    theirs = {}
    for size, _, count, _, _ in oracle.extract_cycles(values.tolist()):
        theirs[round(size, 9)] = theirs.get(round(size, 9), 0.0) + count
    theirs.pop(0.0, None)  # the package counts a constant signal as half a cycle of no range
    if (
        len(set(values.tolist())) > 1 and len(turning_places(values)) > 2
    ):  # and loses the half cycle of two turning points
        assert totals(counted(values)) == theirs


def test_example_of_the_standard_with_its_means():
    cycles = counted([-2, 1, -3, 5, -1, 3, -4, 4, -2])
    rows = sorted(zip(cycles.depth.tolist(), cycles.mean.tolist(), cycles.count.tolist(), strict=True))
    assert rows == [(3, -0.5, 0.5), (4, -1, 0.5), (4, 1, 1), (6, 1, 0.5), (8, 0, 0.5), (8, 1, 0.5), (9, 0.5, 0.5)]


@given(signals)
def test_twice_range_times_count_is_the_total_variation(values):
    assert counted(values).travel.sum() == pytest.approx(np.abs(np.diff(values)).sum(), abs=1e-9)


def test_total_variation_of_many_samples():
    values = np.clip(np.cumsum(np.random.default_rng(5).normal(0, 0.01, 20_000)) % 2, 0, 2)
    assert counted(values).travel.sum() == pytest.approx(np.abs(np.diff(values)).sum(), abs=1e-9)


@given(signals, st.integers(1, 79))
def test_carried_on_over_a_cut_nothing_changes(values, cut):
    cut = min(cut, len(values) - 1)
    whole = counted(values)
    first, open_first = close(values_only(values[:cut]))
    second, open_second = close(values_only(values[cut:]))
    between, turns = close(joined(open_first, open_second))
    assert totals(first + second + between + halves(turns)) == totals(whole)


def test_two_samples_are_half_a_cycle():
    cycles = counted([0.2, 0.8])
    assert cycles.depth.tolist() == pytest.approx([0.6])
    assert cycles.count.tolist() == [0.5]


def test_a_constant_signal_has_no_cycle():
    assert len(counted([0.5, 0.5, 0.5])) == 0


def test_nan_is_refused_not_swallowed():
    with pytest.raises(ValueError, match="finite"):
        values_only(np.array([0.0, 1.0, np.nan, 0.0, 2.0]))


def test_hysteresis_leaves_out_the_small_swings_alone():
    values = [0.2, 0.5, 0.49, 0.8, 0.2]
    assert totals(counted(values)) == {0.01: 1.0, 0.6: 1.0}
    assert totals(counted(values, 0.02)) == {0.6: 1.0}
    assert totals(counted([0.5, 0.505, 0.5, 0.504], 0.02)) == {}


@given(signals)
def test_no_swing_up_to_the_hysteresis_is_left(values):
    assert all(counted(values, 0.1).depth > 0.1)


def test_merged_keeps_travel_and_count():
    rng = np.random.default_rng(3)
    cycles = counted(rng.uniform(0, 1, 5000))
    merged = cycles.merged(above=100)
    assert len(merged) < len(cycles)
    assert merged.travel.sum() == pytest.approx(cycles.travel.sum(), rel=1e-12)
    assert merged.count.sum() == pytest.approx(cycles.count.sum(), rel=1e-12)
    assert (merged.depth * merged.count) @ merged.mean == pytest.approx((cycles.depth * cycles.count) @ cycles.mean)


def test_nothing_scaled_is_nothing():
    assert len(counted([0.2, 0.8]).scaled(0.0)) == 0
    assert len(no_cycles()) == 0


def test_c_rate_is_the_mean_of_both_directions():
    closed, turns = close(_rows([0.0, 0.9, 0.3, 0.7, 0.2], [0.0, 3.0, 5.0, 6.0, 11.0]))
    cycles = closed + halves(turns)
    assert cycles.depth.tolist() == pytest.approx([0.4, 0.9, 0.7])
    assert cycles.count.tolist() == [1.0, 0.5, 0.5]
    assert cycles.charge_c_rate.tolist() == pytest.approx([0.4, 0.3, 0.4])  # the last ends below the inner cycle
    assert cycles.discharge_c_rate.tolist() == pytest.approx([0.1, 0.0, 1.1 / 7.0])
    assert cycles.c_rate.tolist() == pytest.approx([0.25, 0.3, 0.2785714])
    assert cycles.temperature_c.tolist() == pytest.approx([20.0, 20.0, 20.0])


def _rows(values, hours):
    rows = np.zeros((len(values), 7))
    rows[:, 0], rows[:, 1], rows[:, 2] = values, hours, np.array(hours) * 20.0
    up = np.maximum(np.diff(values), 0.0)
    down = np.maximum(-np.diff(values), 0.0)
    span = np.diff(hours)
    for column, step in ((3, span * (up > 0)), (4, up), (5, span * (down > 0)), (6, down)):
        rows[1:, column] = np.cumsum(step)
    return rows
