import itertools

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments import emulated
from v2g_bench.instruments.emulated.meter import MeterDefects
from v2g_bench.instruments.yokogawa_wt300e import YokogawaWT300E

from .conftest import unasked_at_any_moment


@pytest.fixture
def meter(rig, clock):
    return emulated.emulate("yokogawa-wt300e", probe=rig, clock=clock, seed=2)


@pytest.fixture
def driver(meter, direct_session):
    return YokogawaWT300E(direct_session(meter))


def test_a_reading(driver, clock):
    reading = driver.read()
    assert reading.power_w == pytest.approx(-3000.0, abs=10.0)
    assert reading.voltage_v == pytest.approx(230.0, abs=0.5)
    assert reading.current_a == pytest.approx(13.0, abs=0.05)
    assert reading.frequency_hz == pytest.approx(50.0, abs=0.01)
    assert reading.time_s == clock.now_s()
    assert reading.window_s == 0.1


def test_a_fresh_window_began_after_the_call(driver, meter, clock, rig, monkeypatch):
    windows = []
    ac = rig.ac
    monkeypatch.setattr(rig, "ac", lambda a, b: windows.append((a, b)) or ac(a, b))
    for _ in range(5):
        clock.advance(0.0371)
        asked_s = clock.now_s()
        driver.read()
        assert windows[-1][0] >= asked_s - 1e-9
        assert windows[-1][1] <= clock.now_s() <= asked_s + 0.25


def test_not_fresh_is_the_last_update(driver, rig, clock):
    first = driver.read()
    rig.power_w = 5000.0
    assert driver.read(fresh=False).power_w == first.power_w
    assert driver.read().power_w == pytest.approx(5000.0, rel=0.01)


def test_wired_the_other_way_round(meter, direct_session):
    assert YokogawaWT300E(direct_session(meter), into_battery=False).read().power_w == pytest.approx(3000.0, abs=10.0)


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        (MeterDefects(stuck=True), "no answer"),
        (MeterDefects(hang=True), "no answer"),
        (MeterDefects(full_error_queue=True), "no end of errors"),
        (MeterDefects(answers_another=True), "due|ended without"),
    ],
)
def test_a_defect_is_an_error_and_never_a_reading(driver, meter, defects, words):
    driver.read()
    meter.defects = defects
    with pytest.raises(BenchError, match=words):
        driver.read()


def test_a_wrong_scale_shows_against_the_truth(driver, meter):
    assert driver.read().power_w == pytest.approx(-3000.0, rel=0.01)
    meter.defects = MeterDefects(scale=1.05)
    assert driver.read().power_w != pytest.approx(-3000.0, rel=0.01)


def test_beyond_the_range(driver, rig):
    rig.ac_current_a = 40.0
    with pytest.raises(BenchError, match="beyond the range"):
        driver.read()


def test_a_setting_that_the_instrument_does_not_take(meter, direct_session):
    with pytest.raises(BenchError, match=r"-222|answers"):
        YokogawaWT300E(direct_session(meter), current_range_a=50.0)
    with pytest.raises(BenchError, match="answers 20 after 15"):
        YokogawaWT300E(direct_session(meter), current_range_a=15.0)


def test_wrong_identity(meter, direct_session):
    meter.defects = MeterDefects(identity="YOKOGAWA,DL850,1,1")
    with pytest.raises(BenchError, match="DL850"):
        YokogawaWT300E(direct_session(meter))


def test_a_series_has_windows_that_follow_each_other_after_the_call(driver, meter, clock, rig, monkeypatch):
    windows = []
    ac = rig.ac
    monkeypatch.setattr(rig, "ac", lambda a, b: windows.append((a, b)) or ac(a, b))
    clock.advance(0.0371)
    asked_s = clock.now_s()
    readings = list(driver.series(5))
    assert len(readings) == 5
    assert len({reading.power_w for reading in readings}) > 1, "each is an update of its own"
    taken = windows[-5:]
    assert taken[0][0] >= asked_s - 1e-9
    assert all(after[0] == pytest.approx(before[1]) for before, after in itertools.pairwise(taken))
    assert clock.now_s() - asked_s < 0.7


@pytest.mark.parametrize("seed", range(20))
def test_every_instrument_of_its_kind_is_inside_its_stated_accuracy(rig, clock, direct_session, seed):
    driver = YokogawaWT300E(direct_session(emulated.emulate("yokogawa-wt300e", probe=rig, clock=clock, seed=seed)))
    reading = driver.read()
    volts, amperes, source = driver.rms_accuracy(reading.voltage_v, reading.current_a)
    assert abs(reading.voltage_v - 230.0) <= volts + 0.01 < 0.5
    assert abs(reading.current_a - 13.0) <= amperes + 0.001 < 0.05
    assert "calibration" in source


@pytest.mark.parametrize("line", [b"1\n", b"230.0,13.0,-2000.0,50.0\n", b"0,0,0,0\n", b'0,"No error"\n'])
def test_a_line_that_comes_unasked_is_never_a_reading_and_the_next_one_is_right(driver, line):
    def measure():
        assert driver.read().power_w == pytest.approx(-3000.0, abs=10.0)

    failed, moments = unasked_at_any_moment(driver._session, measure, line)
    assert moments >= 6
    assert len(failed) >= moments / 2


def test_what_is_read_back_is_proven_too(meter, direct_session):
    """The last read-back is taken from a line that came unasked: the question behind it gets the instrument's own answer."""
    session = direct_session(meter)
    YokogawaWT300E(session)
    answers = session._link.message
    session._link.unasked = (2 * answers - 2, b"100.0E-03\n")
    with pytest.raises(BenchError, match="where an error number is due"):
        YokogawaWT300E(session)
