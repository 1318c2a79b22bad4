import pytest

from v2g_bench.instruments.emulated.fluke_8846a import Fluke8846A
from v2g_bench.instruments.emulated.meter import MeterDefects


@pytest.fixture
def meter(probe, clock):
    return Fluke8846A(probe, clock, current_ratio=2.0, seed=4)


def read(meter, message):
    run = meter.execute(message)
    assert not run.advance(1.0)
    assert run.due_s == pytest.approx(1.2)
    assert run.advance(1.2)
    return float(run.response)


def test_volts_and_amperes_through_the_transformer(meter, errors):
    assert read(meter, "CONF:VOLT:AC;:READ?") == pytest.approx(230.0, abs=230 * 6e-4 + 1000 * 4e-4)
    assert read(meter, "CONF:CURR:AC;:READ?") == pytest.approx(6.5, abs=6.5 * 1.5e-3 + 10 * 7e-4)
    assert read(meter, "MEAS:CURR:AC?") == pytest.approx(6.5, rel=0.01)
    assert errors(meter) == []


def test_it_measures_from_the_question_on(meter, probe):
    read(meter, "READ?")
    assert probe.windows == [pytest.approx((1.0, 1.2))]


def test_its_function_can_be_asked_for(ask, meter):
    assert ask(meter, "CONF:CURR:AC;:FUNC1?") == '"CURR:AC"'
    assert ask(meter, "*RST;:FUNC?") == '"VOLT:AC"'


def test_beyond_the_range(meter, probe):
    probe.ac_current_a = 26.0
    assert read(meter, "CONF:CURR:AC;:READ?") == 9.9e37
    probe.ac_current_a = 3.0
    assert read(meter, "CONF:CURR:AC 1;:READ?") == 9.9e37
    assert read(meter, "CONF:CURR:AC;:READ?") == pytest.approx(1.5, rel=0.01)


def test_defects(meter):
    meter.defects = MeterDefects(scale=0.9)
    assert read(meter, "READ?") == pytest.approx(207.0, rel=0.01)
    meter.defects = MeterDefects(stuck=True)
    assert read(meter, "READ?") == 1.0
