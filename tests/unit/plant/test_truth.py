import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.errors import BenchError
from v2g_bench.plant.current import History, Segment
from v2g_bench.plant.truth import isolation_time


def history(*segments):
    past = History(keep_s=120.0)
    for segment in segments:
        past.append(segment)
    return past


def test_decay_is_solved_exactly():
    past = history(Segment(0.0, 1.0, -8.0), Segment(1.0, 2.0, -8.0, tau_s=0.0015))
    assert isolation_time(past, 0.5, 0.05) == pytest.approx(1.0 + 0.0015 * np.log(20), abs=1e-12)


def test_decay_towards_a_rest_current():
    past = history(Segment(0.0, 1.0, 8.0), Segment(1.0, 2.0, 8.0, current_rest_a=-0.05, tau_s=0.0015))
    found = isolation_time(past, 0.5, 0.05)
    assert past.current_a(np.array([found]))[0] == pytest.approx(0.4)


def test_jump_and_ramp():
    jump = history(Segment(0.0, 1.0, 8.0), Segment(1.0, 2.0, 0.0))
    assert isolation_time(jump, 0.5, 0.05) == 1.0
    ramp = history(Segment(0.0, 1.0, 8.0), Segment(1.0, 2.0, 8.0, current_slope=-8.0))
    assert isolation_time(ramp, 0.5, 0.05) == pytest.approx(1.95)


def test_a_current_that_comes_back_counts_from_its_second_end():
    past = history(Segment(0, 1, 8.0), Segment(1, 2, 0.0), Segment(2, 3, 8.0), Segment(3, 4, 0.0))
    assert isolation_time(past, 0.5, 0.05) == 3.0


def test_not_below_now_is_none():
    assert isolation_time(history(Segment(0.0, 1.0, 8.0)), 0.5, 0.05) is None
    back = history(Segment(0, 1, 8.0), Segment(1, 2, 0.0), Segment(2, 3, -1.0))
    assert isolation_time(back, 0.5, 0.05) is None


def test_no_current_before_is_none_and_unknown_times_are_errors():
    assert isolation_time(history(Segment(0.0, 1.0, 0.0)), 0.5, 0.05) is None
    with pytest.raises(BenchError, match="later than"):
        isolation_time(history(Segment(0.0, 1.0, 0.0)), 3.0, 0.05)


@given(
    st.lists(
        st.tuples(st.floats(-10, 10), st.floats(-20, 20), st.sampled_from([0.0, 0.05, 0.3]), st.floats(-1, 1)),
        min_size=2,
        max_size=6,
    ),
    st.floats(0.02, 0.9),
)
@settings(max_examples=60, deadline=None)
def test_agrees_with_dense_samples(pieces, fraction):
    past = history(
        *(
            Segment(n, n + 1.0, value, 0.0 if tau else slope, rest if tau else 0.0, tau_s=tau)
            for n, (value, slope, tau, rest) in enumerate(pieces)
        )
    )
    t = np.arange(0.25, len(pieces), 1e-4)
    magnitude = np.abs(past.current_a(t))
    limit = magnitude[0] * fraction
    found = isolation_time(past, 0.25, fraction)
    if limit < 1e-6:
        return
    above = np.flatnonzero(magnitude >= limit)
    if found is None:
        assert above[-1] == t.size - 1 or abs(magnitude[-1] - limit) < 0.01
    else:
        margin = np.abs(magnitude - limit) > 0.003  # a touch between two samples is not seen by them
        assert not np.any((magnitude >= limit) & margin & (t > found + 1e-9))
        assert t[above[-1]] >= found - 2e-4 or not np.any(margin[(t > t[above[-1]]) & (t < found)])
