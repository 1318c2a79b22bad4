"""A certification does not depend on whose digitizer it is: the same test passes with each of them in the rig file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, latency, own_suite, rig_file

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


# The rated power alone: at 3 kW a scope's zero (0.1 division) is several times the threshold, and its uncertainty tens of ms.
RATED = """
@pytest.mark.req("OWN-01")
@pytest.mark.parametrize("way", [-1, 1], ids=["discharging", "charging"])
def test_hot_cell_isolates(bench, trials, way):
    for trial in trials:
        with bench.at_power(way * bench.power.allowed_w()), bench.recording() as trace:
            with bench.inject(OverTemperature(cell=17, to_c=45.5), phase_s=trial.phase_s) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)
"""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if case.endswith("socket") else []) for case in DIGITIZERS]
)
def test_the_hot_cell_is_judged_with_any_digitizer(tmp_path, case):
    requirement, select = ("OWN-01", own_suite(tmp_path, RATED)) if "scope" in case else ("SAF-01", HOT)
    done = certify(tmp_path, rig_file(tmp_path, DIGITIZERS[case]), [select])
    tests = done.requirement(requirement).tests
    assert [test.verdict for test in tests] == ["PASS", "PASS"], done.out
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
