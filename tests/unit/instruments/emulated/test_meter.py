import pytest

from v2g_bench.instruments.emulated.meter import EmulatedMeter, MeterDefects


@pytest.fixture
def meter(probe, clock):
    return EmulatedMeter(probe, clock)


def test_without_defects_it_is_the_instrument(ask, meter):
    assert ask(meter, "*IDN?") == "V2G,NONE,0,0"


def test_wrong_identity(ask, meter):
    meter.defects = MeterDefects(identity="ACME,1,2,3")
    assert ask(meter, "*IDN?") == "ACME,1,2,3"


def test_hang_ends_when_the_defect_does(meter):
    meter.defects = MeterDefects(hang=True)
    run = meter.execute("*IDN?")
    assert not run.advance(1e6)
    meter.defects = MeterDefects()
    assert run.advance(1e6)


def test_late_answer(meter):
    meter.defects = MeterDefects(late_answer_s=2.0)
    run = meter.execute("*IDN?")
    assert not run.advance(10.0)
    assert run.due_s == 12.0
    assert run.advance(12.0)
    assert meter.execute("*CLS").advance(20.0)


def test_errors_without_end(ask, meter):
    meter.defects = MeterDefects(full_error_queue=True)
    assert {ask(meter, "SYST:ERR?") for _ in range(100)} == {'-350,"Queue overflow"'}


def test_answers_another_question(ask, meter):
    ask(meter, "*ESR?")
    meter.defects = MeterDefects(answers_another=True)
    assert ask(meter, "*IDN?") == "128"
    assert ask(meter, "*ESR?") == "V2G,NONE,0,0"


def test_an_edge_means_nothing_to_a_meter_without_that_input(ask, errors, meter):
    meter.external_trigger(1.0)
    assert errors(meter) == []
