import math

import pytest

from v2g_bench.metrology.crossing import isolation
from v2g_bench.metrology.latency import NOT_CALIBRATED, ClockLink, RecordTiming, TimingCalibration, latency_budget
from v2g_bench.metrology.synthetic import Fall

TIMING = RecordTiming(trigger_s=20e-6, time_base_rel=25e-6, offset=0.02, source="data sheet")
LINK = ClockLink(30e-6, "sync line")


def budget(fall=None, rate=50e3, timing=TIMING, link=LINK, calibration=NOT_CALIBRATED):
    fall = fall or Fall(-8.0, 2e-3, noise_pct=0.2)
    crossing = isolation(fall.waveform(rate, seed=1), fall.fault_s)
    made = latency_budget(
        crossing,
        timing,
        link,
        since_trigger_s=0.05,
        timestamp_half_width_s=100e-6,
        timestamp_source="kernel stamp",
        calibration=calibration,
    )
    return crossing, {c.name: c for c in made.components}, made


def test_every_part_in_ms_with_its_source():
    crossing, parts, made = budget()
    assert made.unit == "ms"
    assert parts["crossing in the record"].contribution == pytest.approx(1000 * crossing.u_s)
    assert parts["frame stamp"].contribution == pytest.approx(0.1 / math.sqrt(3))
    assert parts["clock link"].contribution == pytest.approx(0.03 / math.sqrt(3))
    assert parts["trigger of the record"].contribution == pytest.approx(0.02 / math.sqrt(3))
    assert parts["time base"].contribution == pytest.approx(1000 * 25e-6 * 0.05 / math.sqrt(3))
    assert all(part.source for part in parts.values())


def test_a_calibration_takes_the_place_of_the_data_sheet():
    calibration = TimingCalibration(2e-6, "v2g-bench calibrate", 4e-6, "certificate C-1")
    _, parts, made = budget(calibration=calibration)
    assert parts["time base"].contribution == pytest.approx(1000 * 4e-6 * 0.05)
    assert parts["time base"].source == "certificate C-1"
    assert parts["latency of the trigger"].contribution == pytest.approx(2e-3)
    assert "latency of the trigger" not in budget()[1]
    # What the grid of samples leaves open is not the trigger's latency, and stays.
    assert "trigger of the record" in parts
    assert made.combined().u != budget()[2].combined().u


def test_the_zero_error_counts_by_the_slope():
    crossing, parts, _ = budget()
    assert crossing.slope_per_s == pytest.approx(0.05 * 8 / 2e-3, rel=0.05)
    zero = parts["zero of the digitizer"]
    assert zero.contribution == pytest.approx(1000 * 0.95 * 0.02 / math.sqrt(3) / crossing.slope_per_s, rel=1e-3)
    slow = budget(Fall(-8.0, 10e-3, noise_pct=0.2))[1]["zero of the digitizer"]
    assert slow.contribution > 4 * zero.contribution


def test_the_zero_error_moves_a_measured_crossing_by_as_much():
    fall = Fall(8.0, 2e-3)
    true = isolation(fall.waveform(1e6, seed=1), fall.fault_s)
    wave = fall.waveform(1e6, seed=1)
    moved = isolation(type(wave)(wave.start_s, wave.dt_s, wave.samples + 0.02), fall.fault_s)
    share = true.level / true.before
    expected = 0.02 * (1 - share) / abs(true.slope_per_s)
    assert moved.time_s - true.time_s == pytest.approx(expected, rel=0.06)


def test_a_bracket_is_a_rectangle():
    crossing, parts, _ = budget(Fall(8.0, 1e-5), rate=1e3)
    assert crossing.method == "bracket"
    assert parts["crossing in the record"].distribution == "rectangular"


def test_a_link_from_pulses_has_a_mean_and_few_degrees_of_freedom():
    pairs = [(t, t + 100.0 + e) for t, e in [(1.0, 1e-6), (2.0, -1e-6), (3.0, 2e-6), (4.0, -2e-6)]]
    link = ClockLink.of_pulses(pairs, "sync line")
    assert link.offset_s == pytest.approx(100.0)
    assert link.dof == 3
    assert link.component().u == pytest.approx(1.826e-6 / 2, rel=1e-3)
    with pytest.raises(ValueError, match="1 edges"):
        ClockLink.of_pulses(pairs[:1], "sync line")
    few = budget(timing=RecordTiming(0, 0, 0, "ideal"), link=ClockLink(0.0, "s", 0.0, 1e-3, 3))[2].combined()
    assert few.k > 2.5
