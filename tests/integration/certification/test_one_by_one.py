"""For every requirement a controller that breaks it and nothing else; on the simulated rig, where that costs seconds.

They stand in the catalogue of seeded defects. Each is certified by the tests of all files that its requirement has a test
in, so that whatever else it breaks is seen as well.
"""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, certify, controller, rig_file

from v2g_bench.fixtures.claims import read_claims
from v2g_bench.fixtures.requirements import read_requirements
from v2g_bench.qualification.defects.catalogue import CATALOGUE

pytestmark = pytest.mark.timeout(300)

CONFORMANCE = PROJECT / "tests" / "conformance"
KNOWN = read_requirements(CONFORMANCE)
CLAIMS = read_claims(CONFORMANCE, KNOWN)
ALONE = [defect for defect in CATALOGUE if defect.alone]

# What interference does to the bus, only a modelled wire shows; a defect breaks there what its kin needs as well.
ON_A_WIRE = {
    "noise_keeps_discharging": {"EMC-01", "EMC-04"},
    "stale_data_used": {"EMC-02", "EMC-03"},
    "hot_cell_in_70_ms": {"EMC-05"},
}


def test_every_requirement_has_a_mutant():
    assert {defect.check for defect in ALONE}.union(*ON_A_WIRE.values()) == set(KNOWN)


@pytest.mark.parametrize(("factory", "breaks"), ON_A_WIRE.items())
def test_what_a_wire_shows_fails_as_well(tmp_path, factory, breaks):
    rig = rig_file(tmp_path, {"dut.command": controller(factory)}, base="sim-wire")
    done = certify(tmp_path, rig, ["tests/conformance/emc"], "--seed=1")
    assert done.status == 1, done.out
    assert {key for key, verdict in done.tested().items() if verdict == "FAIL"} == breaks, done.out


@pytest.mark.parametrize("defect", ALONE, ids=lambda defect: f"{defect.check}-{defect.core}")
def test_one_requirement_fails_and_no_other(tmp_path, defect):
    rig = rig_file(tmp_path, {"dut.command": controller(defect.core)}, base="sim")
    files = dict.fromkeys(claim.partition("::")[0] for claim in CLAIMS[defect.check])
    done = certify(tmp_path, rig, list(files), "--seed=1")
    assert done.status == 1, done.out
    failed = {key for key, verdict in done.tested().items() if verdict == "FAIL"}
    assert failed == {defect.check}, done.out
    assert "ERROR" not in done.tested().values(), done.out
    assert re.search(defect.reason, done.reason(defect.check)), done.reason(defect.check)
