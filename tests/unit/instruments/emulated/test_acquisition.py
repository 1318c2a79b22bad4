import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.instruments.emulated.acquisition import Acquisition


def line(pre=10, count=30):
    return Acquisition(start_s=100.0, dt_s=0.01, count=count, pre=pre, aperture_s=0.005)


@given(trigger_s=st.floats(100.2, 200.0), pre=st.integers(0, 15), post=st.integers(1, 20))
def test_a_full_record_has_its_pre_samples_before_the_edge(trigger_s, pre, post):
    acquisition = line(pre, pre + post)
    acquisition.trigger(trigger_s)
    times_s = acquisition.times_s()
    assert len(times_s) == pre + post
    assert 0 <= times_s[pre] - trigger_s + 1e-9 < 0.01 + 2e-9
    assert np.allclose(np.diff(times_s), 0.01)
    assert acquisition.end_s() == pytest.approx(times_s[-1] + 0.005)
    assert acquisition.points(acquisition.end_s() + 1e-6) == pre + post


def test_an_early_edge_leaves_fewer_pre_samples_and_all_others():
    acquisition = line(pre=10, count=30)
    acquisition.trigger(100.035)
    assert len(acquisition.times_s()) == 4 + 20
    assert acquisition.points(200.0) == 24


def test_memory_fills_up_to_the_pre_trigger_count_and_stays():
    acquisition = line(pre=10)
    assert [acquisition.points(t) for t in (99.0, 100.0, 100.0051, 100.0451, 100.2, 150.0)] == [0, 0, 1, 5, 10, 10]


def test_only_the_first_edge_after_the_start_counts():
    acquisition = line()
    acquisition.trigger(99.9)
    assert not acquisition.triggered
    assert not acquisition.complete(1e6)
    acquisition.trigger(101.0)
    end_s = acquisition.end_s()
    acquisition.trigger(102.0)
    assert acquisition.end_s() == end_s
    assert not acquisition.complete(end_s - 1e-4)
    assert acquisition.complete(end_s)
