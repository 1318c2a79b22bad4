"""What calibration records add to budgets: their own range's uncertainty, in the unit of what is measured."""

from datetime import date

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.metrology.calibration import CalibrationRecord
from v2g_bench.rig.parts.calibrated import UNCALIBRATED, Calibrated, timing_calibration

RANGE = {"quantity": "dc_voltage", "unit": "V", "low": 0.0, "high": 0.1, "absolute_expanded": 4e-6, "k": 2.0}
TIMING = {"trigger_latency_s": 4e-6, "trigger_expanded_s": 1e-6, "time_base_rel_expanded": 5e-6, "k": 2.0}


def record(**more):
    return CalibrationRecord(
        maker="M",
        model="T",
        serial="1",
        certificate="C-1",
        calibrated=date(2026, 1, 1),
        due=date(2027, 1, 1),
        **{"range": [RANGE]},
        **more,
    )


def test_volts_at_a_shunt_are_amperes_in_the_budget():
    (one,) = Calibrated(record(), "dc_voltage", per_unit=0.001).components(-8.0)
    assert one.u == pytest.approx(2e-6)
    assert one.contribution == pytest.approx(2e-3)  # 2 uV over 1 mOhm
    assert one.source == "certificate C-1 of 2026-01-01"


def test_beyond_the_calibrated_ranges_is_an_error():
    with pytest.raises(BenchError, match="no calibrated range holds 0.12"):
        Calibrated(record(), "dc_voltage", per_unit=0.001).components(120.0)


def test_without_a_record_nothing_is_added():
    assert UNCALIBRATED.components(-8.0) == []
    assert timing_calibration(None) == UNCALIBRATED.timing
    assert timing_calibration(record()).trigger_u_s is None


def test_the_trigger_as_measured_on_the_rig_counts_before_the_record():
    known = timing_calibration(record(timing=TIMING))
    assert (known.trigger_u_s, known.time_base_rel_u) == (pytest.approx(0.5e-6), pytest.approx(2.5e-6))
    assert known.trigger_source == known.time_base_source == "certificate C-1 of 2026-01-01"
    measured = timing_calibration(record(timing=TIMING), 3e-6, "v2g-bench calibrate")
    assert (measured.trigger_u_s, measured.trigger_source) == (3e-6, "v2g-bench calibrate")
    assert measured.time_base_rel_u == known.time_base_rel_u
    assert timing_calibration(None, 3e-6, "v2g-bench calibrate").time_base_rel_u is None


def test_another_quantity_counts_where_the_record_knows_it():
    known = Calibrated(record(), "ac_power")
    (one,) = known.where_known("dc_voltage", -0.05)
    assert one.u == pytest.approx(2e-6)
    assert known.where_known("dc_voltage", 0.2) == [], "beyond the calibrated range"
    assert known.where_known("ac_current", 0.05) == []
    assert UNCALIBRATED.where_known("dc_voltage", 0.05) == []
