"""A stimulus after the database's rounding: on the side of the limit that was asked for, or not at all."""

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.errors import NotTested
from v2g_bench.faults import CellImbalance, Expectation, OverTemperature, StateOfCharge, StringVoltageDifference
from v2g_bench.faults.carried import as_carried, carried, wrong_side
from v2g_bench.faults.expectation import DANGEROUS_ABOVE

DBC = """VERSION ""
BU_: BMS EMS
BO_ 1 STATE: 8 BMS
 SG_ Hot : 0|16@1+ ({hot}) [0|0] "degC" EMS
 SG_ Delta : 16|16@1+ ({delta}) [0|0] "V" EMS
 SG_ Soc : 32|8@1+ (1,0) [0|100] "%" EMS
"""
ROLES = {"cell_temperature_max": "STATE.Hot", "string_voltage_difference": "STATE.Delta", "soc": "STATE.Soc"}


@pytest.fixture
def database(tmp_path):
    def made(hot="0.1,-40", delta="0.001,0"):
        path = tmp_path / "own.dbc"
        path.write_text(DBC.format(hot=hot, delta=delta))
        return BusDatabase.load(path, ROLES)

    return made


@pytest.mark.parametrize(
    ("scaling", "asked_c", "carried_c"),
    [
        ("0.1,-40", 45.0, 45.0),
        ("0.1,-40.05", 45.0, 44.95),  # and not 45.05
        ("0.1,-40.05", 45.01, 45.05),
        ("1,-40", 45.5, 46.0),
        ("1,-40", 45.4, 46.0),  # the nearest count is no danger
        ("1,-40", 44.6, 45.0),
        ("-0.1,3000.05", 45.0, 44.95),  # counts that fall as the value rises
        ("-0.1,3000.05", 45.02, 45.05),
    ],
)
def test_a_temperature_keeps_its_side(database, scaling, asked_c, carried_c):
    fault = carried(OverTemperature(cell=1, to_c=asked_c), database(hot=scaling))
    assert fault.to_c == pytest.approx(carried_c, abs=1e-9)


@pytest.mark.parametrize(
    ("scaling", "asked_mv", "carried_mv"),
    [("0.1,0", 320, 400), ("0.1,0", 300, 300), ("0.1,0", 299, 300), ("0.1,0.05", 300, 250), ("0.001,0", 301, 301)],
)
def test_a_string_difference_keeps_its_side(database, scaling, asked_mv, carried_mv):
    fault = carried(StringVoltageDifference(to_mv=asked_mv), database(delta=scaling))
    assert fault.to_mv == pytest.approx(carried_mv, abs=1e-6)


def test_what_is_carried_is_what_the_bus_shows(database):
    db = database(hot="0.1,-40.05")
    fault = carried(OverTemperature(cell=1, to_c=45.0), db)
    shown = db.decode(db.encode("STATE", {"cell_temperature_max": fault.to_c}, 0))["cell_temperature_max"]
    assert shown == fault.to_c <= DANGEROUS_ABOVE["cell_temperature_max"]
    assert as_carried(fault.readback(), fault, db).met_by({"cell_temperature_max": shown})
    assert not as_carried(fault.readback(), fault, db).met_by({"cell_temperature_max": shown - 0.1})


@pytest.mark.parametrize("fault", [OverTemperature(cell=1, to_c=150), StringVoltageDifference(to_mv=20_000)])
def test_where_no_count_is_left_it_is_not_tested(database, fault):
    db = database(hot="0.001,-20", delta="0.0001,0")  # up to 45.5 °C, and to 6.5 V
    with pytest.raises(NotTested, match="own.dbc cannot carry"):
        carried(fault, db)


def test_what_is_no_level_stays(database):
    assert carried(CellImbalance(), database()) == CellImbalance()


def test_other_levels_are_rounded(database):
    assert carried(StateOfCharge(to_pct=25.4), database()).to_pct == 25.0


@pytest.mark.parametrize(("quantity", "wrong"), [(9.0, False), (8.0, True), (8.5, False)])
def test_a_difference_is_looked_at_where_it_is_shown(quantity, wrong):
    expected = Expectation("cell_temperature_max", ">=", 9.0, tolerance=1.0, minus="cell_temperature_min")
    assert bool(wrong_side(expected, quantity, {"cell_temperature_max - cell_temperature_min": 8.0})) is wrong


def test_a_change_is_looked_at_either_way():
    expected = Expectation("soc", "<=", -6.0, tolerance=1.0, change=True)
    assert wrong_side(expected, -5.0, {"change of soc": 5.0})
    assert not wrong_side(expected, -5.5, {"change of soc": 5.0})
