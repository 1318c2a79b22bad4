import numpy as np
import pytest

from v2g_bench.reports.render.axes import Scale, decimate, padded, runs_of_finite, tick_step, tick_text, ticks


def test_a_scale_maps_its_ends_and_what_is_outside():
    scale = Scale(-10.0, 70.0, 60.0, 700.0)
    assert [scale(-10.0), scale(70.0), scale(110.0)] == [60.0, 700.0, 1020.0]
    assert scale.many(np.array([-10.0, 70.0])).tolist() == [60.0, 700.0]


@pytest.mark.parametrize(
    ("low", "high", "about", "expected"),
    [
        (-10.0, 70.0, 9, [-10, 0, 10, 20, 30, 40, 50, 60, 70]),
        (-0.4, 0.4, 4, [-0.4, -0.2, 0.0, 0.2, 0.4]),
        (5, 6, 1, [5, 6]),
    ],
)
def test_ticks_are_round_and_inside(low, high, about, expected):
    assert ticks(low, high, about) == pytest.approx(expected)


def test_tick_labels_have_the_decimals_of_their_step():
    assert [tick_text(v, tick_step(0, 1, 4)) for v in (0.0, 0.5, -0.5)] == ["0.0", "0.5", "−0.5"]
    assert tick_text(20.0, 10.0) == "20"


def test_a_range_without_extent_gets_one():
    low, high = padded(0.0, 0.0)
    assert low < 0.0 < high


def test_decimation_keeps_a_spike_of_one_sample_and_the_ends():
    y = np.zeros(100_000)
    y[51_234], y[77_777] = 9.0, -9.0
    x = np.arange(100_000.0)
    kept_x, kept_y = decimate(x, y, 500)
    assert len(kept_x) <= 4 * 500
    assert {(51_234.0, 9.0), (77_777.0, -9.0)} <= set(zip(kept_x.tolist(), kept_y.tolist(), strict=True))
    assert (kept_x[0], kept_x[-1]) == (0.0, 99_999.0)
    assert (np.diff(kept_x) > 0).all()


def test_decimation_has_every_column_s_extremes():
    rng = np.random.default_rng(3)
    x, y = np.arange(20_000.0), rng.normal(size=20_000)
    kept_x, kept_y = decimate(x, y, 100)
    column, kept_column = (x / x[-1] * 100).astype(int).clip(max=99), (kept_x / x[-1] * 100).astype(int).clip(max=99)
    for number in range(100):
        assert kept_y[kept_column == number].max() == y[column == number].max()
        assert kept_y[kept_column == number].min() == y[column == number].min()


def test_gaps_part_the_line():
    y = np.array([np.nan, 1.0, 2.0, np.inf, 3.0])
    assert runs_of_finite(y) == [slice(1, 3), slice(4, 5)]
    assert runs_of_finite(np.array([np.nan])) == []
