"""What can be wrong with a recording from outside: each is an error with its place and what to do, or a stated assumption."""

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.recording.captures import read
from v2g_bench.life.recording.clean import recording
from v2g_bench.life.recording.columns import stated


@pytest.fixture
def read_in(csv):
    """A function that writes columns and reads them again."""

    def through(columns, asked="", delimiter=",", **options):
        return recording(read(csv(columns, delimiter=delimiter)), stated(asked), **options)

    return through


def assumed(record, text):
    """Whether an assumption says this."""
    return any(text in one for one in record.assumptions)


def test_sound_days(read_in, columns):
    record = read_in(columns)
    assert record.duration_s == 2 * 86400
    assert record.unknown_s == 0
    assert record.capacity_ah == pytest.approx(156.0, rel=1e-3)
    assert record.soc.max() == pytest.approx(0.9, abs=0.01)
    assert np.abs(record.c_rate).max() == pytest.approx(0.14, abs=1e-3)
    assert assumed(record, "percent is assumed")
    assert assumed(record, "156 Ah move the state of charge by 100 %")


def test_percent_and_fraction_are_the_same_week(read_in, columns):
    percent = read_in(columns)
    fraction = read_in(columns | {"soc": columns["soc"] / 100})
    assert assumed(fraction, "a fraction is assumed")
    np.testing.assert_allclose(percent.soc, fraction.soc, atol=1e-6)


def test_a_stated_unit_is_no_assumption(read_in, columns):
    soc = columns.pop("soc")
    record = read_in(columns | {"SoC [%]": soc})
    assert not assumed(record, "state of charge is not stated")


def test_one_percent_or_full_is_asked(read_in, columns):
    with pytest.raises(BenchError, match=r"never above 1: percent or a fraction\?\n  state it: --columns soc=soc:%"):
        read_in(columns | {"soc": np.ones(len(columns["soc"]))})


def test_percent_that_is_a_fraction_is_asked(read_in, columns):
    soc = columns.pop("soc")
    with pytest.raises(BenchError, match=r"'SoC \[%\]' is stated in % and is never above 0.9\n  is it a fraction\?"):
        read_in(columns | {"SoC [%]": soc / 100})
    assert read_in(columns | {"SoC [%]": soc / 100}, "soc=SoC [%]:1").soc.max() == pytest.approx(0.9, abs=0.01)


def test_rows_that_are_hours_apart_are_said(read_in, columns):
    few = {name: values[::120] for name, values in columns.items()}
    assert assumed(read_in(few), "rows are 2 h apart")
    assert not assumed(read_in(columns), "h apart")


def test_a_state_of_charge_that_cannot_be_names_its_line(read_in, columns):
    columns["soc"][100] = 655.35
    with pytest.raises(
        BenchError, match=r"week.csv: line 102: the state of charge is 655.35 %\n  a count that means no value"
    ):
        read_in(columns)


def test_time_that_runs_back_names_its_line(read_in, columns):
    columns["time_s"][500] -= 120
    with pytest.raises(
        BenchError, match=r"week.csv: line 502: time runs back by 60 s \(1 times in the file\)\n  sort the rows"
    ):
        read_in(columns)


def test_the_end_of_summer_time_is_guessed(read_in, columns):
    minute = np.concatenate((np.arange(120), np.arange(60, 120)))
    date = [f"2026-10-25T{1 + m // 60:02d}:{m % 60:02d}:00" for m in minute]
    cut = {name: values[: len(date)] for name, values in columns.items() if name != "time_s"}
    with pytest.raises(
        BenchError, match=r"line 122: time runs back by 3540 s .*\n  is it local time where summer time ends"
    ):
        read_in({"date": date} | cut)


def test_a_row_that_repeats_its_time_is_left_out(read_in, columns):
    columns["time_s"][500] = columns["time_s"][499]
    assert assumed(read_in(columns), "1 rows repeat the time of the row before")


