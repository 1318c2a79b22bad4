"""Codes in log and frames against what could have caused them."""

import pytest

from v2g_bench.faults import EmiNoise, SocDivergence
from v2g_bench.rig.measuring.said.codes import compare_codes
from v2g_bench.rig.measuring.said.notebook import Change, InForce
from v2g_bench.rig.measuring.said.sheet import CHARGE_ONLY, CODES, ERROR_CODE, Sheet

from .conftest import line

CAUSES = {
    "0x01A2": {"roles": {"cell_temperature_max": lambda t: 34.0 if t > 103 else 25.0}},
    "0x09BD": {"faults": (InForce(SocDivergence(by_pct=8.0), 103.0),), "roles": {"charge_only": 1.0}},
    "0x0B22": {"faults": (InForce(EmiNoise(loss_pct=25.0), 103.0),), "roles": {"charge_only": 1.0}},
    "FAULT_INVERTER_OFFLINE": {"changes": (Change(103.0, "set_defects", {"part": "inverter"}),)},
}


def contradicted(account):
    sheet = Sheet()
    compare_codes(account, sheet)
    return [one.subject for one in sheet.found]


@pytest.mark.parametrize("code", [*CAUSES, "ERR_BMS_TIMEOUT", "0x05F1"])
def test_a_code_without_a_cause(account, code):
    assert CODES in contradicted(account(lines=(line(f"ERROR {code} something"),)))


@pytest.mark.parametrize("code", CAUSES)
def test_a_code_with_its_cause(account, code):
    assert not contradicted(account(lines=(line(f"ERROR {code} something"),), **CAUSES[code]))


def test_a_cause_that_comes_later_is_none(account):
    later = (InForce(EmiNoise(loss_pct=25.0), 107.0),)
    assert contradicted(account(lines=(line("0x0B22"),), faults=later, roles={"charge_only": 1.0})) == [CODES]


def test_a_code_in_the_frames_stands_in_the_log(account):
    hot = CAUSES["0x01A2"]["roles"] | {"error_code": 0x01A2}
    assert contradicted(account(roles=hot)) == [ERROR_CODE]
    assert not contradicted(account(roles=hot, lines=(line("0x01a2 gradient"),)))


def test_a_code_that_ends_v2g_stands_beside_charge_only(account):
    noise = CAUSES["0x0B22"] | {"roles": {"charge_only": 0.0}}
    assert contradicted(account(lines=(line("0x0B22"),), **noise)) == [CHARGE_ONLY]


def test_a_log_of_which_lines_may_be_lost_proves_no_absence(account):
    hot = CAUSES["0x01A2"]["roles"] | {"error_code": 0x01A2}
    sheet = Sheet()
    compare_codes(account(roles=hot, lost="v2g.log was emptied"), sheet)
    assert [(one.subject, one.undecided) for one in sheet.found] == [(CODES, True), (ERROR_CODE, True)]
