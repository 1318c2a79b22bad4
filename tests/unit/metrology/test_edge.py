import numpy as np
import pytest

from v2g_bench.metrology.edge import Ripple, fit_edge

T = np.arange(-400, 401) * 1e-6
TAU = 2.5e-4


def decay(shift_s=0.0):
    return 0.4 * np.exp(-(T - shift_s) / TAU)


@pytest.mark.parametrize("guess", [0.5, 1.0, 2.0])
def test_a_clean_decay_is_exact_from_any_guess(guess):
    fit = fit_edge(T, decay(13e-6), 0.4, guess * TAU, 0.0)
    assert fit.time_s == pytest.approx(13e-6, abs=1e-10)
    assert fit.slope_per_s == pytest.approx(-0.4 / TAU, rel=1e-6)
    assert fit.adequate


def test_spread_is_as_stated():
    fits = [
        fit_edge(T, decay() + 0.02 * np.random.default_rng(seed).standard_normal(T.size), 0.4, TAU, 0.02)
        for seed in range(200)
    ]
    ratio = np.std([f.time_s / f.u_s for f in fits])
    assert 0.85 < ratio < 1.15
    assert np.mean([f.adequate for f in fits]) > 0.97


def test_a_ripple_slower_than_the_window_ends_in_the_uncertainty():
    slow = Ripple(200.0, 0.1, 0.0)
    without = fit_edge(T, decay(), 0.4, TAU, 1e-4)
    within = fit_edge(T, decay(), 0.4, TAU, 1e-4, [slow])
    assert within.u_s > 10 * without.u_s


def test_a_ripple_that_goes_on_is_taken_out():
    y = decay() + 0.3 * np.cos(2 * np.pi * 20e3 * T + 0.7)
    assert not fit_edge(T, y, 0.4, TAU, 1e-4).adequate
    fit = fit_edge(T, y, 0.4, TAU, 1e-4, [Ripple(20e3, 0.05, 0.3)])
    assert fit.adequate
    assert fit.time_s == pytest.approx(0, abs=1e-7)


def test_a_kink_is_not_adequate():
    bent = np.where(T < 30e-6, 0.4 - 2000 * T, 0.34 - 300 * (T - 30e-6))
    assert not fit_edge(T, bent, 0.4, TAU, 1e-3).adequate


def test_a_pulse_in_the_window_is_left_out():
    y = decay() + 1e-3 * np.random.default_rng(1).standard_normal(T.size)
    y[500:520] += 4.0
    fit = fit_edge(T, y, 0.4, TAU, 1e-3)
    assert fit.adequate
    assert abs(fit.time_s) < 3 * fit.u_s + 1e-7


def test_nothing_to_find():
    assert fit_edge(T[:5], decay()[:5], 0.4, TAU, 0.0) is None
    rising = fit_edge(T, 0.4 * np.exp(T / TAU), 0.4, TAU, 1e-3)
    assert rising is None or not rising.adequate
