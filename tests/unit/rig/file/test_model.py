"""The numbers of a rig file: whatever cannot be meant is refused, and what real rigs have is not."""

import re

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig, shipped_rigs

# A number of a rig file that stands alone on its line's right side.
NUMBER = re.compile(r"^(\w+) *= *(-?[\d_]+(?:\.[\d_]+)?)(?= *(?:#|$))", re.MULTILINE)
NEVER = [
    "nan",
    "inf",
    "-inf",
    "1e308",
    "1" + "0" * 400,
    "9" * 5000,
    "0x" + "f" * 9000,
    "true",
    '"nan"',
    '"5"',
    "-1",
    "[]",
]
# a pin; errors and a consumption that may be none
ZERO_COUNTS = {"trigger", "mark", "current_a", "current_pct", "ratio_pct", "standby_w"}


def numbers():
    return [
        pytest.param(name, at, id=f"{name}.{line}.{at[1]}")
        for name, path in shipped_rigs().items()
        for line, at in enumerate(NUMBER.finditer(path.read_text()), 1)
    ]


def test_the_rigs_that_ship_have_enough_numbers_to_try():
    assert len(numbers()) > 120


@pytest.mark.parametrize(("name", "at"), numbers())
def test_no_number_of_a_rig_can_be_nonsense(name, at, tmp_path):
    path, text = tmp_path / "mine.toml", shipped_rigs()[name].read_text()
    for value in NEVER + ([] if at[1] in ZERO_COUNTS else ["0"]):
        path.write_text(text[: at.start(2)] + value + text[at.end(2) :])
        with pytest.raises(BenchError) as given:
            load_rig(str(path))
        first, *hint = str(given.value).splitlines()
        assert len(hint) == 1
        assert len(first) < 500
        # An integer that no parser takes is no TOML; anything else names its key, and what is allowed.
        assert first.startswith(f"{path}: ")
        assert re.search(rf"\b{at[1]}: .* is not a (whole )?number (from|above) |digits", first), (value, first)


SHELL = """
name = "mine"
evidence = "emulated"
[bus.main]
interface = "userland"
bitrate = {bitrate}
[bms]
kind = "emulated"
dbc = "dbc/v2g_bms_fd.dbc"
roles = "dbc/v2g_bms_fd.roles.toml"
[bms.accuracy]
current_pct = {current_pct}
current_a = {current_a}
[inverter]
kind = "emulated"
rated_power_w = {rated_power_w}
[meters.dc_current]
driver = "keysight-34465a"
shunt_ohm = {shunt_ohm}
[meters.ac_power]
driver = "yokogawa-wt300e"
[dut]
kind = "process"
[safety]
max_cell_temperature_c = {max_cell_temperature_c}
max_pack_voltage_v = {max_pack_voltage_v}
max_at_power_s = {max_at_power_s}
"""
PLAIN = {
    "bitrate": 500_000,
    "current_pct": 1.0,
    "current_a": 0.1,
    "rated_power_w": 11_000,
    "shunt_ohm": 0.0001,
    "max_cell_temperature_c": 60,
    "max_pack_voltage_v": 410,
    "max_at_power_s": 3600,
}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("bitrate", ["33_333", "125_000", "1_000_000", "5e5"]),  # single wire, J1939's half, the fastest, as a float
        ("current_pct", ["0", "0.02"]),
        ("current_a", ["0", "10"]),
        ("rated_power_w", ["500", "3_750_000"]),  # a scooter, a megawatt charger
        ("shunt_ohm", ["25e-6", "0.1", "10"]),  # 2 kA at 50 mV; V/A of current probes
        ("max_cell_temperature_c", ["20", "85", "150"]),
        ("max_pack_voltage_v", ["48", "1500"]),
        ("max_at_power_s", ["1", "604_800"]),
    ],
)
def test_what_real_rigs_have_is_taken(key, values, tmp_path):
    path = tmp_path / "mine.toml"
    for value in values:
        path.write_text(SHELL.format(**PLAIN | {key: value}))
        load_rig(str(path))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"max_cell_temperature_c": "nan"}, "safety.max_cell_temperature_c: nan is not a number above 0, up to 150"),
        ({"max_cell_temperature_c": 300}, "safety.max_cell_temperature_c: 300 is not a number above 0, up to 150"),
        ({"bitrate": 8_000_001}, "bus.main.bitrate: 8000001 is not a whole number from 1000 to 8000000"),
        ({"current_pct": 0, "current_a": 0}, "bms.accuracy: current_pct and current_a are both 0"),
        ({"current_pct": 100}, "bms.accuracy.current_pct: 100 is not a number from 0, below 100"),
    ],
)
def test_the_sentence_names_what_was_found_and_what_is_allowed(changed, message, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SHELL.format(**PLAIN | changed))
    with pytest.raises(BenchError) as given:
        load_rig(str(path))
    assert message in str(given.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("current_ratio = 0", "current_ratio: 0 is not a number above 0"),
        ("current_ratio = -20", "current_ratio: -20 is not a number above 0"),
        ('current_ratio = "nan"', "current_ratio: 'nan' is not a number above 0"),
        ("ratio_pct = 100", "ratio_pct: 100 is not a number from 0, below 100"),
        ("whatever = nan", "whatever: nan is not a number"),
        ("whatever = []", "whatever: [] is no number"),
    ],
)
def test_the_options_of_a_driver_are_in_its_ranges(options, message, tmp_path):
    path = tmp_path / "mine.toml"
    multimeter = f'[meters.multimeter]\ndriver = "fluke-8846a"\n[meters.multimeter.options]\n{options}\n'
    path.write_text(SHELL.format(**PLAIN) + multimeter)
    with pytest.raises(BenchError, match="meters.multimeter.options: ") as given:
        load_rig(str(path))
    assert message in str(given.value)
