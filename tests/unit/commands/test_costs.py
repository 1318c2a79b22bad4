"""What a [dut] table states wrongly, and what it costs that a command or a role is missing."""

import pytest

from v2g_bench.commands.costs import GIVEN, USED, missing, strange, wrong
from v2g_bench.fixtures.suite import SUITE
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Dut
from v2g_bench.rig.parts.opening import roles_of

OWN = {"set_power": ["true", "{power_w}"], "status": ["true"], "reset_trip": ["true"]}


def dut(**changes):
    return Dut(**({"kind": "process", "command": ["true"], "commands": OWN} | changes))


def test_the_rigs_that_ship_state_nothing_wrong():
    assert [list(wrong(load_rig(name).rig.dut)) for name in ("virtual", "gateway", "classic")] == [[], [], []]
    assert list(wrong(dut())) == []


@pytest.mark.parametrize(
    ("commands", "key", "text"),
    [
        ({"set_power": ["true", "{watts}"]}, "dut.commands.set_power", "unknown placeholder {watts}"),
        ({"status": ["true", "{power_w}"]}, "dut.commands.status", "unknown placeholder {power_w}"),
        ({"status": ["true", "{"]}, "dut.commands.status", "written twice"),
        ({"status": ["true", "{}"]}, "dut.commands.status", "unknown placeholder {}"),
        ({"status": ["no-such-program"]}, "dut.commands.status", "no such program: no-such-program"),
        ({"status": []}, "dut.commands.status", "is empty"),
        ({"set_power": ["true", "2000"]}, "dut.commands.set_power", "has no {power_w}: it would say the same"),
        ({"departure": ["true", "{soc_pct}"]}, "dut.commands.departure", "has no {time}"),
    ],
)
def test_what_cannot_be_run_is_named(commands, key, text):
    ((where, said),) = wrong(dut(commands=OWN | commands))
    assert where == key
    assert text in said


def test_a_claim_or_a_support_that_no_requirement_has_is_told_before_pytest_refuses_it():
    path = load_rig("virtual").path
    told = list(strange(dut(claims=["SAF-1", "SAF-02"], supports={"helth": True}), SUITE, path))
    assert ["no such requirement or family: SAF-1" in told[0], "did you mean health?" in told[1]] == [True, True]
    assert list(strange(dut(claims=["SAF-02"]), SUITE, path)) == []


def test_a_program_on_another_machine_is_not_looked_for_here():
    far = dut(kind="ssh", host="ems.lab", log="x", commands=OWN | {"status": ["no-such-program"]})
    assert list(wrong(far)) == []


def test_no_test_works_without_a_command_for_the_power():
    assert list(wrong(dut(commands={"status": ["true"]}))) == [
        ("dut.commands.set_power", "is missing: every test needs it")
    ]


@pytest.fixture(scope="module")
def bare():
    """What a controller with three commands, on a bus with a state of charge, will miss."""
    loaded = load_rig("virtual")
    return list(missing(dut(kind="external"), {"soc": ""}, SUITE)), list(
        missing(loaded.rig.dut, roles_of(loaded), SUITE)
    )


def test_each_missing_command_names_its_requirements(bare):
    own, shipped = bare
    assert shipped == ["missing dut.commands.power_cycle: END-02 will be NOT TESTED"]
    assert "missing dut.commands.power_cycle: END-02 will be NOT TESTED" in own
    named = {line.split()[1].partition("dut.commands.")[2].rstrip(":") for line in own if "dut.commands" in line}
    assert named == USED.keys() - OWN.keys()


def test_the_core_in_a_simulation_misses_nothing():
    loaded = load_rig("sim")
    assert list(missing(loaded.rig.dut, roles_of(loaded), SUITE)) == []


def test_each_missing_role_names_its_requirements(bare):
    assert "missing role discharge_power_continuous: LIM-06 will be NOT TESTED, in whole or in part" in bare[0]
    assert not [line for line in bare[0] if "role soc:" in line]


def test_what_is_not_claimed_costs_nothing():
    assert not [line for line in missing(dut(claims=["SAF-01"]), {}, SUITE) if "END-02" in line]


def test_the_placeholders_are_those_of_the_page():
    assert all(f"{{{name}}}" in (Dut.__doc__ or "") for name in GIVEN - {"folder"})