def test_no_value_leaves_the_row_out(read_in, columns):
    columns["soc"][100:103] = np.nan
    record = read_in(columns)
    assert len(record.soc) == len(columns["soc"]) - 3
    assert np.isfinite(record.soc).all()
    assert assumed(record, "3 of 2881 rows have no state of charge")


def test_text_among_numbers_names_its_line(read_in, columns):
    columns["soc"] = [f"{one:.2f}" for one in columns["soc"]]
    columns["soc"][7] = "error"
    with pytest.raises(BenchError, match="week.csv: line 9: column 'soc' holds 'error', which is not a number"):
        read_in(columns)


def test_an_unknown_unit_is_an_error(read_in, columns):
    warm = columns.pop("temperature_c")
    with pytest.raises(
        BenchError, match=r"is in '°R', which is no unit of temperature here\n  known: °C, K, °F; state it"
    ):
        read_in(columns | {"Temperature [°R]": warm})


@pytest.mark.parametrize(("name", "turn"), [("temp [K]", lambda c: c + 273.15), ("temp_degF", lambda c: c * 1.8 + 32)])
def test_other_units_of_temperature(read_in, columns, name, turn):
    warm = columns.pop("temperature_c")
    np.testing.assert_allclose(read_in(columns | {name: turn(warm)}).temperature_c, warm, atol=0.01)


def test_kelvin_is_assumed_where_it_can_only_be_that(read_in, columns):
    warm = columns.pop("temperature_c")
    record = read_in(columns | {"temperature": warm + 273.15})
    assert assumed(record, "K is assumed")
    assert record.temperature_c.mean() == pytest.approx(15, abs=0.1)


def test_no_temperature_is_an_error_or_a_stated_assumption(read_in, columns):
    del columns["temperature_c"]
    with pytest.raises(
        BenchError, match="has no column of a temperature, and ageing hangs on it\n  state its column: .*--temp"
    ):
        read_in(columns)
    record = read_in(columns, temperature_c=20.0)
    assert assumed(record, "20 °C is assumed throughout, as stated")
    assert (record.temperature_c == 20).all()


def test_the_surroundings_stand_in_for_the_pack(read_in, columns):
    columns["outside_temp"] = columns.pop("temperature_c")
    assert assumed(read_in(columns), "that of the surroundings is taken for it")


def test_the_other_sign_of_the_current_is_turned(read_in, columns):
    sound, turned = read_in(columns), read_in(columns | {"current_a": -columns["current_a"]})
    assert assumed(turned, "the current is positive out of the battery, as the state of charge shows: it is turned")
    np.testing.assert_allclose(sound.c_rate, turned.c_rate)


def test_a_current_whose_sign_nobody_can_tell_is_not_used(read_in, columns):
    noise = np.random.default_rng(1).normal(0, 10, len(columns["soc"]))
    record = read_in(columns | {"current_a": noise}, "", ",")
    assert record.c_rate is None
    assert assumed(record, "cannot be told from its state of charge: not used")


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("minutes", [151, 200, 271])
def test_a_steady_discharge_tells_its_sign(read_in, sign, minutes):
    """Neither current nor slope varies, so nothing is correlated but the rounding."""
    time_s = 60.0 * np.arange(minutes)
    steady = {"soc": 90.0 - 30.0 * time_s / 3600.0 / 156.0 * 100.0, "current_a": np.full(minutes, -30.0 * sign)}
    record = read_in({"time_s": time_s, "temperature_c": np.full(minutes, 20.0)} | steady, capacity_ah=156.0)
    assert record.c_rate is not None
    assert record.c_rate.max() < 0
    assert record.capacity_ah == pytest.approx(156.0, rel=0.01)


def test_a_current_against_what_it_moved_is_not_used(read_in):
    """Its swings fit to the state of charge, and all in all it charges what falls: no sign is right."""
    time_s = 60.0 * np.arange(601)
    turn = 2 * np.pi * time_s / 36000.0
    falling = {"time_s": time_s, "soc": 90.0 - 80.0 * time_s / 36000.0 - 4.0 * (np.cos(turn) - 1)}
    record = read_in(falling | {"temperature_c": 20.0 + 0 * time_s, "current_a": 100.0 + 20.0 * np.sin(turn)})
    assert record.c_rate is None


