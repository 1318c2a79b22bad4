import numpy as np
import pytest

from v2g_bench.metrology.ripple import (
    Steady,
    Tone,
    alias,
    correlation_factor,
    find_tones,
    moving_mean,
    resolvable,
    ripple_kernel,
    ripple_left,
)

N = np.arange(4000)


@pytest.mark.parametrize("cycles", [0.01, 0.0501, 0.2, 0.3333, 0.49])
@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_a_tone_is_found_and_measured(cycles, sigma):
    rng = np.random.default_rng(1)
    steady = Steady.of(8 + 0.4 * np.cos(2 * np.pi * cycles * N + 1) + sigma * rng.standard_normal(N.size))
    assert steady.tones[0].cycles == pytest.approx(cycles, abs=1e-5)
    assert steady.tones[0].amplitude == pytest.approx(0.4, abs=0.01)
    assert abs(steady.mean - 8) <= 3 * steady.u_mean + 1e-6
    assert steady.sigma == pytest.approx(sigma, abs=0.01)


def test_noise_alone_has_no_tone():
    found = [find_tones(np.random.default_rng(seed).standard_normal(2000)) for seed in range(60)]
    assert sum(map(bool, found)) <= 1


def test_harmonics_are_tones_too():
    triangle = np.arcsin(np.sin(2 * np.pi * 0.0123 * N)) * 2 / np.pi
    cycles = sorted(t.cycles for t in find_tones(triangle))
    assert cycles == pytest.approx([0.0123, 3 * 0.0123, 5 * 0.0123], abs=1e-4)


def test_the_mean_of_half_periods_is_not_fooled():
    short = 8 + 2 * np.sin(2 * np.pi * 0.0047 * N[:750])  # 3.5 periods: the plain mean is off by 0.18
    assert abs(short.mean() - 8) > 0.1
    assert Steady.of(short).mean == pytest.approx(8, abs=0.01)


def test_drift_and_correlation_widen_the_mean():
    rng = np.random.default_rng(3)
    white = rng.standard_normal(N.size)
    smooth = np.convolve(rng.standard_normal(N.size + 20), np.ones(20) / np.sqrt(20), "valid")[: N.size]
    assert correlation_factor(white) < 1.2
    assert correlation_factor(smooth) > 10
    assert Steady.of(white + N / N.size, ()).u_mean > 0.25


def test_the_mean_is_covered_as_often_as_stated():
    off = [Steady.of(5 + np.random.default_rng(seed).standard_normal(500)) for seed in range(300)]
    covered = np.mean([abs(s.mean - 5) <= 2 * s.u_mean for s in off])
    assert covered >= 0.93


@pytest.mark.parametrize(
    ("hz", "rate", "cycles"),
    [(20e3, 1e6, 0.02), (20e3, 50e3, 0.4), (20e3, 10e3, 0.0), (20.1e3, 1e3, 0.1), (900, 1e3, 0.1)],
)
def test_alias(hz, rate, cycles):
    assert alias(hz, 1 / rate) == pytest.approx(cycles, abs=1e-9)
    assert resolvable(hz, 1 / rate, 1000) is (cycles > 0)


@pytest.mark.parametrize("m", [1, 2, 3, 5, 8, 64, 65, 200])
def test_moving_mean_keeps_a_line_in_its_place(m):
    line = 3 + 0.5 * np.arange(1000)
    inside = slice(200, 800)
    assert moving_mean(line, m)[inside] == pytest.approx(line[inside])
    assert moving_mean(line, m).size == line.size


def test_the_kernel_takes_the_ripple_out():
    tone = Tone(0.04, 1.0)
    m = ripple_kernel([tone], 0.02, 100)
    assert m == 25
    left = moving_mean(np.cos(2 * np.pi * 0.04 * N), m)[100:-100]
    assert np.abs(left).max() <= 0.021
    assert ripple_left(tone, m) <= 0.02


def test_a_ripple_on_zero_stays():
    assert ripple_left(Tone(0.0, 2.0), 50) == 2.0
    assert ripple_kernel([], 0.1, 100) == 1


def test_too_few_samples():
    with pytest.raises(ValueError, match="steady"):
        Steady.of(np.ones(3))
