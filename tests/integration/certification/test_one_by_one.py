"""For every requirement a controller that breaks it and nothing else; on the simulated rig, where that costs seconds.

They stand in the catalogue of seeded defects. Here each is certified by all tests of the files in which its requirement
has one, so that anything else that it breaks is seen as well.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, certify, controller, rig_file

from v2g_bench.fixtures.requirements import read_requirements
from v2g_bench.qualification.defects.catalogue import CATALOGUE
from v2g_bench.qualification.defects.run import KILLED, Bench, try_out

pytestmark = pytest.mark.timeout(300)

CONFORMANCE = PROJECT / "tests" / "conformance"
BENCH = Bench("sim", CONFORMANCE, trials=1, seed=1)
ALONE = [defect for defect in CATALOGUE if defect.alone]

# What interference does to the bus, only a modelled wire shows; a defect breaks there what its kin needs as well.
ON_A_WIRE = {
    "noise_keeps_discharging": {"EMC-01", "EMC-04"},
    "stale_data_used": {"EMC-02", "EMC-03"},
    "hot_cell_in_70_ms": {"EMC-05"},
}


def test_every_requirement_has_a_mutant():
    assert {defect.check for defect in ALONE}.union(*ON_A_WIRE.values()) == set(read_requirements(CONFORMANCE))


@pytest.mark.parametrize(("factory", "breaks"), ON_A_WIRE.items())
def test_what_a_wire_shows_fails_as_well(tmp_path, factory, breaks):
    rig = rig_file(tmp_path, {"dut.command": controller(factory)}, base="sim-wire")
    done = certify(tmp_path, rig, ["tests/conformance/emc"], "--seed=1")
    assert done.status == 1, done.out
    assert {key for key, verdict in done.tested().items() if verdict == "FAIL"} == breaks, done.out


@pytest.mark.parametrize("defect", ALONE, ids=lambda defect: f"{defect.check}-{defect.core}")
def test_one_requirement_fails_and_no_other(defect):
    found = try_out(BENCH, replace(defect, tests=""))
    assert found.outcome == KILLED, f"{found.outcome}: {found.tested}\n{found.said}"
