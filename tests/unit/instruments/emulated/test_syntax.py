import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.instruments.emulated import syntax
from v2g_bench.instruments.emulated.syntax import MessageFramer, ScpiError, read_number, split_message, split_unit


@pytest.mark.parametrize(
    ("message", "units"),
    [
        ("", []),
        (" ; ;; ", []),
        ("A;B", ["A", "B"]),
        ('DISP:TEXT "a;b";*CLS', ['DISP:TEXT "a;b"', "*CLS"]),
        ("DATA #13a;b;X", ["DATA #13a;b", "X"]),
        ("DATA #0a;b", ["DATA #0a;b"]),
        ("ROUT (@1;2);X", ["ROUT (@1;2)", "X"]),
        ("X #19ab", ["X #19ab"]),  # a block that is cut off is no block
    ],
)
def test_a_message_is_cut_into_units(message, units):
    assert split_message(message) == units


def test_an_open_string_is_an_error():
    with pytest.raises(ScpiError) as caught:
        split_message('DISP:TEXT "abc;*CLS')
    assert caught.value.code == -151


@pytest.mark.parametrize(
    ("unit", "header", "args"),
    [
        ("*IDN?", "*IDN?", []),
        (":TRIG:SOUR EXT", ":TRIG:SOUR", ["EXT"]),
        ("CONF:VOLT:DC 1 , 1E-6", "CONF:VOLT:DC", ["1", "1E-6"]),
        ('FUNC "VOLT,DC"', "FUNC", ['"VOLT,DC"']),
        ("DATA\t#13a,b,1", "DATA", ["#13a,b", "1"]),
    ],
)
def test_a_unit_is_header_and_parameters(unit, header, args):
    assert split_unit(unit) == (header, args)


@pytest.mark.parametrize("unit", ["?", "1ABC", "A?B", "VOLT-DC 1", "\xffVOLT", "#12ab"])
def test_what_cannot_be_a_header_is_an_error(unit):
    with pytest.raises(ScpiError) as caught:
        split_unit(unit)
    assert caught.value.code == -101


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20E-6", "S", 20e-6),
        ("20us", "S", 20e-6),
        ("100MS", "S", 0.1),
        ("100 ms", "S", 0.1),
        ("-.5", "V", -0.5),
        ("1.", "V", 1.0),
        ("300V", "V", 300.0),
        ("1 MHZ", "HZ", 1e6),
        ("2MOHM", "OHM", 2e6),
        ("1MAV", "V", 1e6),
        ("#H1F", "", 31.0),
        ("#B101", "", 5.0),
        ("#Q17", "", 15.0),
    ],
)
def test_numbers(text, unit, value):
    assert read_number(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "code"),
    [
        ("", "S", -104),
        ("EXT", "S", -104),
        ("1e999", "S", -123),
        ("1 A", "V", -131),
        ("1 XS", "S", -131),
        ("1 S", "", -131),
        ("#HXY", "", -104),
        ("nan", "S", -104),
        ("inf", "S", -104),
    ],
)
def test_what_is_no_number_is_an_error(text, unit, code):
    with pytest.raises(ScpiError) as caught:
        read_number(text, unit)
    assert caught.value.code == code


@given(data=st.binary(max_size=300))
def test_a_definite_block_comes_back_whole(data):
    block = syntax.definite_block(data).decode("latin-1")
    assert syntax.block_end(block, 0) == len(block)
    assert block[2 + int(block[1]) :].encode("latin-1") == data


@given(payload=st.binary(max_size=60), cut=st.integers(1, 70))
def test_the_framer_does_not_split_a_block_at_its_line_feeds(payload, cut):
    stream = b"*IDN?\r\nDATA " + syntax.definite_block(payload) + b"\nVOLT?\n"
    framer = MessageFramer()
    messages = []
    for start in range(0, len(stream), cut):
        messages += framer.feed(stream[start : start + cut])
    assert messages == ["*IDN?", "DATA " + syntax.definite_block(payload).decode("latin-1").rstrip("\r"), "VOLT?"]


def test_the_framer_refuses_a_line_without_end():
    framer = MessageFramer(limit=100)
    assert framer.feed(b"A" * 100) == []
    with pytest.raises(ScpiError) as caught:
        framer.feed(b"A")
    assert caught.value.code == -363
    assert framer.feed(b"*IDN?\n") == ["*IDN?"]


@given(data=st.binary(max_size=200))
def test_the_framer_never_raises_on_small_input(data):
    assert all(isinstance(message, str) for message in MessageFramer().feed(data))


@pytest.mark.parametrize(
    "piece", [b"#", b"#9", b"#1", b"#19", b"#10", b"#99999999", b"'", b"(", b";", b",", b"\0", b"A"]
)
def test_the_framer_looks_at_each_byte_once(piece, monkeypatch):
    """What the search passes over is counted: no more than twice what arrives, however it arrives."""
    passed = 0
    search = syntax._END_OR_BLOCK.search

    class Pattern:
        @staticmethod
        def search(buffer, at):
            nonlocal passed
            found = search(buffer, at)
            passed += max(0, (found.end() if found else len(buffer)) - at)
            return found

    monkeypatch.setattr(syntax, "_END_OR_BLOCK", Pattern)
    framer, sent = MessageFramer(), 0
    for _ in range(100):
        data = piece * (200 // len(piece))
        framer.feed(data)
        sent += len(data)
    framer.feed(b"\n")
    assert passed <= 20 * 100 + 2 * sent


@pytest.mark.parametrize("separated", ["*IDN?;" * 300, "*ESE 1" + ",1" * 300])
def test_a_message_of_too_many_pieces_is_an_error(separated):
    with pytest.raises(ScpiError) as caught:
        [split_unit(unit) for unit in split_message(separated)]
    assert caught.value.code == -223


@pytest.mark.parametrize("block", ["#13a;b", "#0;;", "#212;;;;;;;;;;;;"])
def test_what_a_block_holds_separates_nothing(block):
    assert split_message(f"A {block}") == [f"A {block}"]
