"""A trip in frames and log against danger on the bus."""

from dataclasses import replace

from v2g_bench.rig.measuring.said.sheet import TRIP, TRIP_LOG, Sheet
from v2g_bench.rig.measuring.said.trip import compare_trip

from .conftest import line

HOT = {"cell_temperature_max": lambda t: 45.5 if t > 104 else 25.0}
LATCHED = {"trip_latched": lambda t: t > 104.05}
SAID = (line("EMERGENCY_SHUTDOWN too hot", 104.2),)


def subjects(account):
    sheet = Sheet()
    compare_trip(account, sheet)
    return sheet.compared, [one.subject for one in sheet.found]


def test_danger_trip_and_line_fit(account):
    compared, contradicted = subjects(account(roles=HOT | LATCHED, lines=SAID))
    assert compared == {TRIP: 2, TRIP_LOG: 2}
    assert not contradicted


def test_danger_without_a_trip(account):
    assert subjects(account(roles=HOT))[1] == [TRIP]


def test_at_the_limit_there_is_no_danger(account):
    assert not subjects(account(roles={"cell_temperature_max": 45.0, "string_voltage_difference": 0.3}))[0]


def test_trip_without_danger(account):
    assert subjects(account(roles=LATCHED, lines=SAID))[1] == [TRIP]


def test_trip_without_its_line(account):
    assert subjects(account(roles=HOT | LATCHED))[1] == [TRIP_LOG]


def test_line_without_a_trip(account):
    assert subjects(account(lines=SAID))[1] == [TRIP_LOG]


def test_where_the_rig_does_not_state_the_line_it_is_lacking(account):
    whole = account(roles=HOT | LATCHED)
    dut = whole.rig.dut.model_copy(update={"trip_told": ""})
    sheet = Sheet()
    compare_trip(replace(whole, rig=whole.rig.model_copy(update={"dut": dut})), sheet)
    assert TRIP_LOG in sheet.lacking
    assert not sheet.found


def test_a_restart_shows_a_latch_again(account):
    assert not subjects(account(roles=LATCHED, starts_s=(100.0, 103.9)))[1]
