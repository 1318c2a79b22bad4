"""A certification does not depend on whose digitizer it is: the same test passes with each of them in the rig file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, latency, rig_file

pytestmark = pytest.mark.timeout(300)

HOT = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates"

DIGITIZERS = {
    "multimeter over HiSLIP": {"meters.dc_current.driver": "keithley-dmm6500"},
    "multimeter over a socket": {
        "meters.dc_current.driver": "keithley-dmm6500",
        "meters.dc_current.transport": "socket",
        "meters.dc_current.options.range_v": 1.0,
    },
    "scope and current probe": {
        "meters.dc_current.driver": "keysight-infiniivision",
        "meters.dc_current.shunt_ohm": 0.1,
        "meters.dc_current.options.range_v": 16.0,  # ±80 A: the rated current and the sync line's mark on top
    },
}


# At 3 kW a scope's zero (0.1 division) is several times the threshold, and its uncertainty tens of milliseconds.
RATED = [f"{HOT}[{way}-rated]" for way in ("discharging", "charging")]


@pytest.mark.parametrize("case", DIGITIZERS)
def test_the_hot_cell_is_judged_with_any_digitizer(tmp_path, case):
    select = RATED if "scope" in case else [HOT]
    done = certify(tmp_path, rig_file(tmp_path, DIGITIZERS[case]), select)
    tests = done.requirement("SAF-01").tests
    assert [test.verdict for test in tests] == ["PASS"] * (2 if "scope" in case else 4), done.out
    for test in tests:
        measured = latency(test)
        assert 1 < measured.value < 50
        # How wide U is depends on how well the fall of this trial can be fitted.
        assert 0 < measured.expanded < 10
        assert measured.value + measured.expanded < 50


def test_an_option_that_the_driver_does_not_have_is_named(tmp_path):
    rig = rig_file(tmp_path, {"meters.dc_current.options.trigger_v": 1.5})
    done = certify(tmp_path, rig, [HOT + "[discharging]"])
    assert done.verdict("SAF-01") == "ERROR"
    assert f"{rig}: meters.dc_current: unknown option 'trigger_v'" in done.out
