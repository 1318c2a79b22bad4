import re
from dataclasses import dataclass
from datetime import date

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.metrology.calibration import check, load, state_of

RECORD = """
maker = "Keysight Technologies"
model = "34465A"
serial = "MY54000001"
certificate = "C-0815"
calibrated = 2026-03-01
due = 2027-03-01
[[range]]
quantity = "dc_voltage"
unit = "V"
low = -1.0
high = 1.0
relative_expanded = 1e-4
absolute_expanded = 1e-5
[[range]]
quantity = "dc_voltage"
unit = "V"
low = -0.1
high = 0.1
relative_expanded = 5e-5
absolute_expanded = 4e-6
dof = 50
"""
TIMING = "[timing]\ntrigger_latency_s = 4e-6\ntrigger_expanded_s = 1e-6\ntime_base_rel_expanded = 2.5e-5\n"
TODAY = date(2026, 11, 22)


@dataclass
class Answer:
    maker: str = "Keysight Technologies"
    model: str = "34465A"
    serial: str = "MY54000001"


@pytest.fixture
def record_file(tmp_path):
    def write(text=RECORD):
        path = tmp_path / "meter.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_valid_record_allows_hardware(record_file):
    state = state_of(record_file(), Answer(), TODAY, ["dc_voltage"])
    assert state.ok
    assert "C-0815" in state.text
    assert "2027-03-01" in state.text


@pytest.mark.parametrize(
    ("today", "ok"),
    [(date(2026, 2, 28), False), (date(2026, 3, 1), True), (date(2027, 3, 1), True), (date(2027, 3, 2), False)],
)
def test_validity_on_both_sides_of_each_date(record_file, today, ok):
    assert state_of(record_file(), Answer(), today).ok is ok


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(serial="MY54000002"), "serial 'MY54000001', the instrument says 'MY54000002'"),
        (Answer(model="34470A"), "model '34465A'"),
        (Answer(maker="Someone"), "maker"),
    ],
)
def test_another_instrument_blocks_and_says_so(record_file, answer, says):
    state = state_of(record_file(), answer, TODAY)
    assert not state.ok
    assert says in state.text


def test_case_of_the_answer_does_not_matter(record_file):
    assert state_of(record_file(), Answer(maker="KEYSIGHT TECHNOLOGIES "), TODAY).ok


def test_what_the_run_needs_must_be_calibrated(record_file):
    assert "dc_current is not calibrated" in state_of(record_file(), Answer(), TODAY, ["dc_current"]).text
    assert "trigger" in state_of(record_file(), Answer(), TODAY, needs_timing=True).text
    assert state_of(record_file(RECORD + TIMING), Answer(), TODAY, needs_timing=True).ok


def test_no_record_or_a_broken_one_blocks(record_file, tmp_path):
    assert state_of(None, Answer(), TODAY).problems == ("no calibration record",)
    assert "no such file" in state_of(tmp_path / "none.toml", Answer(), TODAY).text
    assert not state_of(record_file("maker = "), Answer(), TODAY).ok
    assert not check(Answer(), None, TODAY).ok


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('certificate = "C-0815"\n', "", "certificate"),
        ('serial = "MY54000001"', 'serial = ""', "serial"),
        ("due = 2027-03-01", "due = 2026-03-01", "record"),
        ("high = 1.0", "high = -2.0", "range[0]"),
        ("relative_expanded = 1e-4\nabsolute_expanded = 1e-5", "", "range[0]"),
        ("relative_expanded = 1e-4", "relative_expanded = -1e-4", "range[0].relative_expanded"),
        ('unit = "V"\nlow = -1.0', 'unit = "V"\ntypo = 1\nlow = -1.0', "range[0].typo"),
    ],
)
def test_a_broken_record_names_the_key(record_file, old, new, where):
    assert old in RECORD
    with pytest.raises(BenchError) as error:
        load(record_file(RECORD.replace(old, new, 1)))
    assert error.value.where.endswith(where)


def test_uncertainty_of_the_narrowest_range_that_fits(record_file):
    record = load(record_file())
    small = record.component("dc_voltage", 0.05)
    assert small.u == pytest.approx((5e-5 * 0.05 + 4e-6) / 2)
    assert small.dof == 50
    assert record.component("dc_voltage", -0.5).u == pytest.approx((1e-4 * 0.5 + 1e-5) / 2)
    assert "C-0815" in small.source


@pytest.mark.parametrize(
    ("quantity", "reading"), [("dc_voltage", 1.5), ("dc_current", 0.1), ("dc_voltage", float("nan"))]
)
def test_outside_of_the_calibrated_ranges_is_an_error(record_file, quantity, reading):
    with pytest.raises(BenchError, match="no calibrated range"):
        load(record_file()).component(quantity, reading)


NUMBER = re.compile(r"^(\w+) = (-?[\d.e-]+)$", re.MULTILINE)


@pytest.mark.parametrize("at", list(NUMBER.finditer(RECORD + TIMING)), ids=lambda at: f"{at.start()}-{at[1]}")
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e308", "true", "1" + "0" * 400, '"nan"'])
def test_no_number_of_a_record_can_be_nonsense(record_file, at, value):
    text = RECORD + TIMING
    with pytest.raises(BenchError, match=rf"{at[1]}: .* is not a number (from|above)|{at[1]}: .*valid date"):
        load(record_file(text[: at.start(2)] + value + text[at.end(2) :]))


@pytest.mark.parametrize(("key", "value"), [("relative_expanded", "1"), ("dof", "0"), ("trigger_latency_s", "-1")])
def test_no_number_of_a_record_can_be_out_of_range(record_file, key, value):
    text = re.sub(rf"^{key} = .*$", f"{key} = {value}", RECORD + TIMING, count=1, flags=re.MULTILINE)
    with pytest.raises(BenchError, match=f"{key}: {value} is not a number"):
        load(record_file(text))
