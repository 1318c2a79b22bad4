import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.metrology.waveform import Waveform


@pytest.mark.parametrize(
    ("start_s", "dt_s", "samples"),
    [
        (0.0, 1e-3, []),
        (0.0, 1e-3, [[1.0, 2.0]]),
        (0.0, 1e-3, [1.0, float("nan")]),
        (0.0, 1e-3, [1.0, 9.9e37]),
        (0.0, 0.0, [1.0]),
        (0.0, -1e-3, [1.0]),
        (float("nan"), 1e-3, [1.0]),
    ],
    ids=["empty", "two rows", "gap", "overload", "no interval", "backwards", "no start"],
)
def test_what_is_no_record_is_refused(start_s, dt_s, samples):
    with pytest.raises(ValueError, match="waveform"):
        Waveform.of(start_s, dt_s, samples)


def test_between_takes_both_ends():
    wave = Waveform.of(100.0, 0.1, range(11))
    assert wave.between(100.2, 100.5).samples.tolist() == [2, 3, 4, 5]
    assert wave.between(99.0, 200.0).samples.size == 11


def test_between_without_a_sample_is_an_error():
    with pytest.raises(ValueError, match="no sample"):
        Waveform.of(0.0, 1.0, range(5)).between(1.2, 1.8)


@settings(deadline=None, max_examples=50)
@given(start_s=st.floats(-1e6, 1e6), rate=st.sampled_from([1e3, 5e4, 1e6]), at=st.integers(0, 99))
def test_the_time_of_a_sample_finds_it_again(start_s, rate, at):
    wave = Waveform.of(start_s, 1 / rate, np.zeros(100))
    assert wave.index_at(float(wave.times_s[at])) == at
    assert len(wave.between(float(wave.times_s[at]), float(wave.times_s[at]))) == 1


def test_shifted_moves_time_alone():
    wave = Waveform.of(1.0, 0.5, [1, 2, 3])
    assert wave.shifted(2.0).times_s.tolist() == [3.0, 3.5, 4.0]
    assert wave.shifted(2.0).end_s == wave.end_s + 2.0
