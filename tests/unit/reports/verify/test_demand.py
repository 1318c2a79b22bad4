"""What a kept profile holds mandatory, against results that say so and results that do not."""

import dataclasses
import hashlib

import pytest

from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.foreign import OTHER_PROFILE, PROFILES
from v2g_bench.reports.model.run import Profile, Requirement, load
from v2g_bench.reports.verify.demand import check_demand
from v2g_bench.reports.verify.run_folder import verify
from v2g_bench.reports.write import write_report

BASE = """
[default]
mandatory = "yes"
[families.emc]
mandatory = "no"
[families.grid]
mandatory = "if claimed"
"""
OWN = """base = "emulated"
[requirements.EMC-01]
mandatory = "yes"
[requirements.SAF-11]
mandatory = "no"
[families.emc]
trials = 3
"""
MANDATORY = {"SAF-01": True, "SAF-11": False, "EMC-01": True, "EMC-02": False, "NET-01": True, "NET-02": False}
FAMILIES = {"SAF": "safety", "EMC": "emc", "NET": "grid"}


def requirement(key, mandatory):
    reason = "[dut.supports] ocpp = false" if key == "NET-02" else ""
    return Requirement(id=key, title=key, family=FAMILIES[key[:3]], mandatory=mandatory, not_applicable_reason=reason)


@pytest.fixture
def held(run, tmp_path):
    """A run of these requirements, held against OWN upon BASE; both lie in its folder."""
    (tmp_path / "profile-mine.toml").write_text(OWN)
    (tmp_path / "profile-mine.base.toml").write_text(BASE)
    profile = Profile(id="mine", edition="1", sha256=hashlib.sha256(f"{BASE}\n{OWN}".encode()).hexdigest())
    requirements = [requirement(key, mandatory) for key, mandatory in MANDATORY.items()]
    return dataclasses.replace(run, profile=profile, requirements=requirements)


def found(run, folder):
    result = Verification()
    check_demand(folder, run, result)
    return [(one.kind, one.where) for one in result.findings]


def test_what_the_profile_states_fits(held, tmp_path):
    assert found(held, tmp_path) == []


@pytest.mark.parametrize("key", MANDATORY)
def test_a_requirement_that_is_said_to_be_otherwise_is_found(held, tmp_path, key):
    wrong = [requirement(one, not stated if one == key else stated) for one, stated in MANDATORY.items()]
    assert found(dataclasses.replace(held, requirements=wrong), tmp_path) == [("profile", key)]


@pytest.mark.parametrize("name", ["profile-mine.toml", "profile-mine.base.toml"])
def test_a_file_that_is_changed_or_lost_is_found(held, tmp_path, name):
    path = tmp_path / name
    path.write_text(f"{path.read_text()}# another edition\n")
    assert found(held, tmp_path) == [("profile", "profile-mine.toml")]
    path.unlink()
    assert found(held, tmp_path) == [("profile", "profile-mine.toml")]


@pytest.mark.parametrize("text", ["mandatory =", "default = 1", "[families]\nemc = []", "[default]\nmandatory = 1"])
def test_what_is_no_profile_is_found(held, tmp_path, text):
    (tmp_path / "profile-mine.toml").write_text(text)
    assert found(held, tmp_path) == [("profile", "profile-mine.toml")]


def test_a_name_that_leads_out_of_the_folder_is_not_read(held, tmp_path):
    (tmp_path / "inner").mkdir()
    outside = dataclasses.replace(held.profile, id="/../../profile-mine")
    assert found(dataclasses.replace(held, profile=outside), tmp_path / "inner") != []


def test_a_run_without_a_profile_has_nothing_to_hold_it_against(run, tmp_path):
    assert run.profile is None
    assert found(run, tmp_path) == []


def test_a_mandatory_requirement_that_was_made_optional_is_found_with_new_hashes(folder):
    (folder / "profile-mine.toml").write_text(BASE)
    run = load(folder / "results.json")
    profile = Profile(id="mine", edition="1", sha256=hashlib.sha256(BASE.encode()).hexdigest())
    optional = [dataclasses.replace(one, mandatory=False) for one in run.requirements]
    stated = [f"{OTHER_PROFILE}: mine 1"]
    write_report(dataclasses.replace(run, profile=profile, requirements=optional, deviations=stated), folder)
    assert {(one.kind, one.where) for one in verify(folder).findings} == {("profile", one.id) for one in optional}


def of_now(run, folder, name, text, deviations=()):
    """The same run with the digests of its tests' code, and this profile."""
    (folder / "suite.json").write_text('{"requirements": {}, "files": {}}')
    (folder / f"profile-{name}.toml").write_text(text)
    profile = Profile(id=name, edition="1", sha256=hashlib.sha256(text.encode()).hexdigest())
    return dataclasses.replace(run, profile=profile, requirements=[], deviations=list(deviations))


def test_a_profile_that_does_not_ship_is_a_deviation(held, tmp_path):
    assert found(of_now(held, tmp_path, "own", BASE), tmp_path) == [("profile", "profile-own.toml")]
    assert found(of_now(held, tmp_path, "own", BASE, [f"{OTHER_PROFILE}: own 1"]), tmp_path) == []


def test_a_shipped_id_has_the_figures_that_ship(held, tmp_path):
    text = (PROFILES / "emulated.toml").read_text()
    assert found(of_now(held, tmp_path, "emulated", text + "# a comment"), tmp_path) == []
    other = text.replace("lives = 20", "lives = 2")
    assert found(of_now(held, tmp_path, "emulated", other), tmp_path) == [("profile", "profile-emulated.toml")]
