from fractions import Fraction

import pytest

from v2g_bench.can.roles import ROLES, RoleEntry, close_to, parse_roles, read_roles, unit_conversion, unit_names
from v2g_bench.errors import BenchError


@pytest.mark.parametrize(
    ("written", "canonical", "value", "expected"),
    [
        ("mV", "V", 300, Fraction(3, 10)),
        ("kW", "W", Fraction("1.5"), 1500),
        ("mA", "A", -500, Fraction(-1, 2)),
        ("K", "degC", Fraction("318.15"), 45),
        ("°C", "degC", 45, 45),
        ("Wh", "kWh", 500, Fraction(1, 2)),
        ("", "1", 3, 3),
        ("%", "%", 50, 50),
        ("mAh", "Ah", 156_000, 156),
    ],
)
def test_units(written, canonical, value, expected):
    factor, offset = unit_conversion(written, canonical)
    assert value * factor + offset == expected


def test_milli_and_mega_are_not_mixed_up():
    with pytest.raises(KeyError):
        unit_conversion("mW", "W")
    assert unit_conversion("MW", "W")[0] == 1_000_000


def test_every_role_has_a_known_unit():
    for unit in ROLES.values():
        assert unit_conversion(unit, unit) == (1, 0)
        assert unit in unit_names(unit)


def test_a_table():
    table = {
        "soc": "Pack.Soc",
        "pack_current": {"signal": "Pack.I", "invert": True},
        "cell_voltage": "Cells*.V{n:02d}",
    }
    assert parse_roles(table) == [
        RoleEntry("soc", "Pack", "Soc"),
        RoleEntry("pack_current", "Pack", "I", invert=True),
        RoleEntry("cell_voltage", "Cells*", "V{n:02d}"),
    ]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"cell_temprature_max": "A.B"}, "did you mean cell_temperature_max"),
        ({"xyz": "A.B"}, "the roles are"),
        ({"soc": "NoDot"}, "must name a signal"),
        ({"soc": 7}, "must name a signal"),
        ({"soc": {"signal": "A.B", "factor": 2}}, "unknown key 'factor'"),
        ({"soc": {"invert": True}}, "key 'signal' is missing"),
        ({"soc": {"signal": "A.B", "invert": "yes"}}, "true or false"),
        ({"soc": "A.B{n}"}, "must not hold {n}"),
        ({"soc": "A*.B"}, "wildcard"),
        ({"cell_voltage": "A.B"}, "must hold {n}"),
        ({"cell_voltage": "A.B{n:q}"}, "is no pattern"),
        ({"cell_voltage": "A.B{n}{m}"}, "is no pattern"),
    ],
)
def test_mistakes_in_a_table(table, says):
    with pytest.raises(BenchError, match=r"roles\.") as caught:
        parse_roles(table)
    assert says in str(caught.value)


def test_reading_a_file(tmp_path):
    path = tmp_path / "a.toml"
    with pytest.raises(BenchError, match="cannot be read"):
        read_roles(path)
    path.write_text("roles = 3")
    with pytest.raises(BenchError, match="no \\[roles\\] table"):
        read_roles(path)
    path.write_text("[roles")
    with pytest.raises(BenchError, match="is not TOML"):
        read_roles(path)
    path.write_text('[roles]\nsoc = "A.B"')
    assert read_roles(path) == {"soc": "A.B"}


def test_close_to():
    assert close_to("bms_safty", ["BMS_Safety", "EMS_Command"]) == "did you mean BMS_Safety?"
    assert close_to("qqq", ["BMS_Safety"]) == ""
