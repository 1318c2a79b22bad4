import math

import numpy as np
import pytest

from v2g_bench.instruments import answers
from v2g_bench.instruments.answers import BLOCK_BYTES, AnswerError, Block, Line, shown


def ended(answer, *parts):
    """The answer after a whole message that came in these parts."""
    for part in parts:
        answer.feed(part)
    answer.end()
    return answer


def fed(answer, data, step):
    """The answer after `data` in pieces of `step` bytes, as a stream brings them: never more than it wants."""
    while data and not answer.complete:
        size = min(step, answer.wants)
        assert size > 0
        answer.feed(data[:size])
        data = data[size:]
    assert not data
    return answer


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(("data", "text"), [(b"1.5\n", "1.5"), (b"\n", ""), (b" a b \r\n", "a b"), (b"\xb5V\n", "µV")])
def test_a_line(data, text, step):
    line = fed(Line(8), data, step)
    assert line.complete
    assert line.text == text


def test_a_line_may_end_with_its_message():
    line = Line(3)
    line.feed(b"abc")
    assert not line.complete
    line.end()
    assert (line.complete, line.text) == (True, "abc")


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_a_line_is_refused_at_its_first_byte_too_many(step):
    line = Line(100)
    with pytest.raises(AnswerError, match=r"longer than 100 bytes: b'AAAA.*… \(102 bytes\)"):
        fed(line, b"A" * 100_000, step)
    assert len(line.came) == 102


@pytest.mark.parametrize("surplus", [b"2\n", b"\n", b"\r", b"\x00"])
def test_a_line_that_has_anything_behind_it_is_no_answer(surplus):
    with pytest.raises(AnswerError, match="more than one answer"):
        Line().feed(b"1\n" + surplus)


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize(
    ("message", "data"),
    [
        (b"#13abc\n", b"abc"),
        (b"#10\n", b""),
        (b"#212ab\ncd\nefghij\r\n", b"ab\ncd\nefghij"),
        (b"#9000000001\n\n", b"\n"),
    ],
)
def test_a_block_from_a_stream(message, data, step):
    block = fed(Block(16), message, step)
    assert block.complete
    assert block.data == data


@pytest.mark.parametrize("step", [1, 1000])
def test_a_block_of_indefinite_length_needs_to_know_how_long_it_is(step):
    block = fed(Block(4, 4), b"#0a\nbc\n", step)
    assert block.data == b"a\nbc"
    with pytest.raises(AnswerError, match="indefinite length"):
        fed(Block(4), b"#0abcd\n", step)


@pytest.mark.parametrize(
    ("message", "data"),
    [(b"#13abc\n", b"abc"), (b"#13abc", b"abc"), (b"#10\n", b""), (b"#0abc\n", b"abc"), (b"#0\n", b"")],
)
def test_a_block_that_is_a_whole_message(message, data):
    block = ended(Block(16), message)
    assert (block.complete, block.data) == (True, data)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"1.5\n",
        b"#",
        b"#x",
        b"#3",
        b"#15abc\n",
        b"#2x3abc",
        b"#13abcdef\n",
        b"#13abc\n\n",
        b"# 3abc",
        b"##",
        b"#2 3a",
    ],
)
def test_what_is_no_whole_block_is_an_error(message):
    with pytest.raises(AnswerError, match="block"):
        ended(Block(16), message)


@pytest.mark.parametrize("header", [b"#9999999999", b"#217", b"#500017"])
def test_a_block_that_announces_more_than_is_due_is_refused_at_its_header(header):
    with pytest.raises(AnswerError, match="is announced, where at most 16 are due"):
        Block(16).feed(header)


@pytest.mark.parametrize("start", [b"#0", b"#216"])
def test_a_block_that_does_not_end_is_refused(start):
    block = Block(16)
    with pytest.raises(AnswerError, match="longer than 16 bytes|more behind the block"):
        ended(block, start, *[b"xxxx"] * 100)
    assert len(block.came) < 16 + 16


def test_nothing_asks_for_more_than_it_may_have():
    """What `wants` asks of a stream is bounded by what was asked of the instrument."""
    assert Line(64).wants == 66
    block = Block(16)
    block.feed(b"#216")
    assert block.wants == 16


@pytest.mark.parametrize("text", ["1", "+1.5E+00", "-.5", "2.", "1e-3", "+9.90000000E+37"])
def test_numbers(text):
    assert answers.number(text) == float(text)
    assert answers.numbers(f"{text},{text}", 2) == [float(text)] * 2


@pytest.mark.parametrize("text", ["", "NaN", "INF", "-Infinity", "1e400", "1_0", "0x10", "1 2", "1,2", "abc", "٣"])
def test_what_is_no_finite_number(text):
    with pytest.raises(AnswerError):
        answers.number(text)
    with pytest.raises(AnswerError):
        answers.numbers(f"1,{text}", 2)


def test_nan_and_infinity_are_let_in_where_they_are_words_of_the_instrument():
    nan, infinite = answers.numbers("NAN, INF", 2, finite=False)
    assert math.isnan(nan)
    assert math.isinf(infinite)


@pytest.mark.parametrize("text", ["1.5", "NaN", "9.9E37", "1e16", ""])
def test_what_is_no_whole_number(text):
    assert answers.whole("+3.2E+01") == 32
    with pytest.raises(AnswerError):
        answers.whole(text)


@pytest.mark.parametrize("text", ["0,0,0,0", "230,13", "1", "+0", '0.5,"x"', 'x,"y"', ""])
def test_only_a_number_and_a_text_are_an_error_code(text):
    assert answers.error_code('-113, "Undefined header"') == -113
    with pytest.raises(AnswerError):
        answers.error_code(text)


def test_the_bound_of_a_block_comes_from_what_was_asked():
    assert answers.block_bytes("f8", 100) == (800, 800)
    assert answers.block_bytes("u2", 3) == (6, 6)
    assert answers.block_bytes("f8", None) == (BLOCK_BYTES, None)
    most, size = answers.block_bytes("ascii", 2)
    assert size is None
    assert len("-1.23456789E-12,-1.23456789E-12") < most < 200
    assert answers.block_bytes("f8", 10**38)[0] == BLOCK_BYTES


def test_numbers_of_a_block():
    assert answers.block_numbers(b"\x3f\x80\x00\x00", "f4", 1).tolist() == [1.0]
    for data, kind, count in [(b"1234567", "f8", None), (b"1,x", "ascii", None), (np.zeros(2).tobytes(), "f8", 3)]:
        with pytest.raises(AnswerError):
            answers.block_numbers(data, kind, count)


def test_what_is_shown_is_short():
    assert shown(b"ab\n") == r"b'ab\n'"
    assert len(shown(b"\xff" * 10**6)) < 250
    assert "1000000 bytes" in shown(b"\xff" * 10**6)


@pytest.mark.parametrize(
    "text", ["1_0,2", "1,,2", ",1", "1,", "1 0,2", "0x10,2", "\xb2,1", "1,2\0", "nan(1),2", "infinit,1"]
)
def test_what_python_alone_reads_as_numbers_is_none(text):
    with pytest.raises(AnswerError):
        answers.numbers(text, 2, finite=False)
    with pytest.raises(AnswerError):
        answers.block_numbers(text.encode("latin-1"), "ascii", 2)


def test_an_instrument_without_a_value_says_so():
    assert np.isnan(answers.numbers("NAN,-INF, +1.5E0", 3, finite=False)[0])
    assert answers.block_numbers(b"1.5,INF\n", "ascii", 2).tolist() == [1.5, math.inf]
