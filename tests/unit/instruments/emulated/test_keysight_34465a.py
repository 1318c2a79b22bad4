import numpy as np
import pytest

from v2g_bench.instruments.emulated.keysight_34465a import Keysight34465A
from v2g_bench.instruments.emulated.meter import MeterDefects

SETUP = (
    "*RST;*CLS;:CONF:VOLT:DC 0.1;:VOLT:DC:ZERO:AUTO OFF;:VOLT:DC:APER 20E-6;:TRIG:SOUR EXT;DEL 0;"
    ":SAMP:SOUR TIM;TIM 20E-6;COUN 2000;COUN:PRET 500;:FORM REAL,64"
)


def record(run, now_s):
    """Advance a FETC? to its end; the readings of its block."""
    for _ in range(100):
        if run.advance(now_s):
            break
    digits = int(run.response[1:2])
    return np.frombuffer(run.response[2 + digits : -1], ">f8")


@pytest.fixture
def meter(probe, clock):
    return Keysight34465A(probe, clock, shunt_ohm=0.001, seed=7)


@pytest.mark.parametrize(
    ("message", "codes"),
    [
        (SETUP + ";:INIT", []),
        ("SAMP:TIM 19E-6", [-222]),
        ("VOLT:APER 10E-6", [-222]),
        ("CONF:VOLT:DC 2000", [-222]),
        ("FORM REAL,16", [-224]),
        ("TRIG:SOUR LINE", [-224]),
        (SETUP + ";:SAMP:COUN 50001;:INIT", [-221]),  # more than fits into memory
        (SETUP + ";:SAMP:COUN 500;:INIT", [-221]),  # no reading left behind the trigger
        (SETUP + ";:VOLT:ZERO:AUTO ON;:INIT", [-221]),  # autozero doubles the reading
        (SETUP + ";:VOLT:APER 1E-3;:INIT", [-221]),  # the aperture is longer than the timer
        (SETUP + ";:INIT;:INIT", [-213]),
        ("FETC?", [-230]),
        ("*TRG", [-211]),
    ],
)
def test_settings_and_conflicts(ask, errors, meter, message, codes):
    assert ask(meter, message) is None
    assert errors(meter) == codes


def test_a_record_around_an_edge(ask, meter, probe):
    ask(meter, SETUP + ";:INIT", 0.0)
    assert ask(meter, "STAT:OPER:COND?", 0.1) == "48"
    assert ask(meter, "DATA:POIN?", 0.1) == "+500"
    probe.stop_s = 0.11
    meter.external_trigger(0.1)
    assert ask(meter, "STAT:OPER:COND?", 0.11) == "16"
    run = meter.execute("FETC?")
    assert not run.advance(0.12)
    assert run.due_s == pytest.approx(0.13, abs=1e-4)
    volts = record(run, 0.14)
    assert ask(meter, "STAT:OPER:COND?;:DATA:POIN?", 0.14) == "0;+2000"
    assert len(volts) == 2000
    assert volts[:900] == pytest.approx(0.010, abs=3e-5)  # 10 A over 1 mohm; noise 3 uV
    assert volts[1100:] == pytest.approx(0.0, abs=3e-5)
    edge = np.argmax(volts < 0.005)
    assert edge == pytest.approx(500 + 0.01 / 20e-6, abs=1.5)


def test_readings_have_noise_and_sixteen_bits(ask, meter):
    ask(meter, SETUP + ";:TRIG:SOUR IMM;:SAMP:COUN:PRET 0;:INIT", 0.0)
    volts = record(meter.execute("FETC?"), 1.0)
    step_v = 2.4 * 0.1 / 2**16
    assert 1e-6 < volts.std() < 6e-6
    assert volts / step_v == pytest.approx(np.round(volts / step_v), abs=1e-6)


def test_a_trigger_before_the_buffer_is_full_leaves_fewer_readings(ask, meter):
    ask(meter, SETUP + ";:INIT", 0.0)
    meter.external_trigger(0.006)
    assert 1500 < int(ask(meter, "DATA:POIN?", 1.0)) < 1900


@pytest.mark.parametrize("source", ["IMM", "BUS", "INT"])
def test_the_edge_counts_for_the_external_source_only(ask, meter, source):
    ask(meter, SETUP + f";:TRIG:SOUR {source};:INIT", 0.0)
    before = meter.done_s(0.0)
    meter.external_trigger(0.1)
    assert meter.done_s(0.2) == before


