import math

import can
import numpy as np
import pytest

from v2g_bench.bms.disturbance import Disturbance
from v2g_bench.faults import BmsSilence, BusWindow, EmiNoise, Expectation, spread_ms


@pytest.mark.parametrize(
    ("op", "value", "met"),
    [
        ("==", 45.0, True),
        ("==", 45.06, False),
        (">=", 44.95, True),
        (">=", 44.9, False),
        ("<=", 45.05, True),
        ("<=", 46, False),
    ],
)
def test_values_are_compared_within_the_tolerance(op, value, met):
    assert Expectation("soc", op, 45.0, tolerance=0.05).met_by({"soc": value}) is met


def test_a_difference_needs_both_roles():
    expected = Expectation("a", ">=", 8.0, minus="b")
    assert expected.met_by({"a": 33.0, "b": 25.0})
    assert not expected.met_by({"a": 33.0})
    assert expected.roles() == ["a", "b"]


def test_a_change_needs_what_was_before():
    expected = Expectation("soc", "<=", -5.0, change=True)
    assert expected.met_by({"soc": 44.0}, before={"soc": 50.0})
    assert not expected.met_by({"soc": 44.0}, before={"soc": 45.0})
    assert not expected.met_by({"soc": 44.0})


def test_a_coarse_signal_widens_the_tolerance_to_its_rounding():
    expected = Expectation("soc", "==", 45.5)
    assert not expected.met_by({"soc": 46.0})
    assert expected.at_resolution(1.0).met_by({"soc": 46.0})
    assert not expected.at_resolution(0.5).met_by({"soc": 46.0})


def test_silence_is_proved_by_a_window_in_which_frames_were_due():
    expected = BmsSilence().readback()
    assert expected.met_by(BusWindow(window_s=0.06, expected=20, received=0))
    assert not expected.met_by(BusWindow(window_s=0.06, expected=20, received=1))
    assert not expected.met_by(BusWindow(window_s=0.02, expected=20, received=0))
    assert not expected.met_by(BusWindow(window_s=0.06, expected=0, received=0))


def observed(noise: EmiNoise, frames: int, seed: int) -> BusWindow:
    """What a receiver would count after this noise, without end-to-end protection in the way."""
    path = Disturbance(seed)
    path.settings = noise.transmit()
    received = bad = repeated = 0
    for number in range(frames):
        sent = path.transmit(can.Message(arbitration_id=1, data=bytes(8)), number * 0.01)
        received += len(sent)
        bad += sum(not one.clean for one in sent[:1])
        repeated += max(0, len(sent) - 1)
    return BusWindow(frames * 0.01, frames, received, bad, repeated, spread_ms=noise.jitter_ms)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "noise",
    [
        EmiNoise(loss_pct=1),
        EmiNoise(loss_pct=20),
        EmiNoise(loss_pct=100),
        EmiNoise(loss_pct=20, burst_frames=5),
        EmiNoise(loss_pct=60, longest_gap=2),
        EmiNoise(loss_pct=100, longest_gap=3),
        EmiNoise(flip_pct=5),
        EmiNoise(loss_pct=30, flip_pct=30, duplicate_pct=10, jitter_ms=4),
    ],
    ids=str,
)
def test_noise_meets_its_readback_and_a_quiet_bus_does_not(noise, seed):
    expected = noise.readback()
    frames = expected.min_expected
    assert expected.met_by(observed(noise, frames, seed))
    assert not expected.met_by(BusWindow(frames * 0.01, frames, frames))
    assert not expected.met_by(observed(noise, frames - 1, seed)), "too few frames to say so"


def test_jitter_must_be_seen():
    expected = EmiNoise(jitter_ms=4).readback()
    assert expected.bounds == {"spread_ms": (2.0, math.inf)}


def test_the_spread_is_that_of_the_frames_and_not_of_one_that_stalled():
    even = 7.0 + 0.01 * np.arange(200)
    assert spread_ms(even, 0.01) == pytest.approx(0.0, abs=1e-6)
    stalled = even.copy()
    stalled[50] += 0.004
    assert spread_ms(stalled, 0.01) == pytest.approx(0.0, abs=1e-6)
    jittered = even + np.random.default_rng(1).uniform(0, 0.004, 200)
    assert spread_ms(jittered, 0.01) == pytest.approx(0.8 * 4.0, rel=0.15)
    assert spread_ms(jittered[:9], 0.01) == 0.0


def test_a_share_of_nothing_is_nothing():
    assert BusWindow(1.0, 0, 0).lost_pct() == 0.0
    assert BusWindow(1.0, 0, 0, bad=3).share_pct(3) == 0.0
