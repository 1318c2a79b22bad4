import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments import emulated
from v2g_bench.instruments.emulated.meter import MeterDefects
from v2g_bench.instruments.fluke_8846a import Fluke8846A
from v2g_bench.instruments.registry import driver_named

from .conftest import unasked_at_any_moment


@pytest.fixture
def meter(rig, clock):
    return emulated.emulate("fluke-8846a", probe=rig, clock=clock, seed=2, current_ratio=20.0)


@pytest.fixture
def driver(meter, direct_session):
    return Fluke8846A(direct_session(meter), current_ratio=20.0)


def test_volts_and_amperes(driver):
    assert driver.ac_voltage()() == pytest.approx(230.0, abs=0.6)
    assert driver.ac_current()() == pytest.approx(13.0, abs=0.2)
    assert str(driver.identity()).startswith("FLUKE 8846A")


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        (MeterDefects(hang=True), "no answer"),
        (MeterDefects(full_error_queue=True), "no end of errors"),
        (MeterDefects(answers_another=True), "due|function is"),
    ],
)
def test_a_defect_is_an_error_and_never_a_reading(driver, meter, defects, words):
    driver.ac_voltage()()
    meter.defects = defects
    with pytest.raises(BenchError, match=words):
        driver.ac_voltage()()


def test_volts_that_nobody_waited_for_are_no_amperes(driver):
    volts, amperes = driver.ac_voltage(), driver.ac_current()
    with pytest.raises(BenchError, match="is lost"):
        volts()
    assert amperes() == pytest.approx(13.0, abs=0.2)


@pytest.mark.parametrize("defects", [MeterDefects(scale=1.05), MeterDefects(stuck=True)])
def test_a_wrong_value_shows_against_the_truth(driver, meter, defects):
    assert driver.ac_voltage()() == pytest.approx(230.0, rel=0.01)
    meter.defects = defects
    assert driver.ac_voltage()() != pytest.approx(230.0, rel=0.01)


def test_without_a_transformer_the_current_is_beyond_the_range(rig, clock, direct_session):
    driver = Fluke8846A(direct_session(emulated.emulate("fluke-8846a", probe=rig, clock=clock)))
    with pytest.raises(BenchError, match=r"CURR:AC is beyond the range\n.*transformer"):
        driver.ac_current()()


@pytest.mark.parametrize("option", [{"current_ratio": 0.0}, {"current_ratio": -20.0}, {"ratio_pct": -1}])
def test_a_ratio_that_cannot_be_is_refused_before_anything_is_opened(option):
    with pytest.raises(BenchError, match=f"meters.multimeter: {next(iter(option))}: .* is not a number"):
        driver_named("fluke-8846a", "meters.multimeter", option)


@pytest.mark.parametrize("seed", range(20))
def test_every_instrument_of_its_kind_is_inside_its_stated_accuracy(rig, clock, direct_session, seed):
    meter = emulated.emulate("fluke-8846a", probe=rig, clock=clock, seed=seed, current_ratio=20.0)
    driver = Fluke8846A(direct_session(meter), current_ratio=20.0)
    volts, amperes = driver.ac_voltage()(), driver.ac_current()()
    volt_limit, ampere_limit, source = driver.rms_accuracy(volts, amperes)
    assert abs(volts - 230.0) <= volt_limit <= 0.6
    assert abs(amperes - 13.0) <= ampere_limit <= 0.3
    assert "8846A" in source


def test_the_transformer_adds_its_own_error(meter, direct_session):
    good, poor = (Fluke8846A(direct_session(meter), 20.0, ratio_pct=share) for share in (0.0, 1.0))
    assert poor.rms_accuracy(230, 10)[1] - good.rms_accuracy(230, 10)[1] == pytest.approx(0.1)
    assert poor.rms_accuracy(230, 10)[0] == good.rms_accuracy(230, 10)[0]


@pytest.mark.parametrize("line", [b"+2.40000000E+02\n", b'"VOLT:AC"\n', b'+0,"No error"\n'])
def test_a_line_that_comes_unasked_is_never_a_reading_and_the_next_one_is_right(driver, line):
    def measure():
        assert driver.ac_voltage()() == pytest.approx(230.0, abs=0.6)

    failed, moments = unasked_at_any_moment(driver._session, measure, line)
    assert moments >= 4
    assert len(failed) >= moments / 2


@pytest.mark.parametrize("reading", ["NAN", "INF", "-1E999", ""])
def test_what_is_no_number_is_no_reading(driver, meter, monkeypatch, reading):
    monkeypatch.setattr(type(meter), "_reading", lambda *_: reading)
    with pytest.raises(BenchError, match="where a number is due"):
        driver.ac_voltage()()
