"""Calibration records of a rig's instruments are in the budgets that its verdicts rest on; another instrument's are not."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, rig_file

pytestmark = pytest.mark.timeout(300)

HOT = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates[discharging]"
POWER = "tests/conformance/limits/test_power.py::test_set_power_is_the_power_at_the_terminals[charging]"

RECORD = """
maker = "{maker}"
model = "{model}"
serial = "{serial}"
certificate = "C-{model}"
calibrated = 2026-01-01
due = 2126-01-01
[[range]]
quantity = "{quantity}"
unit = "{unit}"
low = 0.0
high = {high}
absolute_expanded = {expanded}
"""
TIMING = """
[timing]
trigger_latency_s = 1e-6
trigger_expanded_s = 2e-4
time_base_rel_expanded = 5e-5
"""


def with_records(folder, serial):
    """The virtual rig; the records are of these emulated instruments, and of a digitizer with this serial number."""
    digitizer = {"maker": "Keysight Technologies", "model": "34465A", "serial": serial}
    analyzer = {"maker": "YOKOGAWA", "model": "WT310E", "serial": "C2PH00001V"}
    digitizer |= {"quantity": "dc_voltage", "unit": "V", "high": 0.1, "expanded": 4e-6}
    analyzer |= {"quantity": "ac_power", "unit": "W", "high": 12000.0, "expanded": 24.0}
    (folder / "dc.toml").write_text(RECORD.format(**digitizer) + TIMING)
    (folder / "ac.toml").write_text(RECORD.format(**analyzer))
    return rig_file(
        folder,
        {"meters.dc_current.calibration": "dc.toml", "meters.ac_power.calibration": "ac.toml", "judging.trials": 1},
    )


def rows(done, title):
    (table,) = [one for one in done.run.budgets if one.title == title]
    return {row.name: row for row in table.rows}


def test_they_are_in_the_budgets(tmp_path):
    done = certify(tmp_path, with_records(tmp_path, "MY00000001"), [HOT, POWER])
    assert set(done.tested().values()) == {"PASS"}, done.out
    latency, power = rows(done, "time to isolation"), rows(done, "AC power")
    assert latency["latency of the trigger"].contribution == pytest.approx(0.1)
    assert latency["latency of the trigger"].source == "certificate C-34465A of 2026-01-01"
    assert latency["time base"].source == "certificate C-34465A of 2026-01-01"
    assert power["calibration of ac_power"].contribution == pytest.approx(12.0)


def test_those_of_another_instrument_are_not(tmp_path):
    done = certify(tmp_path, with_records(tmp_path, "MY99999999"), [HOT])
    assert "latency of the trigger" not in rows(done, "time to isolation")
    assert "certificate" not in rows(done, "time to isolation")["time base"].source
