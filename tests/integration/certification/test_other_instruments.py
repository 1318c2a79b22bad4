"""A certification does not depend on whose digitizer it is: the same test passes with each of them in the rig file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, rig_file

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
    },
}


@pytest.mark.parametrize("case", DIGITIZERS)
def test_the_hot_cell_is_judged_with_any_digitizer(tmp_path, case):
    rig = rig_file(tmp_path, DIGITIZERS[case])
    done = certify(tmp_path, rig, [HOT])
    assert done.tested() == {"SAF-01": "PASS"}, done.out
    assert len(done.requirement("SAF-01").tests) == 4
    for test in done.requirement("SAF-01").tests:
        (measured,) = test.measurements
        assert 1 < measured.value < 50
        assert 0 < measured.expanded < 10


def test_an_option_that_the_driver_does_not_have_is_named(tmp_path):
    rig = rig_file(tmp_path, {"meters.dc_current.options.trigger_v": 1.5})
    done = certify(tmp_path, rig, [HOT + "[discharging-3kW]"])
    assert done.verdict("SAF-01") == "ERROR"
    assert f"{rig}: meters.dc_current: unknown option 'trigger_v'" in done.out
