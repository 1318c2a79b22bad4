"""Profiles: what ships fits the shipped suite, what is left out follows the family and the default, what is wrong is named."""

import dataclasses
import hashlib
import tomllib
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.fixtures.requirements import read_requirements
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.profile import Demand, profile_of, shipped_profiles, strictest, unknown

SUITE = read_requirements(Path(__file__).parents[4] / "tests" / "conformance")
OWN = """id = "acme"
edition = "3"
[default]
mandatory = "yes"
trials = 7
lives = 9
watch_s = 1.0
watch_virtual_s = 30.0
matrix_share = 0.5
test_s = 60.0
trial_s = 5.0
[families.safety]
trials = 11
mandatory = "if claimed"
[requirements.SAF-01]
trials = 13
"""


def rig_with(profile, base="sim", folder=None):
    loaded = load_rig(base)
    path = folder / "rig.toml" if folder else loaded.path
    return dataclasses.replace(loaded, rig=loaded.rig.model_copy(update={"profile": profile}), path=path)


@pytest.fixture
def own(tmp_path):
    def write(text=OWN, base="sim"):
        (tmp_path / "own.toml").write_text(text)
        return profile_of(rig_with("own.toml", base, tmp_path))

    return write


@pytest.mark.parametrize("name", sorted(shipped_profiles()))
def test_what_ships_is_about_the_shipped_suite(name):
    profile = dataclasses.replace(profile_of(rig_with(name)), shipped=False)
    profile.require_known({one.id: one.family for one in SUITE.values()})
    assert profile.file.id == name


def test_a_certificate_needs_59_trials_of_each_safety_requirement():
    profile = profile_of(rig_with("certification", "hardware-example"))
    for one in SUITE.values():
        demand = profile.demand(one.id, one.family)
        assert (demand.trials >= 59, demand.mandatory) == (True, "yes") or one.family != "safety" or one.awaits, one.id
        assert demand.matrix_share == 1.0


@pytest.mark.parametrize(
    ("rig", "name"),
    [("sim", "emulated"), ("virtual", "emulated"), ("vcan0", "emulated"), ("hardware-example", "hardware")],
)
def test_a_rig_that_names_none_has_that_of_its_grade(rig, name):
    assert profile_of(load_rig(rig)).file.id == name


def test_a_requirement_goes_before_its_family_and_that_before_the_default(own):
    profile = own()
    found = [
        profile.demand(key, family)
        for key, family in (("LIM-01", "limits"), ("SAF-02", "safety"), ("SAF-01", "safety"))
    ]
    assert [(one.trials, one.mandatory) for one in found] == [(7, "yes"), (11, "if claimed"), (13, "if claimed")]


def test_what_is_watched_for_is_of_the_rigs_clock(own):
    assert own(base="sim").demand("X", "x").watch_s == 30.0
    assert own(base="virtual").demand("X", "x").watch_s == 1.0


def test_a_test_of_two_requirements_meets_the_larger_of_each_figure():
    one, other = (
        Demand(word, trials, 1, 2.0, share, 9.0, 1.0) for word, trials, share in (("no", 5, 1.0), ("yes", 3, 0.1))
    )
    assert strictest([one, other]) == Demand("yes", 5, 1, 2.0, 1.0, 9.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials = 7", "trial = 7", "default.trial: unknown key, did you mean trials"),
        ("trials = 7", "trials = 0", "default.trials: 0 is not a whole number from 1"),
        ('mandatory = "yes"', 'mandatory = "maybe"', "default.mandatory"),
        ("matrix_share = 0.5", "matrix_share = 50", "default.matrix_share: 50"),
        ("watch_s = 1.0\n", "", "default.watch_s: is missing"),
    ],
)
def test_what_is_wrong_in_it_is_named(own, old, new, message):
    with pytest.raises(BenchError, match=message):
        own(OWN.replace(old, new, 1))


def test_a_profile_that_is_nowhere_names_the_rigs_key():
    with pytest.raises(BenchError, match=r"profile: no such profile: strict(.|\n)*certification, emulated, hardware"):
        profile_of(rig_with("strict"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SAF-01", "SAF-99", "own.toml: requirements: no such requirement or family: SAF-99"),
        ("families.safety", "families.savety", "families: no such requirement or family: savety"),
    ],
)
def test_a_requirement_that_nobody_knows_is_refused(own, old, new, message):
    families = {one.id: one.family for one in SUITE.values()}
    own().require_known(families)
    with pytest.raises(BenchError, match=message):
        own(OWN.replace(old, new)).require_known(families)


def test_a_claim_of_a_requirement_that_nobody_knows_is_refused():
    with pytest.raises(BenchError, match="dut.claims: no such requirement or family: SAF-1"):
        unknown("dut.claims", ["SAF-01", "SAF-1"], SUITE, Path("rig.toml"))


def test_a_profile_may_build_upon_a_shipped_one(own):
    profile = own(
        'base = "emulated"\nid = "mine"\nedition = "1"\n[requirements.EMC-01]\nmandatory = "yes"\ntrials = 8\n'
    )
    base = profile_of(load_rig("sim"))
    assert profile.demand("SAF-01", "safety") == base.demand("SAF-01", "safety")
    found = profile.demand("EMC-01", "emc")
    assert (found.mandatory, found.trials, found.lives) == ("yes", 8, base.demand("EMC-01", "emc").lives)
    assert tomllib.loads(profile.text)["id"] == "mine"
    assert tomllib.loads(profile.base_text)["id"] == "emulated"
    assert profile.sha256 == hashlib.sha256(f"{profile.base_text}\n{profile.text}".encode()).hexdigest()
    with pytest.raises(BenchError, match="own.toml: base: no such shipped profile: nobody"):
        own('base = "nobody"\nid = "mine"\nedition = "1"\n')


def test_a_shipped_id_is_no_name_for_other_figures(own):
    text = shipped_profiles()["emulated"].read_text()
    assert own(text).shipped
    with pytest.raises(BenchError, match="emulated ships with the bench, and states other figures"):
        own(text.replace("lives = 20", "lives = 2"))
