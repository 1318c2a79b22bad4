import numpy as np
import pytest

from v2g_bench.instruments.emulated.keysight_infiniivision import KeysightInfiniiVision


@pytest.fixture
def scope(probe, clock):
    return KeysightInfiniiVision(probe, clock, shunt_ohm=0.1, seed=5)


def taken(ask, scope, probe, edge_s=1.06, stop_s=1.08):
    """A single record of 100 ms around an edge at 1.06 s."""
    ask(scope, ":CHAN1:PROB 1;RANG 4;:TIM:RANG 0.1;:ACQ:TYPE HRES;:TRIG:EDGE:SOUR EXT;LEV 1.5")
    ask(scope, ":SING", 1.0)
    probe.stop_s = stop_s
    scope.external_trigger(edge_s)


def preamble(ask, scope, now_s=2.0):
    return [float(field) for field in ask(scope, ":WAV:PRE?", now_s).split(",")]


def test_its_preamble_turns_words_into_seconds_and_volts(ask, scope, probe):
    taken(ask, scope, probe)
    ask(scope, ":WAV:FORM WORD;POIN MAX;POIN:MODE RAW")
    kind, hres, points, _, dx, x0, xref, dy, y0, yref = preamble(ask, scope)
    assert (kind, hres, points) == (1, 3, 100_000)
    block = ask(scope, ":WAV:DATA?", 2.0).encode("latin-1")
    assert block.startswith(b"#6200000")
    volts = (np.frombuffer(block[8:], ">u2") - yref) * dy + y0
    times_s = (np.arange(len(volts)) - xref) * dx + x0
    assert times_s[0] == pytest.approx(-0.05, abs=2e-6)
    assert volts[times_s < 0.0199].mean() == pytest.approx(1.0, abs=0.05)
    assert volts[times_s > 0.0201].mean() == pytest.approx(0.0, abs=0.03)
    assert len(np.unique(volts)) < 4096


@pytest.mark.parametrize(
    ("order", "points"),
    [("POIN MAX;POIN:MODE RAW", 100_000), ("POIN:MODE RAW;:WAV:POIN MAX", 1000), ("POIN MAX", 1000)],
)
def test_the_order_of_points_and_mode_decides(ask, scope, probe, order, points):
    taken(ask, scope, probe)
    ask(scope, f":WAV:{order}")
    assert preamble(ask, scope)[2] == points


def test_bytes_have_eight_bits_and_the_low_byte_may_come_first(ask, scope, probe):
    taken(ask, scope, probe)
    ask(scope, ":WAV:FORM BYTE;:WAV:POIN MAX;:WAV:POIN:MODE RAW")
    assert ask(scope, ":WAV:DATA?", 2.0).startswith("#6100000")
    ask(scope, ":WAV:FORM WORD;BYT LSBF")
    block = ask(scope, ":WAV:DATA?", 2.0).encode("latin-1")
    assert abs(float(np.frombuffer(block[8:], "<u2")[0]) - 2**15 - 2**14) < 2**11


def test_reset_sets_a_probe_of_ten_to_one(ask, scope):
    assert float(ask(scope, ":CHAN1:PROB?")) == 10


def test_an_edge_is_held_off_until_half_of_the_screen_is_taken(ask, scope, probe):
    taken(ask, scope, probe, edge_s=1.03)
    assert ask(scope, ":TER?;:OPER:COND?", 1.1) == "+0;+8"
    scope.external_trigger(1.1)
    assert ask(scope, ":TER?;:TER?;:OPER:COND?", 1.11) == "+1;+0;+8"
    assert ask(scope, ":OPER:COND?;:ACQ:POIN?", 1.2) == "+0;+100000"


def test_no_record_no_data(ask, errors, scope):
    for query in (":WAV:PRE?", ":WAV:DATA?"):
        assert ask(scope, query) is None
    assert errors(scope) == [-230, -230]
    assert ask(scope, ":ACQ:POIN?") == "+0"


def test_stop_drops_a_record_that_waits(ask, scope, probe):
    taken(ask, scope, probe, edge_s=0.5)
    ask(scope, ":STOP", 1.2)
    assert ask(scope, ":OPER:COND?", 1.2) == "+0"


def test_the_rate_follows_from_screen_and_memory(ask, scope):
    ask(scope, ":TIM:RANG 0.41")
    rate_hz = float(ask(scope, ":ACQ:SRAT?"))
    assert 240e3 < rate_hz <= 100_000 / 0.41
