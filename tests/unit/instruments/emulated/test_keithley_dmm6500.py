import numpy as np
import pytest

from v2g_bench.instruments.emulated.keithley_dmm6500 import KeithleyDMM6500


@pytest.fixture
def meter(probe, clock):
    return KeithleyDMM6500(probe, clock, shunt_ohm=0.001, seed=5)


def next_error(ask, meter):
    return ask(meter, "SYST:ERR?").split(";")[0]


def test_its_error_queue_has_a_form_of_its_own(ask, meter):
    assert ask(meter, "SYST:ERR?") == '0,"No error;0;0 0"'
    ask(meter, "NONSENSE")
    assert ask(meter, "SYST:ERR?").startswith('-113,"Undefined header;NONSENSE;1;')
    assert ask(meter, "SYST:ERR?") == '0,"No error;0;0 0"'


def test_a_full_queue_ends_with_an_overflow(ask, meter):
    for _ in range(25):
        ask(meter, "NONSENSE")
    numbers = [int(ask(meter, "SYST:ERR?").split(",")[0]) for _ in range(21)]
    assert numbers[19:] == [-350, 0]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("DIG:VOLT:SRAT 999", '-222,"Data out of range'),
        ("DIG:VOLT:SRAT 1000100", '-222,"Data out of range'),
        ("DIG:VOLT:SRAT 50000;:DIG:VOLT:APER 21E-6", '-222,"Data out of range'),
        ('TRAC:MAKE "a",9', '-222,"Data out of range'),
        ('TRAC:MAKE "a",8000000', '-225,"Out of memory'),
        ('TRAC:MAKE "a",100;MAKE "a",100', '1115,"Parameter error'),
        ('TRAC:DEL "a"', '1115,"Parameter error'),
        ('TRIG:LOAD "LoopUntilEvent",EXT,50,ENT,0,"a"', '1115,"Parameter error'),
        ('TRAC:MAKE "a",100;:TRIG:LOAD "LoopUntilEvent",EXT,101,ENT,0,"a"', '-224,"Illegal parameter value'),
        ("INIT", '-221,"Settings conflict'),
        ("DIG:FUNC VOLT", '-104,"Data type error'),
        ('DIG:FUNC "RES"', '-224,"Illegal parameter value'),
    ],
)
def test_what_it_refuses(ask, meter, message, error):
    ask(meter, message)
    assert next_error(ask, meter) == error


def started(ask, meter, data_format="REAL", now_s=1.0):
    ask(meter, 'TRAC:MAKE "b",200;:DIG:VOLT:RANG 0.1;SRAT 10000;:TRIG:EXT:IN:EDGE RIS')
    ask(meter, f'FORM {data_format};:TRIG:LOAD "LoopUntilEvent",EXT,25,ENT,0,"b"')
    ask(meter, "INIT", now_s)


def test_it_loops_until_the_edge_and_keeps_a_quarter_before_it(ask, meter, probe):
    started(ask, meter)
    assert ask(meter, "TRIG:STAT?", 1.1) == "WAITING;WAITING;3"
    assert ask(meter, 'TRAC:ACT? "b"', 1.1) == "50"
    meter.external_trigger(1.1)
    probe.stop_s = 1.105
    assert ask(meter, "TRIG:STAT?", 1.11) == "RUNNING;RUNNING;5"
    assert ask(meter, "TRIG:STAT?", 1.2) == "IDLE;IDLE;6"
    block = ask(meter, 'TRAC:DATA? 1,200,"b",REL,READ', 1.2).encode("latin-1")
    assert block.startswith(b"#0")
    data = np.frombuffer(block[2:], "<f8").reshape(-1, 2)  # SWAP is its default
    assert len(data) == 200
    assert np.allclose(np.diff(data[:, 0]), 1e-4)
    assert (data[:99, 1] > 0.009).all()
    assert (data[102:, 1] < 0.001).all()


def test_binary_data_have_no_other_elements(ask, meter):
    started(ask, meter)
    meter.external_trigger(1.1)
    assert ask(meter, 'TRAC:DATA? 1,200,"b",READ,TST', 1.2) is None
    assert next_error(ask, meter) == '1133,"Syntax error'


def test_text_is_the_default(ask, meter):
    started(ask, meter, "ASC")
    meter.external_trigger(1.1)
    assert len(ask(meter, 'TRAC:DATA? 1,3,"b"', 1.2).split(",")) == 3


@pytest.mark.parametrize("edge", ["FALL", "RIS"])
def test_it_waits_for_the_edge_that_was_chosen(ask, meter, edge):
    started(ask, meter)
    ask(meter, f"TRIG:EXT:IN:EDGE {edge}")
    meter.external_trigger(1.1)
    assert meter.record.triggered == (edge == "RIS")


def test_in_tsp_it_takes_scpi_for_a_syntax_error(ask, probe, clock):
    meter = KeithleyDMM6500(probe, clock, shunt_ohm=0.001, language="TSP")
    assert ask(meter, "*LANG?") == "TSP"
    assert "DMM6500" in ask(meter, "*IDN?")
    assert ask(meter, "TRIG:STAT?") is None
    assert meter.status.next_error().startswith('-285,"TSP Syntax error')


def test_reset_takes_its_buffers_away(ask, meter):
    ask(meter, 'TRAC:MAKE "b",200')
    ask(meter, "*RST")
    ask(meter, 'TRAC:MAKE "b",300')
    assert ask(meter, 'TRAC:POIN? "b"') == "300"
