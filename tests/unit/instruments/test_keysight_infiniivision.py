import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments import emulated
from v2g_bench.instruments.emulated.meter import MeterDefects
from v2g_bench.instruments.keysight_infiniivision import KeysightInfiniiVision

from .conftest import ARM, record


@pytest.fixture
def bench(digitizer):
    """(driver, emulated scope) on a current probe of 0.1 V/A."""
    return lambda seed=1, memory=100_000, **options: digitizer(
        "keysight-infiniivision", seed, {"memory": memory}, **options
    )


def test_a_record_is_in_amperes_on_the_bench_clock(bench, clock, rig):
    driver, scope = bench()
    for _ in range(2):
        edge_s, wave = record(driver, scope, clock, rig)
        assert wave.start_s <= edge_s - 0.05
        assert wave.end_s >= edge_s + 0.1
        assert 0.9 * 20e-6 < wave.dt_s <= 20e-6
        assert wave.between(edge_s, edge_s + 0.029).samples.mean() == pytest.approx(10.0, abs=0.65)
        assert wave.between(edge_s + 0.031, edge_s + 0.1).samples.mean() == pytest.approx(0.0, abs=0.45)
        assert wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s == pytest.approx(0.03, abs=40e-6)
        assert driver.timing().aperture_s == wave.dt_s
        rig.stop_s = 1e9


def test_the_time_axis_has_no_bias(bench, clock, rig):
    """The middle of a ramp lies at a known time; the mean error over many records is below 1 µs (the latency is 1 µs)."""
    errors_s = []
    for seed in range(100):
        driver, scope = bench(seed=seed, trigger_latency_s=1e-6)
        driver.arm(sample_rate_hz=50e3, before_s=0.01, after_s=0.01)
        edge_s = clock.now_s()
        scope.external_trigger(edge_s)
        rig.dc_current = lambda t, start=edge_s + 0.003: 10.0 - 10.0 * np.clip((t - start) / 0.002, 0, 1)
        clock.advance(0.02)
        wave = driver.fetch(edge_s)
        high = wave.between(edge_s, edge_s + 0.0025).samples.mean()
        low = wave.between(edge_s + 0.006, edge_s + 0.009).samples.mean()
        ramp = wave.between(edge_s + 0.0032, edge_s + 0.0048)
        slope, level = np.polyfit(ramp.times_s - edge_s, ramp.samples, 1)
        errors_s.append(((high + low) / 2 - level) / slope - 0.004)
    assert abs(np.mean(errors_s)) < 1e-6
    assert np.max(np.abs(errors_s)) < driver.timing().trigger_half_width_s


def test_its_points_are_averaged_not_picked(bench, clock, rig):
    """A 40 kHz ripple of 2 A peak would alias at 50 kS/s; the mean over 20 µs leaves a quarter of it."""
    driver, scope = bench()
    rig.dc_current = lambda t: 10.0 + 2.0 * np.sin(2 * np.pi * 40e3 * t)
    driver.arm(**ARM)
    edge_s = clock.now_s()
    scope.external_trigger(edge_s)
    clock.advance(0.1)
    wave = driver.fetch(edge_s)
    assert np.ptp(wave.samples - wave.samples.mean()) / 2 < 1.0


def test_too_little_memory_is_said_before_the_record(bench):
    driver, _ = bench(memory=5000)
    with pytest.raises(BenchError, match=r"samples/s over .*, not 50000\n.*memory is too short"):
        driver.arm(**ARM)


def test_beyond_the_screen(bench, clock, rig):
    driver, scope = bench(range_v=1.6)
    with pytest.raises(BenchError, match=r"overload: more than the 1.6 V range"):
        record(driver, scope, clock, rig)


def test_what_was_changed_on_the_front_panel_is_found(bench, clock, rig, monkeypatch):
    driver, scope = bench()
    driver.arm(**ARM)
    edge_s = clock.now_s()
    scope.external_trigger(edge_s)
    clock.advance(0.2)
    monkeypatch.setattr(type(scope), "rate_hz", property(lambda self: 1e6))
    with pytest.raises(BenchError, match="front panel"):
        driver.fetch(edge_s)


def test_wrong_identity(rig, clock, direct_session):
    scope = emulated.emulate("keysight-infiniivision", probe=rig, clock=clock, shunt_ohm=0.1)
    scope.defects = MeterDefects(identity="RIGOL TECHNOLOGIES,DS1054Z,DS1ZA1,00.04.04")
    with pytest.raises(BenchError, match=r"RIGOL.* answers, where"):
        KeysightInfiniiVision(direct_session(scope), shunt_ohm=0.1)


def test_an_edge_below_the_level(bench, clock):
    driver, scope = bench(trigger_v=6.0)
    driver.arm(**ARM)
    scope.external_trigger(clock.now_s())
    with pytest.raises(BenchError, match="no edge came"):
        driver.fetch(clock.now_s())
