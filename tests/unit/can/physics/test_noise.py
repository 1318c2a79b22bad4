import itertools

import pytest

from v2g_bench.can.physics.noise import BitErrors, GilbertElliott, SwitchingNoise


def test_bursts_take_their_share_of_time_and_last_as_long_as_they_should():
    noise = GilbertElliott(gap_s=0.09, burst_s=0.01, burst_rate=0.5, gap_rate=1e-6, seed=3)
    states = [noise.at(step * 1e-3, 0.0)[1] == 0.5 for step in range(200_000)]
    assert sum(states) / len(states) == pytest.approx(0.1, abs=0.01)
    begins = sum(1 for before, now in itertools.pairwise(states) if now and not before)
    assert sum(states) * 1e-3 / begins == pytest.approx(0.01, rel=0.15)
    assert noise.peak(0.0) == (0.0, 0.5)


def test_switching_noise_is_there_after_each_edge_of_the_bridge_and_grows_with_power():
    noise = SwitchingNoise(volts=0.5, switching_hz=20_000, ring_s=2e-6, rated_w=10_000)
    assert noise.at(1e-6, 10_000)[0] == 0.5
    assert noise.at(25e-6 + 1e-6, -10_000)[0] == 0.5
    assert noise.at(10e-6, 10_000)[0] == 0.0
    assert noise.at(1e-6, 5_000)[0] == pytest.approx(0.5 * 0.55)
    assert noise.at(1e-6, 0.0)[0] == 0.0
    hit = sum(noise.at(step * 1e-7, 10_000)[0] > 0 for step in range(100_000))
    assert hit / 100_000 == pytest.approx(2 / 25, rel=0.05)


def test_bit_errors_are_always_the_same():
    assert BitErrors(1e-4).at(5.0, 1.0) == BitErrors(1e-4).peak(1.0) == (0.0, 1e-4)
