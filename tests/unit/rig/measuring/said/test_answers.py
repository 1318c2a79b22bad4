"""Answers of commands against frames, current and overrides."""

from v2g_bench.rig.measuring.said.answers import (
    compare_acceptances,
    compare_overrides,
    compare_refusals,
    compare_status,
)
from v2g_bench.rig.measuring.said.notebook import PowerSeen
from v2g_bench.rig.measuring.said.sheet import ACCEPTED, OVERRIDES, REFUSED, STATUS, Sheet

from .conftest import command

TRUE = '{"trip_latched":false,"charge_only":false,"setpoint_w":-3000.0}'


def found(account, rule):
    sheet = Sheet()
    rule(account, sheet)
    return sheet.compared, [(one.subject, one.undecided) for one in sheet.found]


def asked(out):
    return (command("status", 105.0, out=out),)


def test_a_status_is_parsed_whatever_its_spaces(account):
    compared, contradicted = found(account(commands=asked(TRUE)), compare_status)
    assert compared == {STATUS: 3}
    assert not contradicted


def test_a_status_that_says_something_else_or_nothing(account):
    for out in (TRUE.replace("-3000.0", "0"), TRUE.replace('"trip_latched":false', '"x":1'), "no JSON"):
        assert (STATUS, False) in found(account(commands=asked(out)), compare_status)[1], out


def test_a_refused_power_that_flows(account):
    refused = (command("set_power", 102.0, accepted=False, power_w="-3000"),)
    assert found(account(commands=refused), compare_refusals)[1] == [(REFUSED, False)]
    assert not found(account(commands=refused, roles={"pack_current": 0.0}), compare_refusals)[1]


def test_a_refusal_changes_nothing_of_what_was_accepted_before(account):
    both = (
        command("set_power", 101.0, power_w="-3000"),
        command("set_power", 102.0, accepted=False, power_w="-5000"),
    )
    assert not found(account(commands=both), compare_refusals)[0]


def test_an_accepted_power_that_does_not_come(account):
    nothing = (PowerSeen(105.0, 0.0, 50.0, "inverter"),)
    still = {"power_setpoint": 0.0}
    assert found(account(powers=nothing, roles=still), compare_acceptances)[1] == [(ACCEPTED, False)]
    assert found(account(powers=nothing), compare_acceptances)[1] == [(ACCEPTED, True)]
    assert found(account(), compare_acceptances) == ({ACCEPTED: 1}, [])


def overriding(*entries):
    commands = []
    for number, told in enumerate(entries):
        at_s = 101.0 + number
        commands += [command("audit", at_s, out=told), command("force_limit", at_s + 0.5, value="15")]
    return tuple(commands)


def test_each_override_is_an_entry(account):
    for entries, fits in (
        (("0 entries", "1 entries"), True),
        (("1 entries", "1 entries"), False),
        (("1 entries", ""), False),
    ):
        compared, contradicted = found(account(commands=overriding(*entries)), compare_overrides)
        assert compared == {OVERRIDES: 1}
        assert (not contradicted) == fits, entries
