"""On an emulated rig, with processes and wires, a requirement finds the controller that breaks it, and blames nothing else.

One broken controller for each kind of measurement that those could spoil: a time, a log, a small current. All the others are
certified on the simulated rig, by `test_one_by_one.py`.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, controller, rig_file

from v2g_bench.commands.defects.suite import BESIDE

pytestmark = pytest.mark.timeout(300)

SHUTDOWN = "tests/conformance/safety/test_emergency_shutdown.py::test_"
HOT = f"{SHUTDOWN}hot_cell_isolates[discharging]"
FIRST = f"{SHUTDOWN}the_first_value_above_the_limit_isolates[hot]"
AT_45_C = f"{SHUTDOWN}no_trip_at_the_limit[hot-at-the-limit]"
SILENCE = f"{SHUTDOWN}bms_silence_stops_the_transfer[discharging]"
LOST = "tests/conformance/safety/test_fallbacks.py::test_emi_leaves_charge_only[lost]"
POWER = "tests/conformance/limits/test_power.py"


@dataclass(frozen=True)
class Mutant:
    """A seeded defect. fails: requirement -> pattern of the reason; select: what is run, with something it does right."""

    factory: str
    fails: dict[str, str]
    select: list[str]


MUTANTS = [
    # Far above the limit the emulated BMS flags an over-current as well, which this controller acts on in time.
    Mutant("hot_cell_in_70_ms", {"SAF-01": r"^(6|7)\d\.\d+ ms ± .* limit <= 50 ms   FAIL"}, [FIRST, AT_45_C]),
    Mutant("stale_data_used", {"SAF-05": r"no ERR_BMS_TIMEOUT in the log"}, [SILENCE, HOT]),
    Mutant("charge_only_leaks_60_w", {"SAF-11": r"0\.\d+ A ± .* limit <= 0\.\d+ A"}, [LOST, AT_45_C]),
]


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(one, id=one.factory, marks=[] if one is MUTANTS[0] else pytest.mark.long) for one in MUTANTS],
)
def test_the_broken_requirement_fails_and_no_other(tmp_path, mutant):
    rig = rig_file(tmp_path, {"dut.command": controller(mutant.factory)})
    done = certify(tmp_path, rig, mutant.select)
    assert done.status == 1, done.out
    failed = {key for key, verdict in done.tested().items() if verdict == "FAIL"}
    assert failed - BESIDE == {*mutant.fails}, done.out
    for requirement, pattern in mutant.fails.items():
        assert re.search(pattern, done.reason(requirement)), done.reason(requirement)
    assert done.run is not None
    assert done.run.complete
    assert done.run.verdict == "FAIL"


def test_a_part_of_the_suite_that_passes_says_that_it_is_a_part(tmp_path):
    done = certify(tmp_path, rig_file(tmp_path, base="sim"), [HOT, POWER])
    assert set(done.tested().values()) == {"PASS"}, done.out
    assert done.status == 1, done.out
    assert done.verdict("SAF-01") == "NOT TESTED"
    assert done.verdict("LIM-04") == "PASS"
    assert "PARTIAL: " in done.out
