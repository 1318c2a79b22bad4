import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments import emulated
from v2g_bench.instruments.emulated.meter import MeterDefects
from v2g_bench.instruments.keithley_dmm6500 import KeithleyDMM6500, buffer_of

from .conftest import ARM, record


@pytest.fixture
def bench(digitizer):
    """(driver, emulated meter) over a shunt of 1 milliohm."""
    return lambda seed=1, language="SCPI", **options: digitizer(
        "keithley-dmm6500", seed, {"language": language}, **options
    )


def test_a_record_is_in_amperes_on_the_bench_clock(bench, clock, rig):
    driver, meter = bench()
    for _ in range(2):  # the second one finds the buffer of the first
        edge_s, wave = record(driver, meter, clock, rig)
        assert wave.start_s <= edge_s - 0.05 + 20e-6
        assert wave.end_s >= edge_s + 0.1
        assert wave.dt_s == 20e-6
        assert wave.between(edge_s, edge_s + 0.029).samples.mean() == pytest.approx(10.0, abs=0.05)
        assert wave.between(edge_s + 0.031, edge_s + 0.1).samples.mean() == pytest.approx(0.0, abs=0.05)
        assert wave.times_s[np.argmax(wave.samples < 5.0)] - edge_s == pytest.approx(0.03, abs=40e-6)
        rig.stop_s = 1e9


def test_the_time_axis_has_no_bias(bench, clock, rig):
    """A ramp crosses 5 A at a known time; over many sample grids the mean error is below 2 µs (the latency is 1 µs)."""
    errors_s = []
    for seed in range(100):
        driver, meter = bench(seed=seed, trigger_latency_s=1e-6)
        driver.arm(sample_rate_hz=50e3, before_s=0.002, after_s=0.01)
        edge_s = clock.now_s()
        meter.external_trigger(edge_s)
        rig.dc_current = lambda t, start=edge_s + 0.003: 10.0 - 10.0 * np.clip((t - start) / 0.002, 0, 1)
        clock.advance(0.02)
        ramp = driver.fetch(edge_s).between(edge_s + 0.0032, edge_s + 0.0048)
        slope, level = np.polyfit(ramp.times_s - edge_s, ramp.samples, 1)
        errors_s.append((5.0 - level) / slope - 0.004)
    assert abs(np.mean(errors_s)) < 3e-6
    assert np.max(np.abs(errors_s)) < driver.timing().trigger_half_width_s + 25e-6  # and the offset's share


@pytest.mark.parametrize(("pre", "post"), [(2500, 17501), (0, 101), (5000, 1), (1, 1), (1, 100_000), (123, 4567)])
def test_a_buffer_is_never_too_small_and_hardly_too_large(pre, post):
    percent, count = buffer_of(pre, post)
    assert count * percent // 100 >= pre
    assert count - count * percent // 100 >= post
    assert count <= 10 + 1.02 * (pre + post)


def test_a_megasample(bench, clock, rig):
    driver, meter = bench()
    _, wave = record(driver, meter, clock, rig, 0.001, sample_rate_hz=1e6, before_s=0.001, after_s=0.002)
    assert wave.dt_s == 1e-6
    assert driver.timing().aperture_s == 1e-6
    with pytest.raises(BenchError, match="cannot record"):
        driver.arm(**(ARM | {"sample_rate_hz": 1.1e6}))


def test_slower_than_it_can_and_then_as_it_can(bench, clock, rig):
    driver, meter = bench()
    record(driver, meter, clock, rig)
    for _ in range(2):
        with pytest.raises(BenchError, match="-222"):
            driver.arm(**(ARM | {"sample_rate_hz": 500}))
    record(driver, meter, clock, rig)


def test_in_its_other_command_set_it_is_refused(bench):
    with pytest.raises(BenchError, match=r"command set is 'TSP', not SCPI\n.*LANG"):
        bench(language="TSP")


def test_wrong_identity(rig, clock, direct_session):
    meter = emulated.emulate("keithley-dmm6500", probe=rig, clock=clock, shunt_ohm=0.001)
    meter.defects = MeterDefects(identity="KEITHLEY INSTRUMENTS INC.,MODEL 2000,1,A01")
    with pytest.raises(BenchError, match=r"MODEL 2000.* answers, where .*DMM6500"):
        KeithleyDMM6500(direct_session(meter), shunt_ohm=0.001)


@pytest.mark.parametrize("jump", [1.0, np.nan])
def test_a_jump_in_its_time_stamps(bench, clock, rig, monkeypatch, jump):
    driver, meter = bench()
    monkeypatch.setattr(
        meter, "timestamps_s", lambda n: (np.arange(n) + np.where(np.arange(n) > n // 2, jump, 0.0)) / 50e3
    )
    with pytest.raises(BenchError, match="a reading is missing"):
        record(driver, meter, clock, rig)


def test_an_edge_before_the_buffer_was_full(bench, clock, rig, monkeypatch):
    driver, meter = bench()
    monkeypatch.setattr(driver, "_await_pre_trigger", lambda: clock.advance(0.02))
    with pytest.raises(BenchError, match="were asked for"):
        record(driver, meter, clock, rig)


def test_no_trigger_model(bench, clock):
    driver, meter = bench()
    driver.arm(**ARM)
    meter.execute('TRIG:LOAD "EMPTY"').advance(clock.now_s())
    with pytest.raises(BenchError, match=r"trigger model is 'EMPTY;EMPTY;0'"):
        driver.fetch(clock.now_s())
