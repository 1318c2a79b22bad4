"""For every requirement a controller that breaks it and nothing else; on the simulated rig, where that costs seconds.

Each mutant is certified by the tests of all files that its requirement has a test in.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import BROKEN, PROJECT, certify, rig_file

from v2g_bench.fixtures.claims import read_claims
from v2g_bench.fixtures.requirements import read_requirements

pytestmark = pytest.mark.timeout(300)

CONFORMANCE = PROJECT / "tests" / "conformance"
KNOWN = read_requirements(CONFORMANCE)
CLAIMS = read_claims(CONFORMANCE, KNOWN)


@dataclass(frozen=True)
class Mutant:
    """A seeded defect: the factory, the one requirement that it breaks, and the reason that must be found."""

    factory: str
    breaks: str
    reason: str
    file: str = "broken_one_by_one.py"


EMS = "broken_ems.py"
MUTANTS = [
    Mutant("hot_cell_late_at_full_power", "SAF-01", r"[67]\d\.\d+ ms ± .* limit <= 50 ms   FAIL"),
    Mutant("strings_ignored", "SAF-02", r"does not stay below the threshold", EMS),
    Mutant("trips_at_limit", "SAF-03", r"the controller reports no trip: no", EMS),
    Mutant("reset_while_hot", "SAF-04", r"the reset is refused while the cell is hot: no"),
    Mutant("bms_silence_ignored", "SAF-05", r"no ERR_BMS_TIMEOUT in the log", EMS),
    Mutant("inverter_silence_ignored", "SAF-06", r"no FAULT_INVERTER_OFFLINE in the log"),
    Mutant("starts_blind", "SAF-07", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("gradient_not_derated", "SAF-08", r"limit <= 90 %", EMS),
    Mutant("soc_divergence_discharges", "SAF-09", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("imbalance_forgotten", "SAF-10", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("emi_keeps_discharging", "SAF-11", r"\d A ± .* limit <= 0\.\d+ A", EMS),
    Mutant("restart_releases_latches", "SAF-12", r"the trip stands after the restart: no"),
    Mutant("reload_releases_trip", "SAF-12", r"the trip stands after the reload: no"),
    Mutant("trip_asleep_in_charge_only", "SAF-13", r"does not stay below the threshold"),
    Mutant("short_trip_taken_back", "SAF-14", r"the trip is still reported: no"),
    Mutant("damage_believed_while_charging", "SAF-15", r"no trip: no|% ± .* limit >= 90 %"),
    Mutant("commands_spoiled", "SAF-16", r"every checksum and counter is right: no .*wrong checksum"),
    Mutant("trouble_codes_ignored", "SAF-17", r"the discharge ends within 15 s: no"),
    Mutant("discharges_at_min_soc", "LIM-01", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("charges_at_max_soc", "LIM-02", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("broken_limits_become_defaults", "LIM-03", r"is refused: no"),
    Mutant("power_off_3pct_near_3kw", "LIM-04", r"-30\d\d\.\d W ± .* limit -3060 to -2940 W"),
    Mutant("over_current_ignored", "LIM-05", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("continuous_rating_ignored", "LIM-06", r"W ± .* limit >= -2000 W", EMS),
    Mutant("cells_charged_too_high", "LIM-07", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("cells_discharged_too_low", "LIM-08", r"\d A ± .* limit <= 0\.\d+ A"),
    Mutant("low_soc_not_derated", "LIM-09", r"W ± .* limit >= -9900 W"),
    Mutant("departure_ignored", "LIM-10", r"\d A ± .* limit <= 0\.\d+ A", EMS),
    Mutant("micro_cycle_ignored", "LIM-11", r"the discharge ends: no", EMS),
    Mutant("override_ignored", "LIM-12", r"W ± .* limit -3600 to -2400 W"),
    Mutant("cooling_one_kelvin_early", "THM-01", r"no cooling at 31\.5 °C: no"),
    Mutant("policy_forgotten", "THM-02", r"cooling at 29 °C: no"),
    Mutant("heat_not_derated", "THM-03", r"% ± .* limit <= 90 %"),
    Mutant("cold_not_derated", "THM-04", r"% ± .* limit <= 90 %"),
    Mutant("precooling_ignored", "THM-05", r"cooling before the window: no"),
    Mutant("derating_untold", "THM-06", r"derating told at 42 °C: no"),
    Mutant("cycles_unknown", "HLT-01", r"the cycle count is shown: no"),
    Mutant("review_late", "HLT-02", r"a review at 79\.5 %: no"),
    Mutant("throughput_stuck", "HLT-03", r"the throughput is shown: no"),
    Mutant("cries_wolf", "LOG-01", r"no fault code in it: no .*0x05F1"),
    Mutant("code_without_words", "LOG-02", r"no 0x01A2.*High Thermal Gradient.* in the log"),
    Mutant("override_unlogged", "LOG-03", r"in the log within 2 s"),
    Mutant("record_forged", "LOG-04", r"the record is whole: no"),
]


# What interference does to the bus, only a modelled wire shows; a defect breaks there what its kin needs as well.
ON_A_WIRE = {
    "emi_keeps_discharging": {"EMC-01", "EMC-04"},
    "bms_silence_ignored": {"EMC-02", "EMC-03"},
    "hot_cell_late": {"EMC-05"},
}


def test_every_requirement_has_a_mutant():
    assert {mutant.breaks for mutant in MUTANTS}.union(*ON_A_WIRE.values()) == set(KNOWN)


@pytest.mark.parametrize(("factory", "breaks"), ON_A_WIRE.items())
def test_what_a_wire_shows_fails_as_well(tmp_path, factory, breaks):
    command = ["v2g-daemon", "--config", "{config}", "--core", f"{BROKEN / EMS}:{factory}"]
    rig = rig_file(tmp_path, {"dut.command": command}, base="sim-wire")
    done = certify(tmp_path, rig, ["tests/conformance/emc"], "--seed=1")
    assert done.status == 1, done.out
    assert {key for key, verdict in done.tested().items() if verdict == "FAIL"} == breaks, done.out


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.breaks}-{mutant.factory}")
def test_one_requirement_fails_and_no_other(tmp_path, mutant):
    command = ["v2g-daemon", "--config", "{config}", "--core", f"{BROKEN / mutant.file}:{mutant.factory}"]
    rig = rig_file(tmp_path, {"dut.command": command}, base="sim")
    files = dict.fromkeys(claim.partition("::")[0] for claim in CLAIMS[mutant.breaks])
    done = certify(tmp_path, rig, list(files), "--seed=1")
    assert done.status == 1, done.out
    failed = {key for key, verdict in done.tested().items() if verdict == "FAIL"}
    assert failed == {mutant.breaks}, done.out
    assert "ERROR" not in done.tested().values(), done.out
    assert re.search(mutant.reason, done.reason(mutant.breaks)), done.reason(mutant.breaks)
