import numpy as np
import pytest

from v2g_bench.metrology.extremes import least_mean
from v2g_bench.metrology.waveform import Waveform


@pytest.mark.parametrize("at", [0, 500, 979])
def test_a_short_discharge_is_found_wherever_it_is(at):
    samples = np.ones(1000) * 2.0
    samples[at : at + 20] = -3.0
    found = least_mean(Waveform(10.0, 1e-3, samples), 0.02)
    assert found.value == pytest.approx(-3.0)
    assert found.time_s == pytest.approx(10.0 + (at + 9.5) * 1e-3)


def test_noise_is_averaged_and_stated():
    samples = 2 + 0.1 * np.random.default_rng(1).standard_normal(100_000)
    found = least_mean(Waveform(0.0, 1e-4, samples), 0.02)
    assert found.u == pytest.approx(0.1 / np.sqrt(200), rel=0.05)
    assert found.value > 1.95


def test_a_trace_shorter_than_the_window_is_an_error():
    with pytest.raises(ValueError, match="no window"):
        least_mean(Waveform(0.0, 1e-3, np.ones(10)), 0.02)
