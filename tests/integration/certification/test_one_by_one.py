"""For the requirements controllers that break one and nothing else; on the simulated rig, where that costs seconds.

They stand in the catalogue of seeded defects: of those that break one requirement alone the first that shows in a few trials,
one of each family by default, the others where V2G_LONG is set, and all that there are in `v2g-bench qualify --rig=sim
--defects` (.ci/long). Each is certified by the tests of all files that its
requirement has a test in, so that whatever else it breaks is seen as well; two at a time, since nothing that another process
does can change what happens in virtual time.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, Certified, certify, controller, rig_file

from v2g_bench.commands.defects.suite import BESIDE
from v2g_bench.commands.requirements import read_claims
from v2g_bench.fixtures.requirements import read_requirements
from v2g_bench.qualification.defects.catalogue import CATALOGUE

pytestmark = [pytest.mark.timeout(300), pytest.mark.simulated]

CONFORMANCE = PROJECT / "tests" / "conformance"
KNOWN = read_requirements(CONFORMANCE)
CLAIMS = read_claims(CONFORMANCE, KNOWN)
FEW = 10  # trials; what shows in one state alone, or in few draws, takes minutes
ALONE = list({one.check: one for one in reversed(CATALOGUE) if one.alone and one.trials <= FEW}.values())
FAMILIES = {one.check[:3]: one for one in ALONE}

# What interference does to the bus, only a modelled wire shows; a defect breaks there what its kin needs as well.
ON_A_WIRE = {
    "noise_keeps_discharging": {"EMC-01", "EMC-04"},
    "stale_data_used": {"EMC-02", "EMC-03"},
    "hot_cell_in_70_ms": {"EMC-05"},
}


def test_every_requirement_has_a_mutant():
    testable = {key for key, one in KNOWN.items() if not one.awaits}
    assert testable <= {defect.check for defect in CATALOGUE}.union(*ON_A_WIRE.values())


def on_a_wire(folder: Path, factory: str) -> Certified:
    rig = rig_file(folder, {"dut.command": controller(factory)}, base="sim-wire")
    return certify(folder, rig, ["tests/conformance/emc"], "--seed=1")


def one(folder: Path, defect: Any) -> Certified:
    rig = rig_file(folder, {"dut.command": controller(defect.core)}, base="sim")
    files = dict.fromkeys(claim.partition("::")[0] for claim in CLAIMS[defect.check])
    return certify(folder, rig, list(files), "--seed=1", f"--trials={max(1, defect.trials)}")


@pytest.fixture(scope="module")
def certified(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Any], Certified]]:
    """What became of a broken controller, or of one on a wire, by its name; all that this session asks for are under way."""
    asked = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.getparent(pytest.Module) is request.node
        and hasattr(item, "callspec")
        and not item.get_closest_marker("skip")
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = {}
        for params in asked:
            folder = tmp_path_factory.mktemp("broken")
            if "defect" in params:
                found[params["defect"].name] = pool.submit(one, folder, params["defect"])
            else:
                found["wire", params["factory"]] = pool.submit(on_a_wire, folder, params["factory"])
        yield lambda name: found[name].result()
        pool.shutdown(cancel_futures=True)


def failed(done: Certified) -> set[str]:
    """Without those that every test judges as well."""
    return {key for key, verdict in done.tested().items() if verdict == "FAIL"} - BESIDE


@pytest.mark.parametrize(("factory", "breaks"), ON_A_WIRE.items())
def test_what_a_wire_shows_fails_as_well(certified, factory, breaks):
    done = certified(("wire", factory))
    assert done.status == 1, done.out
    assert failed(done) == breaks, done.out


@pytest.mark.parametrize(
    "defect",
    [pytest.param(one, marks=[] if one in FAMILIES.values() else pytest.mark.long) for one in ALONE],
    ids=lambda defect: f"{defect.check}-{defect.core}",
)
def test_one_requirement_fails_and_no_other(certified, defect):
    done = certified(defect.name)
    assert done.status == 1, done.out
    assert failed(done) == {defect.check}, done.out
    assert "ERROR" not in done.tested().values(), done.out
    assert re.search(defect.reason, done.reason(defect.check)), done.reason(defect.check)