def test_a_charger_that_meters_one_way_is_no_record_of_the_battery(read_in, columns):
    """The car was driven and gave back, and its meter shows none of that."""
    record = read_in(columns | {"current_a": np.maximum(columns["current_a"], 0.0)})
    assert record.c_rate is None
    assert assumed(record, "the current never flows out of the battery, and the state of charge falls")
    record = read_in(columns | {"current_a": np.minimum(columns["current_a"], 0.0)})
    assert assumed(record, "the current never flows into the battery, and the state of charge rises")
    empty = np.where(columns["current_a"] > 0, columns["current_a"], np.nan)
    assert read_in(columns | {"current_a": empty}).c_rate is not None  # no value is no zero


def test_fahrenheit_is_asked_where_nobody_states_it(read_in, columns):
    warm = columns.pop("temperature_c") * 1.8 + 32
    with pytest.raises(BenchError, match=r"half of 'temperature' is above .*\n  is it °F\? state it: --columns"):
        read_in(columns | {"temperature": warm + 10})
    assert read_in(columns | {"temperature": warm}, "temperature=temperature:F").temperature_c.mean() < 20


def test_a_stated_temperature_beside_a_recorded_one_is_said(read_in, columns):
    record = read_in(columns, temperature_c=35.0)
    assert record.temperature_c.max() < 25
    assert assumed(record, "the stated 35 °C are not used")


def test_the_state_of_charge_alone_has_no_rate(read_in, columns):
    del columns["current_a"]
    assert read_in(columns).c_rate is None


def test_a_current_that_cannot_be_is_an_error(read_in, columns):
    columns["current_a"][120] = 1e300
    with pytest.raises(BenchError, match=r"week.csv: 2.00 h after its beginning: the current is 1e\+300 A\n  a count"):
        read_in(columns)


def test_power_alone_counts_cycles(read_in, columns):
    power = columns.pop("current_a") * columns.pop("voltage_v") / 1000
    record = read_in(columns | {"power": power})
    assert assumed(record, "the unit of the power is not stated: kW is assumed")
    assert assumed(record, "counted on power")
    assert np.abs(record.c_rate).max() == pytest.approx(0.14, rel=0.1)


def test_a_parked_gap_is_rest_and_another_is_unknown(read_in, columns):
    hour = columns["time_s"] / 3600
    keep = ~(((hour > 8) & (hour < 16)) | ((hour > 41.5) & (hour < 45)))
    record = read_in({name: values[keep] for name, values in columns.items()})
    assert assumed(record, "1 gaps, 8.0 h in all, begin and end within 2 % of charge: taken as rest")
    assert assumed(record, "1 gaps, 3.5 h or 7.3 % of the recording, hide a change of charge (the first after 41.5 h")
    assert len(record.gaps) == 1
    assert record.unknown_s == pytest.approx(3.5 * 3600, abs=61)
    assert record.capacity_ah == pytest.approx(156.0, rel=1e-3)  # what flowed in a hole is no part of it


def test_a_stated_capacity_that_does_not_fit_is_said(read_in, columns):
    assert assumed(read_in(columns, capacity_ah=100.0), "100 Ah were stated")


def test_german_numbers(read_in, columns):
    columns = {name: [f"{value:.4f}".replace(".", ",") for value in values] for name, values in columns.items()}
    record = read_in(columns, delimiter=";")
    assert record.capacity_ah == pytest.approx(156.0, rel=1e-3)
    assert assumed(record, "',' is the decimal sign")


def test_a_missing_column_lists_those_that_are_there(read_in, columns):
    columns["level"] = columns.pop("soc")
    with pytest.raises(
        BenchError, match="no column of the state of charge\n  state it: --columns soc=NAME, of: time_s"
    ):
        read_in(columns)
    assert read_in(columns, "soc=level:%").soc.max() == pytest.approx(0.9, abs=0.01)
