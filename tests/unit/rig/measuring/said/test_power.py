"""Power, mode and charge-only in the frames against meters."""

from v2g_bench.rig.measuring.said.notebook import PowerSeen
from v2g_bench.rig.measuring.said.power import compare_current, compare_power
from v2g_bench.rig.measuring.said.sheet import CHARGE_ONLY, MODE, POWER, TRIP, Sheet


def found(account, rule=compare_power):
    sheet = Sheet()
    rule(account, sheet)
    return sheet


def test_a_power_that_flows_as_it_says_fits(account):
    sheet = found(account())
    assert sheet.compared == {POWER: 1, MODE: 1}
    assert not sheet.found


def test_a_power_that_it_does_not_say_is_contradicted(account):
    (one,) = found(account(roles={"power_setpoint": 0.0})).found
    assert (one.subject, one.said, one.undecided) == (POWER, "0 W", False)


def test_a_power_asked_for_that_does_not_flow_decides_nothing(account):
    """The inverter may be the one that does not follow."""
    sheet = found(account(powers=(PowerSeen(105.0, 0.0, 50.0, "inverter"),)))
    assert [(one.subject, one.undecided) for one in sheet.found] == [(POWER, True)]


def test_a_power_that_moves_is_not_compared(account):
    sheet = found(account(roles={"power_setpoint": lambda t: -1000 * (t - 100)}))
    assert POWER not in sheet.compared


def test_modes_that_the_power_contradicts(account):
    for mode, fits in ((0, False), (1, False), (2, True), (3, False), (4, False), (9, False)):
        assert (not found(account(roles={"operating_mode": mode})).found) == fits, mode


def test_a_current_while_it_says_tripped_or_charge_only(account):
    for role, subject in (("trip_latched", TRIP), ("charge_only", CHARGE_ONLY)):
        (one,) = found(account(roles={role: 1.0}), compare_current).found
        assert one.subject == subject
        sheet = found(account(roles={role: 1.0, "pack_current": 0.0}), compare_current)
        assert sheet.compared[subject] == 1
        assert not sheet.found


def test_charging_in_charge_only_fits(account):
    assert not found(account(roles={"charge_only": 1.0, "pack_current": 8.0}), compare_current).found


def test_what_is_not_reported_is_not_compared(account):
    sheet = found(account(roles={"power_setpoint": None, "operating_mode": None}))
    assert not sheet.compared
    assert set(sheet.unsaid) == {POWER, MODE}
