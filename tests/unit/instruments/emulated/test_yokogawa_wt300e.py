import pytest

from v2g_bench.instruments.emulated.meter import MeterDefects
from v2g_bench.instruments.emulated.yokogawa_wt300e import YokogawaWT300E

SETUP = ":RATE 100MS;:NUM:NORM:NUM 4;:NUM:NORM:ITEM1 U,1;ITEM2 I,1;ITEM3 P,1;ITEM4 FU,1;:STAT:FILT1 FALL"


@pytest.fixture
def meter(probe, clock, ask):
    meter = YokogawaWT300E(probe, clock, seed=3)
    ask(meter, SETUP)
    return meter


def values(ask, meter, now_s):
    return [float(text) for text in ask(meter, ":NUM:NORM:VAL?", now_s).split(",")]


def test_items_and_signs(ask, errors, meter):
    voltage_v, current_a, power_w, frequency_hz = values(ask, meter, 0.15)
    assert voltage_v == pytest.approx(230.0, abs=0.23 + 0.3)
    assert current_a == pytest.approx(13.0, abs=0.013 + 0.01)
    assert power_w == pytest.approx(-3000.0, abs=3.0 + 6.0)
    assert frequency_hz == pytest.approx(50.0, abs=0.01)
    assert errors(meter) == []
    assert ask(meter, ":NUM:ITEM3?") == "P,1"


def test_nothing_measured_yet(ask, meter):
    assert ask(meter, ":NUM:NORM:VAL?", 0.05) == "NAN,NAN,NAN,NAN"


def test_the_same_update_is_read_twice(ask, meter, probe):
    first = values(ask, meter, 0.11)
    probe.power_w = 5000.0
    assert values(ask, meter, 0.19) == first
    assert values(ask, meter, 0.21)[2] == pytest.approx(5000.0, rel=0.01)


def test_a_value_is_a_mean_over_the_interval_that_ended(ask, meter, probe):
    values(ask, meter, 0.37)
    assert probe.windows[-1] == pytest.approx((0.2, 0.3))


def test_wait_ends_with_the_next_update(ask, meter):
    ask(meter, ":STAT:EESR?", 0.35)
    run = meter.execute(":COMM:WAIT 1;:STAT:EESR?")
    assert not run.advance(0.36)
    assert run.due_s == pytest.approx(0.4)
    assert not run.advance(0.399)
    assert run.advance(0.401)
    assert run.response == b"1\n"
    assert ask(meter, ":STAT:EESR?", 0.402) == "0"


@pytest.mark.parametrize("message", [":HOLD ON", ":STAT:FILT1 NEV"])
def test_without_update_or_filter_the_wait_does_not_end(ask, meter, message):
    ask(meter, message + ";:STAT:EESR?", 0.35)
    assert not meter.execute(":COMM:WAIT 1").advance(5.0)


def test_beyond_the_range_is_infinite(ask, meter, probe):
    ask(meter, ":INP:CURR:RANG 5A")
    probe.ac_current_a = 7.1
    assert ask(meter, ":NUM:NORM:VAL?", 0.15).split(",")[1:3] == ["INF", "INF"]


@pytest.mark.parametrize(
    ("message", "code"), [(":NUM:ITEM9 U", -114), (":NUM:ITEM1 XX", -224), (":NUM:ITEM1 U,2", -222), (":RATE 50", -222)]
)
def test_wrong_settings(ask, errors, meter, message, code):
    ask(meter, message)
    assert errors(meter) == [code]


def test_its_own_error_query(ask, meter):
    ask(meter, "FOO")
    assert ask(meter, ":STAT:ERR?").startswith("-113")


def test_defects(ask, meter):
    healthy = values(ask, meter, 0.15)
    meter.defects = MeterDefects(stuck=True)
    assert values(ask, meter, 0.25) == healthy
    meter.defects = MeterDefects(scale=1.1)
    assert values(ask, meter, 0.35)[2] == pytest.approx(1.1 * healthy[2], rel=1e-3)
