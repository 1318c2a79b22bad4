"""An error can be shown on any terminal, whatever it quotes."""

import io

import pytest

from v2g_bench.errors import BenchError, plain_output, readable


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "a\0b", "\ud800", "\u202etxt", "\r"])
def test_what_a_terminal_would_obey_is_escaped(text):
    assert readable(f"{text} x").isprintable()
    assert str(BenchError(text, text, text)).replace("\n", "").isprintable()


def test_what_people_write_stays():
    text = "Zähler 3: 21 °C, 漢\n\tsecond line"
    assert readable(text) == text


def test_what_nobody_reads_is_cut():
    assert len(readable("x" * 40_000)) < 300
    assert len(readable("no word is long " * 4000)) < 4100
    assert len(readable("/folder" * 40)) == 280


def test_a_terminal_that_knows_ascii_alone_gets_the_rest_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    plain_output(stream)
    print("21 °C", file=stream, flush=True)
    assert stream.buffer.getvalue() == b"21 \\xb0C\n"
