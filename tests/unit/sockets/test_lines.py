import pytest

from v2g_bench.sockets.lines import Lines, LineTooLong, encoded


def test_lines_come_out_whole_however_they_came_in():
    text, cut = b'{"a": 1}\n\n{"b": 2}\nrest', Lines(100)
    found = []
    for place in range(len(text)):
        cut.add(text[place : place + 1])
        if (line := cut.take()) is not None:
            found.append(line)
    assert (found, cut.begun, cut.take(), cut.rest(), cut.rest()) == (
        [b'{"a": 1}', b"", b'{"b": 2}'],
        True,
        None,
        b"rest",
        None,
    )
    at_once = Lines(100)
    at_once.add(text)
    assert [at_once.take() for _ in range(4)] == [*found, None]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_has_as_many_bytes_as_it_may_and_no_more(end):
    lines = Lines(8)
    lines.add(b"x" * 8 + end)
    assert lines.take() == (b"x" * 8 if end else None)
    lines = Lines(8)
    lines.add(b"x" * 9 + end)
    assert lines.ready, "there is an error to give"
    with pytest.raises(LineTooLong, match="longer than 8 bytes"):
        lines.take()


def test_a_long_line_among_short_ones_is_found():
    lines = Lines(8)
    lines.add(b"short\n" + b"x" * 9)
    assert lines.take() == b"short"
    with pytest.raises(LineTooLong):
        lines.take()


def test_whatever_is_answered_is_one_line_of_ascii():
    assert encoded({"text": "a\nµ\ud800"}) == b'{"text": "a\\n\\u00b5\\ud800"}\n'
