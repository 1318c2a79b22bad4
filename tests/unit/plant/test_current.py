import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.errors import BenchError
from v2g_bench.plant.current import FIRST_CAPACITY, History, Segment, segment_means


def history():
    """0..1 s: up to 10 A; 1..2 s: decays with 2 ms towards -0.05 A."""
    past = History(keep_s=120.0)
    past.append(Segment(0.0, 1.0, 0.0, current_slope=10.0, power_slope=4000.0, emf_v=350.0, resistance_ohm=0.1))
    past.append(
        Segment(1.0, 2.0, 10.0, current_rest_a=-0.05, power_w=4000.0, tau_s=0.002, emf_v=351.0, resistance_ohm=0.1)
    )
    return past


def test_line_then_decay():
    t = np.array([0.0, 0.25, 1.0, 1.002, 2.0])
    expected = [0.0, 2.5, 10.0, -0.05 + 10.05 * np.exp(-1), -0.05]
    assert history().current_a(t) == pytest.approx(expected, abs=1e-12)
    assert history().power_w(t) == pytest.approx([0.0, 1000.0, 4000.0, 4000 * np.exp(-1), 0.0], abs=1e-9)
    assert history().voltage_v(np.array([0.5, 1.0])) == pytest.approx([350.5, 352.0])


def test_times_in_any_order():
    t = np.array([1.5, 0.25, 1.0, 0.75])
    assert history().current_a(t) == pytest.approx(history().current_a(np.sort(t))[[3, 0, 2, 1]])
    assert history().current_a(np.zeros(0)).size == 0


def test_before_the_beginning_nothing_flowed():
    assert history().current_a(np.array([-5.0])).tolist() == [0.0]


def test_later_than_the_plant_has_got_is_an_error_and_rounding_is_not():
    history().current_a(np.array([2.0 + 0.5e-6]))
    with pytest.raises(BenchError, match="later than the plant has got"):
        history().current_a(np.array([0.5, 2.00001]))
    with pytest.raises(BenchError, match="not been stepped"):
        History(120.0).current_a(np.array([0.0]))


def test_two_dimensions_and_empty_windows_are_errors():
    with pytest.raises(BenchError, match="1-D"):
        history().current_a(np.zeros((2, 2)))
    with pytest.raises(BenchError, match="empty window"):
        history().power_means(1.0, 1.0)


@given(st.floats(0, 1.99), st.floats(0.0001, 1.9))
@settings(max_examples=40, deadline=None)
def test_means_agree_with_the_samples(from_s, length_s):
    to_s = min(2.0, from_s + length_s)
    past, points = history(), 200_000
    t = from_s + (np.arange(points) + 0.5) * (to_s - from_s) / points
    for (mean, square), values in (
        (past.current_means(from_s, to_s), past.current_a(t)),
        (past.power_means(from_s, to_s), past.power_w(t)),
    ):
        assert mean == pytest.approx(values.mean(), rel=1e-5, abs=1e-5)
        assert square == pytest.approx((values**2).mean(), rel=1e-5, abs=1e-5)


def test_means_of_one_segment():
    assert segment_means(2.0, 2.0, 0.0, 0.0, 0.0, 1.0) == pytest.approx((3.0, 28 / 3))
    assert segment_means(5.0, 0.0, 5.0, 0.1, 0.0, 1.0) == pytest.approx((5.0, 25.0))


def test_memory_is_bounded_and_what_was_forgotten_is_an_error():
    past = History(keep_s=120.0)
    steps = 5 * FIRST_CAPACITY
    for n in range(steps):
        past.append(Segment(n * 0.01, (n + 1) * 0.01, float(n)))
    now_s = steps * 0.01
    assert past.rows.base.nbytes <= FIRST_CAPACITY * 2 * 11 * 8
    assert past.current_a(np.array([now_s - 119.995])).tolist() == [steps - 12_000.0]
    with pytest.raises(BenchError, match="are kept"):
        past.current_a(np.array([1.0]))


def test_fast_stepping_grows_the_table_instead_of_forgetting():
    past = History(keep_s=120.0)
    for n in range(3 * FIRST_CAPACITY):
        past.append(Segment(n * 0.001, (n + 1) * 0.001, float(n)))
    assert past.current_a(np.array([0.0005])).tolist() == [0.0]


def test_both_ends_of_every_piece():
    times, current = history().current_ends(0.0)
    assert times.tolist() == [0.0, 1.0, 1.0, 2.0]
    assert current == pytest.approx([0.0, 10.0, 10.0, -0.05])
    times, current = history().current_ends(1.5)
    assert times.tolist() == [1.0, 2.0]


@given(at=st.floats(0.0, 2.0))
def test_no_instant_lies_outside_of_the_ends_of_its_piece(at):
    times, current = history().current_ends(0.0)
    value = float(history().current_a(np.array([at]))[0])
    piece = [
        (min(a, b), max(a, b))
        for (t0, a), (t1, b) in zip(
            zip(times[::2], current[::2], strict=True), zip(times[1::2], current[1::2], strict=True), strict=True
        )
        if t0 <= at <= t1
    ]
    assert any(low - 1e-9 <= value <= high + 1e-9 for low, high in piece)


def test_a_short_history_knows_its_last_pieces_alone():
    whole = history()
    short = whole.last(1)
    assert short.current_a(np.array([1.5])) == whole.current_a(np.array([1.5]))
    with pytest.raises(BenchError, match="only the last"):
        short.current_a(np.array([0.5]))
    short.append(Segment(2.0, 3.0, -0.05))
    assert len(whole.rows) == 2
