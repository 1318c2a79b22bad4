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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("45 °C, 8.8 ms ± 0.1 ms, limit ≤ 50 ms · Zähler…", "45 degC, 8.8 ms +/- 0.1 ms, limit <= 50 ms - Zahler..."),
        ("3°, 5 µs, 10⁻⁶, „x“", '3deg, 5 us, 10^-6, "x"'),
        ("漢 \ud800 \U0001f600", "\\u6f22 \\ud800 \\U0001f600"),
    ],
)
def test_a_terminal_that_knows_ascii_alone_gets_the_rest_in_ascii(text, shown):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    plain_output(stream)
    print(text, file=stream, flush=True)
    assert stream.buffer.getvalue().decode("ascii") == f"{shown}\n"


def test_a_terminal_of_the_west_gets_what_it_knows():
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1")
    plain_output(stream)
    print("45 °C ≤ 50 °C", file=stream, flush=True)
    assert stream.buffer.getvalue().decode("latin-1") == "45 °C <= 50 °C\n"
