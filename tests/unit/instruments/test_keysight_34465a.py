import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments import emulated
from v2g_bench.instruments.keysight_34465a import Keysight34465A

from .conftest import record


@pytest.fixture
def bench(digitizer):
    """(driver, emulated meter) over a shunt of 1 milliohm."""
    return lambda seed=1, **options: digitizer("keysight-34465a", seed, **options)


def test_a_record_is_in_amperes_on_the_bench_clock(bench, clock, rig):
    driver, meter = bench()
    edge_s, wave = record(driver, meter, clock, rig)
    assert len(wave) == 2500 + 5000 + 1
    assert wave.unit == "A"
    assert wave.dt_s == 20e-6
    assert wave.start_s == pytest.approx(edge_s - 0.05 + 20e-6)
    assert wave.between(edge_s, edge_s + 0.029).samples.mean() == pytest.approx(10.0, abs=0.01)
    assert wave.between(edge_s + 0.031, edge_s + 0.1).samples.mean() == pytest.approx(0.0, abs=0.01)


def test_the_time_axis_has_no_bias(bench, clock, rig):
    """A ramp crosses 5 A at a known time; over many sample grids the mean error is below 2 µs (the latency is 1 µs)."""
    errors_s = []
    for seed in range(150):
        driver, meter = bench(seed=seed, trigger_latency_s=1e-6)
        driver.arm(sample_rate_hz=50e3, before_s=0.002, after_s=0.01)
        edge_s = clock.now_s()
        meter.external_trigger(edge_s)
        rig.dc_current = lambda t, start=edge_s + 0.003: 10.0 - 10.0 * np.clip((t - start) / 0.002, 0, 1)
        clock.advance(0.02)
        wave = driver.fetch(edge_s)
        ramp = wave.between(edge_s + 0.0032, edge_s + 0.0048)
        slope, level = np.polyfit(ramp.times_s - edge_s, ramp.samples, 1)
        errors_s.append((5.0 - level) / slope - 0.004)
    spread_s = np.std(errors_s)
    assert abs(np.mean(errors_s)) < 2e-6
    assert 3e-6 < spread_s < 9e-6  # the free-running grid: 20 µs / sqrt(12), and the gain's share
    assert np.max(np.abs(errors_s)) < 10e-6 + 5e-6


def test_lower_rates_and_latency(bench, clock, rig):
    driver, meter = bench(trigger_latency_s=5e-6)
    edge_s, wave = record(driver, meter, clock, rig, sample_rate_hz=8000, before_s=0.01, after_s=0.05)
    assert wave.dt_s == pytest.approx(125e-6)
    assert wave.start_s == pytest.approx(edge_s - 0.01 + 5e-6 + 62.5e-6 + 10e-6)
    assert driver.timing().sample_interval_s == pytest.approx(125e-6)


def test_timing_scales_with_range_and_shunt(bench):
    driver, _ = bench(range_v=1.0)
    timing = driver.timing()
    assert timing.offset_a == pytest.approx(4e-6 / 0.001)
    assert timing.gain_rel == 35e-6
    assert timing.trigger_half_width_s == 10e-6
    assert timing.source


def test_wrong_identity(rig, clock, direct_session):
    meter = emulated.emulate("fluke-8846a", probe=rig, clock=clock)
    with pytest.raises(BenchError, match=r"FLUKE,8846A.* answers, where .*344"):
        Keysight34465A(direct_session(meter), shunt_ohm=0.001)


def test_an_edge_while_arming(bench, clock, rig, monkeypatch):
    driver, meter = bench()
    monkeypatch.setattr(
        "v2g_bench.instruments.session.time.sleep",
        lambda s: (clock.advance(s / 2), meter.external_trigger(clock.now_s()), clock.advance(s / 2)),
    )
    with pytest.raises(BenchError, match="before the pre-trigger readings"):
        driver.arm(sample_rate_hz=50e3, before_s=0.1, after_s=0.01)


def test_a_record_with_too_few_readings(bench, clock, rig, monkeypatch):
    """An edge that came before the buffer was full, behind the driver's back."""
    driver, meter = bench()
    monkeypatch.setattr(driver, "_await_pre_trigger", lambda: clock.advance(0.02))
    with pytest.raises(BenchError, match="were asked for"):
        record(driver, meter, clock, rig)


def test_a_start_that_the_instrument_takes_late_costs_no_readings(bench, clock, rig, monkeypatch):
    """It was busy for 25 ms when the start came: its next answer proves that it has begun, and the wait counts from there."""
    driver, meter = bench()
    start, check = driver._start, driver._session.check_errors

    def late(after=""):
        if after == "its start":
            clock.advance(0.025)
            start()
        check(after)

    monkeypatch.setattr(driver, "_start", lambda: None)
    monkeypatch.setattr(driver._session, "check_errors", late)
    _, wave = record(driver, meter, clock, rig)
    assert len(wave) == 2500 + 5000 + 1


def test_an_empty_memory(bench, clock, rig, monkeypatch):
    driver, meter = bench()
    driver.arm(sample_rate_hz=50e3, before_s=0.01, after_s=0.01)
    edge_s = clock.now_s()
    meter.execute("ABOR").advance(edge_s)
    with pytest.raises(BenchError, match="memory is empty"):
        driver.fetch(edge_s)


def test_the_record_before_is_not_a_record(bench, clock, rig, monkeypatch):
    driver, meter = bench()
    _, wave = record(driver, meter, clock, rig)
    monkeypatch.setattr(meter, "sample", lambda opens_s: wave.samples[: len(opens_s)] * 0.001)
    monkeypatch.setattr("v2g_bench.instruments.emulated.digitizer.CHUNK", 1 << 20)
    with pytest.raises(BenchError, match="record before"):
        record(driver, meter, clock, rig)


def test_an_edge_may_be_told_a_little_ahead_of_the_clock(bench, clock, rig):
    driver, meter = bench()
    driver.arm(sample_rate_hz=50e3, before_s=0.01, after_s=0.01)
    edge_s = clock.now_s()
    meter.external_trigger(edge_s)
    wave = driver.fetch(edge_s + 5e-6)
    assert wave.start_s == pytest.approx(edge_s - 0.01 + 25e-6, abs=1e-6)


@pytest.mark.parametrize(
    "arm",
    [
        {"sample_rate_hz": 60e3, "before_s": 0.1, "after_s": 0.1},
        {"sample_rate_hz": 0, "before_s": 0.1, "after_s": 0.1},
        {"sample_rate_hz": 50e3, "before_s": -0.1, "after_s": 0.1},
        {"sample_rate_hz": 50e3, "before_s": 0.1, "after_s": 0},
    ],
)
def test_impossible_records(bench, arm):
    driver, _ = bench()
    with pytest.raises(BenchError, match="cannot record"):
        driver.arm(**arm)


def test_more_than_the_memory_is_refused_in_the_instruments_words(bench):
    driver, _ = bench()
    with pytest.raises(BenchError, match=r"-221.*memory"):
        driver.arm(sample_rate_hz=50e3, before_s=0.1, after_s=1.0)


@pytest.mark.parametrize("options", [{"shunt_ohm": 0.0}, {"shunt_ohm": 0.001, "range_v": 0.2}])
def test_senseless_options(rig, clock, direct_session, options):
    meter = emulated.emulate("keysight-34465a", probe=rig, clock=clock, shunt_ohm=0.001)
    with pytest.raises(BenchError, match="shunt"):
        Keysight34465A(direct_session(meter), **options)
