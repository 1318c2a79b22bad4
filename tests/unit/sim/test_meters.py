import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.grid.supply import AcQuantities
from v2g_bench.instruments.emulated import emulate
from v2g_bench.sim.meters import DirectSession, connect


class Probe:
    def dc_current(self, t):
        return np.where(t < 100.5, 10.0, 0.0)

    def ac(self, t_from_s, t_to_s):
        return AcQuantities(-3000.0, 230.0, 13.0, 50.0)


@pytest.fixture
def digitizer(timeline):
    instrument = emulate("keysight-34465a", probe=Probe(), clock=timeline, seed=1, shunt_ohm=0.001)
    return connect("keysight-34465a", instrument, timeline, "meters.dc", shunt_ohm=0.001), instrument


@pytest.fixture
def analyzer(timeline):
    instrument = emulate("yokogawa-wt300e", probe=Probe(), clock=timeline, seed=1)
    return connect("yokogawa-wt300e", instrument, timeline, "meters.ac"), instrument


def test_the_driver_records_without_a_wire_and_without_real_time(digitizer, timeline):
    driver, instrument = digitizer
    driver.arm(sample_rate_hz=50_000, before_s=0.05, after_s=0.9)
    edge_s = timeline.now_s()
    instrument.external_trigger(edge_s)
    timeline.pause(1e-5)
    waveform = driver.fetch(edge_s)
    assert timeline.now_s() == pytest.approx(edge_s + 0.9, abs=0.05)
    assert waveform.samples[:100] == pytest.approx(10.0, abs=0.1)
    assert waveform.samples[-100:] == pytest.approx(0.0, abs=0.1)


def test_an_edge_that_never_comes(digitizer, timeline):
    driver, _ = digitizer
    driver.arm(sample_rate_hz=1000, before_s=0.05, after_s=0.1)
    with pytest.raises(BenchError, match="no edge came"):
        driver.fetch(timeline.now_s())


def test_a_fresh_reading_waits_for_two_updates(analyzer, timeline):
    driver, _ = analyzer
    begun_s = timeline.now_s()
    assert driver.read(fresh=True).power_w == pytest.approx(-3000.0, rel=0.01)
    assert 0.1 < timeline.now_s() - begun_s <= 0.2 + 1e-9


def test_a_hung_instrument_takes_the_whole_timeout_and_is_an_error(analyzer, timeline):
    driver, instrument = analyzer
    instrument.defects = type(instrument.defects)(hang=True)
    begun_s = timeline.now_s()
    with pytest.raises(BenchError, match="no answer"):
        driver.read()
    assert timeline.now_s() - begun_s >= 2.0


def test_a_block_that_is_cut_off_is_an_error(digitizer, timeline):
    driver, instrument = digitizer
    driver.arm(sample_rate_hz=1000, before_s=0.05, after_s=0.1)
    instrument.external_trigger(timeline.now_s())
    instrument.defects = type(instrument.defects)(truncated_block=True)
    with pytest.raises(BenchError, match="no complete block"):
        driver.fetch(timeline.now_s())


@pytest.fixture
def multimeter(timeline):
    instrument = emulate("fluke-8846a", probe=Probe(), clock=timeline, seed=1, current_ratio=20.0)
    return connect("fluke-8846a", instrument, timeline, "meters.multimeter", current_ratio=20.0), instrument


def test_two_meters_measure_at_the_same_time(analyzer, multimeter, timeline):
    begun_s = timeline.now_s()
    volts = multimeter[0].ac_voltage()
    assert timeline.now_s() == begun_s, "it has only begun"
    analyzer[0].read(fresh=True)
    read_s = timeline.now_s()
    assert volts() == pytest.approx(230.0, abs=0.6)
    assert timeline.now_s() == max(read_s, begun_s + 0.2)


def test_what_goes_wrong_while_it_measures_is_an_error(multimeter):
    driver, instrument = multimeter
    volts = driver.ac_voltage()
    instrument.defects = type(instrument.defects)(hang=True)
    with pytest.raises(BenchError, match=r"no answer to 'READ\?' within 5 s"):
        volts()


def test_the_answer_to_another_question_is_no_answer(timeline):
    instrument = emulate("yokogawa-wt300e", probe=Probe(), clock=timeline, seed=1)
    session = DirectSession(instrument, timeline, "meters.ac")
    first = session.ask("*IDN?")
    second = session.ask("*IDN?")
    with pytest.raises(BenchError, match="the answer to '\\*IDN\\?' is lost"):
        session.answer(first)
    session.answer(second)
    with pytest.raises(BenchError, match="was read before"):
        session.answer(second)
    instrument.defects = type(instrument.defects)(answers_another=True)
    assert session.answer(session.ask(":RATE?")).startswith("YOKOGAWA"), "the defect is the instrument's, and shows"


def test_a_closed_session_and_a_question_that_is_none(timeline):
    instrument = emulate("yokogawa-wt300e", probe=Probe(), clock=timeline, seed=1)
    session = DirectSession(instrument, timeline, "meters.ac", timeout_s=0.1)
    with pytest.raises(BenchError, match="no answer to ':RATE 100MS'"):
        session.query(":RATE 100MS")
    question = session.ask("*IDN?")
    session.close()
    with pytest.raises(BenchError, match="closed"):
        session.answer(question)
    with pytest.raises(BenchError, match="closed"):
        session.write("*CLS")
