import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.recording.columns import find, split, stated
from v2g_bench.life.recording.table import Column, Table


def table(*names):
    return Table("a.csv", {name: Column(name, None) for name in names}, str)


@pytest.mark.parametrize(
    ("name", "words", "unit"),
    [
        ("SoC [%]", "soc", "%"),
        ("battery_level", "battery_level", ""),
        ("BatteryTemperature_degC", "battery_temperature", "degC"),
        ("PackCurrent", "pack_current", ""),
        ("current_mA", "current", "mA"),
        ("Pack Temp (°C)", "pack_temp", "°C"),
        ("time", "time", ""),
        ("time_s", "time", "s"),
        ("soc_pct", "soc", "pct"),
        ("power kW", "power", "kW"),
        ("time_min", "time", "min"),
        ("cell_temperature_min", "cell_temperature_min", ""),
        ("CellTempMin", "cell_temp_min", ""),
    ],
)
def test_a_name_and_its_unit(name, words, unit):
    assert split(name) == (words, unit)


def test_two_that_fit_are_asked():
    with pytest.raises(
        BenchError, match=r"both 'soc' and 'SOC \[%\]' can be the soc\n  state which: --columns soc=soc"
    ):
        find(table("soc", "SOC [%]"), {})


def test_the_clearest_name_wins():
    assert find(table("temp", "pack_temperature"), {})["temperature"].column.name == "pack_temperature"


def test_the_hottest_cell_is_taken_and_not_the_coldest():
    """Of a run, whose columns have their units, and of a file that states none."""
    for unit in ("°C", ""):
        columns = {name: Column(name, None, unit) for name in ("cell_temperature_min", "cell_temperature_max")}
        assert find(Table("a", columns, str), {})["temperature"].column.name == "cell_temperature_max"


@pytest.mark.parametrize("text", ["charge=a", "soc", "=x"])
def test_an_unknown_quantity(text):
    with pytest.raises(BenchError, match=r"states no quantity\n  QUANTITY=COLUMN\[:UNIT\], of: time, soc"):
        stated(text)


def test_an_unknown_unit():
    with pytest.raises(BenchError, match="'psi' is no unit of temperature\n  of: °C, K, °F"):
        stated("temperature=T:psi")


def test_a_column_that_is_not_there():
    with pytest.raises(BenchError, match="has no column 'x' for soc\n  its columns: a, b"):
        find(table("a", "b"), stated("soc=x"))
