"""Each requirement finds the controller that breaks exactly it, for the right reason, and blames nothing else for it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, controller, rig_file

pytestmark = pytest.mark.timeout(300)

SHUTDOWN = "tests/conformance/safety/test_emergency_shutdown.py::test_"
FALLBACK = "tests/conformance/safety/test_fallbacks.py::test_"
POWER = "tests/conformance/limits/test_power.py::test_"

HOT = f"{SHUTDOWN}hot_cell_isolates[discharging-3kW]"
STRINGS = f"{SHUTDOWN}diverging_strings_isolate[charging-3kW]"
AT_45_C = f"{SHUTDOWN}no_trip_at_the_limit[discharging-45.0C]"
AT_300_MV = f"{SHUTDOWN}no_trip_at_the_limit[charging-300mV]"
SILENCE = f"{SHUTDOWN}bms_silence_stops_the_transfer[discharging]"
GRADIENT = f"{FALLBACK}thermal_gradient_derates"
DIVERGENCE = f"{FALLBACK}soc_divergence_blocks_v2g"
LOST = f"{FALLBACK}emi_leaves_charge_only[lost]"
DAMAGED = f"{FALLBACK}emi_leaves_charge_only[damaged]"
DISCHARGE = f"{POWER}set_power_is_the_power_at_the_terminals[discharging]"
CHARGE = f"{POWER}set_power_is_the_power_at_the_terminals[charging]"

EVERYTHING = [
    HOT,
    STRINGS,
    AT_45_C,
    AT_300_MV,
    SILENCE,
    GRADIENT,
    DIVERGENCE,
    LOST,
    DAMAGED,
    DISCHARGE,
    CHARGE,
]


@dataclass(frozen=True)
class Mutant:
    """A seeded defect. fails: requirement -> pattern of the reason; select: what is run, with something it does right.

    real: on the emulated rig, with processes and wires: one for each kind of measurement that those could spoil, a time, a
    log, a small current. The others on the simulated one, which is cheap.
    """

    factory: str
    fails: dict[str, str]
    select: list[str]
    real: bool = False


MUTANTS = [
    Mutant("hot_cell_ignored", {"SAF-01": r"does not stay below the threshold"}, [HOT, STRINGS]),
    Mutant("hot_cell_in_70_ms", {"SAF-01": r"^(6|7)\d\.\d+ ms ± .* limit <= 50 ms   FAIL"}, [HOT, AT_45_C], real=True),
    Mutant("strings_ignored", {"SAF-02": r"does not stay below the threshold"}, [HOT, STRINGS]),
    Mutant("trips_at_limit", {"SAF-03": r"the controller reports no trip: no"}, [AT_45_C, AT_300_MV, HOT]),
    Mutant("stale_data_used", {"SAF-05": r"no ERR_BMS_TIMEOUT in the log"}, [SILENCE, HOT], real=True),
    Mutant("gradient_not_derated", {"SAF-08": r"limit <= 90 %"}, [GRADIENT, DISCHARGE]),
    Mutant("divergence_limit_20_pct", {"SAF-09": r"no 0x09BD in the log"}, [DIVERGENCE, DISCHARGE]),
    Mutant("noise_keeps_discharging", {"SAF-11": r"[78]\.\d+ A ± .* limit <= 0\.\d+ A"}, [LOST, DISCHARGE]),
    Mutant("charge_only_leaks_60_w", {"SAF-11": r"0\.\d+ A ± .* limit <= 0\.\d+ A"}, [LOST, DISCHARGE], real=True),
    Mutant("power_5_pct_high", {"LIM-04": r"^-31\d\d\.\d W ± .* limit -3060 to -2940 W"}, [DISCHARGE, CHARGE, HOT]),
    Mutant(
        "power_sign_wrong",
        {"LIM-04": r"^(29|30)\d\d\.\d W ± .* limit -3060 to -2940 W"},
        [DISCHARGE, AT_45_C],
    ),
    Mutant(
        "code_not_logged",
        {"SAF-05": r"no ERR_BMS_TIMEOUT", "SAF-08": r"no 0x01A2", "SAF-11": r"no 0x0B22"},
        [SILENCE, GRADIENT, LOST],
    ),
    Mutant("checksum_unchecked", {"SAF-11": r"no 0x0B22 in the log"}, [DAMAGED, HOT]),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.factory)
def test_the_broken_requirement_fails_and_no_other(tmp_path, mutant):
    base = "virtual" if mutant.real else "sim"
    rig = rig_file(tmp_path, {"dut.command": controller(mutant.factory)}, base=base)
    done = certify(tmp_path, rig, mutant.select)
    assert done.status == 1, done.out
    assert {key: verdict for key, verdict in done.tested().items() if verdict == "FAIL"} == dict.fromkeys(
        mutant.fails, "FAIL"
    ), done.out
    for requirement, pattern in mutant.fails.items():
        assert re.search(pattern, done.reason(requirement)), done.reason(requirement)
    assert done.run is not None
    assert done.run.complete
    assert done.run.verdict == "FAIL"


def test_the_sound_controller_passes_the_same_tests(tmp_path):
    """On the simulated rig; on the emulated one it passes all there are when .ci/run certifies it."""
    done = certify(tmp_path, rig_file(tmp_path, base="sim"), EVERYTHING)
    assert set(done.tested().values()) == {"PASS"}, done.out
    # A part of the suite passes, and says that it is a part.
    assert done.status == 1, done.out
    assert done.verdict("SAF-01") == "NOT TESTED"
    assert done.verdict("LIM-04") == "PASS"
    assert "PARTIAL: " in done.out