def test_bus_trigger(ask, errors, meter):
    ask(meter, SETUP + ";:TRIG:SOUR BUS;:INIT", 0.0)
    ask(meter, "*TRG", 0.1)
    assert ask(meter, "*OPC?", 0.2) == "1"
    assert errors(meter) == []


def test_level_trigger_finds_the_falling_edge(ask, meter, probe):
    probe.stop_s = 0.2
    ask(meter, SETUP + ";:TRIG:SOUR INT;SLOP NEG;LEV 0.005;:INIT", 0.0)
    assert ask(meter, "STAT:OPER:COND?", 0.15) == "48"
    assert ask(meter, "STAT:OPER:COND?", 0.205) == "16"
    volts = record(meter.execute("FETC?"), 1.0)
    assert np.argmax(volts < 0.005) == pytest.approx(500, abs=2)


def test_a_trigger_delay_that_is_not_set_is_a_second(ask, meter):
    ask(meter, SETUP.replace("DEL 0;", "DEL DEF;") + ";:INIT", 0.0)
    meter.external_trigger(0.1)
    assert meter.done_s(0.1) == pytest.approx(1.13, abs=1e-3)


def test_overload(ask, meter, probe):
    probe.current_a = -130.0
    ask(meter, SETUP + ";:TRIG:SOUR IMM;:SAMP:COUN 3;COUN:PRET 0;:FORM ASC;:INIT", 0.0)
    assert ask(meter, "FETC?", 1.0) == ",".join(["-9.90000000E+37"] * 3)


def test_formats_of_one_record_agree(ask, meter):
    ask(meter, SETUP + ";:TRIG:SOUR IMM;:SAMP:COUN 5;COUN:PRET 0;:INIT", 0.0)
    big = record(meter.execute("FETC?"), 1.0)
    ask(meter, "FORM:BORD SWAP", 1.0)
    little = meter.execute("FETC?")
    assert little.advance(1.0)
    assert np.frombuffer(little.response[4:-1], "<f8") == pytest.approx(big)
    ask(meter, "FORM ASC", 1.0)
    assert [float(v) for v in ask(meter, "FETC?", 1.0).split(",")] == pytest.approx(big, abs=1e-9)
    assert ask(meter, "R?", 1.0).startswith("#2")
    assert ask(meter, "R?", 1.0) == "#10"


def test_abort_leaves_the_wait_for_the_trigger(ask, errors, meter):
    ask(meter, SETUP + ";:INIT", 0.0)
    assert ask(meter, "ABOR;*OPC?;:STAT:OPER:COND?", 0.1) == "1;0"
    assert ask(meter, "FETC?", 0.1) is None
    assert errors(meter, 0.1) == [-230]


def test_configure_reports_the_range(ask, meter):
    assert ask(meter, "CONF:VOLT:DC 0.05;:CONF?").startswith('"VOLT +1.00000000E-01')


def test_the_seed_fixes_errors_and_noise(ask, probe, clock):
    def volts(seed):
        meter = Keysight34465A(probe, clock, shunt_ohm=0.001, seed=seed)
        ask(meter, SETUP + ";:TRIG:SOUR IMM;:SAMP:COUN:PRET 0;:INIT", 0.0)
        return record(meter.execute("FETC?"), 1.0)

    assert np.array_equal(volts(1), volts(1))
    assert not np.array_equal(volts(1), volts(2))


@pytest.mark.parametrize(
    ("defects", "factor", "samples"),
    [(MeterDefects(scale=1.05), 1.05, 500), (MeterDefects(time_base=0.02), 1.0, 500 / 1.02)],
)
def test_scale_and_time_base_defects(ask, meter, probe, defects, factor, samples):
    meter.defects = defects
    ask(meter, SETUP + ";:INIT", 0.0)
    probe.stop_s = 0.11
    meter.external_trigger(0.1)
    volts = record(meter.execute("FETC?"), 1.0)
    assert volts[:800].mean() == pytest.approx(0.010 * factor, rel=1e-3)
    assert np.argmax(volts < 0.005) - 500 == pytest.approx(samples, abs=1.5)


def test_the_aperture_averages(ask, meter, probe):
    probe.dc_current = lambda t: 10.0 * np.sign(np.sin(2 * np.pi * 500 * t))
    ask(meter, SETUP + ";:TRIG:SOUR IMM;:VOLT:APER 2E-3;:SAMP:TIM 2E-3;COUN 100;COUN:PRET 0;:INIT", 0.0)
    assert np.abs(record(meter.execute("FETC?"), 1.0)).max() < 0.006  # 10 mV without averaging
