"""A sound controller passes on a rig that states other facts: each fact is read where it is stated, and nowhere repeated.

On the simulation: the same tests, drivers and plant as on the emulated rigs.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, rig_file

pytestmark = pytest.mark.timeout(300)

LIMITS, SAFETY = "tests/conformance/limits/", "tests/conformance/safety/"
THERMAL, LOG = "tests/conformance/thermal/", "tests/conformance/log/"
CELLS = [f"{LIMITS}test_battery_limits.py", THERMAL, f"{SAFETY}test_emergency_shutdown.py", f"{SAFETY}test_latches.py"]
FALLBACKS = [f"{SAFETY}test_fallbacks.py", f"{SAFETY}test_recovery.py", f"{SAFETY}test_circumstances.py", LOG]
RATING = f"{LIMITS}test_battery_limits.py::test_discharge_stays_within_the_continuous_rating"

THRESHOLDS = {"gradient_k": 13.0, "soc_divergence_pct": 9.0, "packet_loss_pct": 28.0, "noise_window_s": 3.0}
OTHERS = {
    "48 cells": ({"plant.cells": 48, "plant.modules": 8}, CELLS),
    "108 cells": ({"plant.cells": 108, "plant.modules": 27}, CELLS),
    "16 cells in one module": (
        {"plant.cells": 16, "plant.modules": 1, "inverter.rated_power_w": 5000, "meters.dc_current.shunt_ohm": 0.0005},
        [*CELLS, f"{LIMITS}test_soc_window.py", LOG, f"{SAFETY}test_fallbacks.py"],
    ),
    "other thresholds": ({f"dut.thresholds.{key}": value for key, value in THRESHOLDS.items()}, FALLBACKS),
    "a lossy inverter": (
        {"plant.efficiency": 0.9, "inverter.efficiency": 0.88},
        [f"{LIMITS}test_power.py", RATING, f"{THERMAL}test_derating.py"],
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "a lossy inverter" else pytest.mark.long) for name in OTHERS]
)
def test_a_sound_controller_passes(tmp_path, name):
    changes, select = OTHERS[name]
    done = certify(tmp_path, rig_file(tmp_path, changes, base="sim"), select)
    assert set(done.tested().values()) == {"PASS"}, done.out


def test_the_dc_power_is_as_uncertain_as_the_rig_file_says(tmp_path):
    found = {}
    for pct in (0.5, 20.0):
        folder = tmp_path / f"{pct:g}"
        folder.mkdir()
        done = certify(folder, rig_file(folder, {"bms.accuracy.voltage_pct": pct}, base="sim"), [RATING])
        found[pct] = [
            one.expanded
            for test in done.requirement("LIM-06").tests
            for one in test.measurements
            if one.quantity == "DC power"
        ]
        rows = [row for budget in done.run.budgets for row in budget.rows if row.name == "voltage"]
        assert {row.source for row in rows} == {"rig file: bms.accuracy"}
        assert done.verdict("LIM-06") == ("PASS" if pct == 0.5 else "INCONCLUSIVE")
    assert min(found[20.0]) > 30 * max(found[0.5])


def test_a_pack_that_is_warm_before_is_compared_with_nothing(tmp_path):
    """At 36 °C the sound controller derates: what THM-03 and THM-06 compare with is not there, and nobody fails for it."""
    rig = rig_file(tmp_path, {"plant.temperature_c": 36.0, "plant.ambient_c": 36.0}, base="sim")
    done = certify(tmp_path, rig, [f"{THERMAL}test_derating.py"])
    assert set(done.tested().values()) == {"INCONCLUSIVE"}, done.out
    assert "not at about 25 °C" in done.reason("THM-06")
