import pytest

from v2g_bench.meters.visa import VisaLink, block_of, shared_manager


@pytest.mark.parametrize(
    ("message", "data"),
    [(b"#13abc\n", b"abc"), (b"#10\n", b""), (b"#212ab\ncd\nefghij\n", b"ab\ncd\nefghij"), (b"#0abc\n", b"abc")],
)
def test_blocks(message, data):
    assert block_of(message) == data


@pytest.mark.parametrize("message", [b"", b"1.5\n", b"#", b"#x", b"#3", b"#15abc\n", b"#2x3abc", b"#13abcdef\n"])
def test_what_is_no_whole_block_is_an_error(message):
    with pytest.raises(ValueError, match="block"):
        block_of(message)


def test_there_is_one_manager():
    assert shared_manager("@py") is shared_manager("@py")


@pytest.mark.parametrize(
    "resource", ["no such thing", "TCPIP::127.0.0.1::1::SOCKET", "TCPIP::127.0.0.1::hislip0,1::INSTR"]
)
def test_what_cannot_be_opened_says_why(resource):
    assert VisaLink(resource, "@py").open(2.0)
