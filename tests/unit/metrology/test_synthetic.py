import math

import numpy as np
import pytest

from v2g_bench.metrology.synthetic import Fall, pulse


@pytest.mark.parametrize(
    "fall", [Fall(), Fall(shape="ramp"), Fall(-3.0, rest_pct=2.0), Fall(shape="ramp", rest_pct=2.0)]
)
def test_the_truth_is_where_the_mean_has_the_share(fall):
    at = np.array([fall.truth_s(0.05)])
    assert fall.mean(at)[0] == pytest.approx(0.05 * fall.before_a, rel=1e-6)


def test_a_rest_above_the_share_never_gets_there():
    assert Fall(rest_pct=6.0).truth_s(0.05) == math.inf


def test_ripple_and_noise_are_as_large_as_stated():
    wave = Fall(8.0, ripple_pct=10, noise_pct=0).waveform(1e6, seed=1, after_s=0.02)
    assert np.ptp(wave.samples[:40_000]) == pytest.approx(1.6, rel=0.01)
    noisy = Fall(8.0, noise_pct=1).waveform(1e5, seed=1)
    assert np.std(noisy.samples[:5000]) == pytest.approx(0.08, rel=0.05)


def test_the_seed_moves_the_sample_grid():
    starts = {Fall().waveform(1e3, seed=seed).start_s for seed in range(5)}
    assert len(starts) == 5


def test_pulse_is_where_it_was_put():
    flat = Fall(noise_pct=0).waveform(1e4, seed=1)
    put = pulse(flat, flat.start_s + 0.1, 2e-3, 3.0)
    changed = np.flatnonzero(put.samples != flat.samples)
    assert changed.size == 20
    assert put.times_s[changed[0]] == pytest.approx(flat.start_s + 0.1, abs=1e-4)
