import pytest

from v2g_bench.errors import BenchError
from v2g_bench.sockets.requests import DEPTH, request_of


def nested(depth, opening, closing):
    """An object of that many levels."""
    return b'{"a": ' + opening * (depth - 1) + b"1" + closing * (depth - 1) + b"}"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"b": ', b"}")])
def test_what_is_nested_deeper_than_anybody_means_is_refused(opening, closing):
    assert "a" in request_of(nested(DEPTH, opening, closing))
    for depth in (DEPTH + 1, 900, 20_000):
        with pytest.raises(BenchError, match="nested too deeply"):
            request_of(nested(depth, opening, closing))


def test_many_brackets_beside_each_other_are_not_deep():
    assert len(request_of(b'{"a": [' + b"[]," * 1000 + b"[]]}")["a"]) == 1001


@pytest.mark.parametrize("line", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_what_is_no_object_is_refused_in_the_words_of_who_asks(line):
    with pytest.raises(BenchError, match="not a JSON object"):
        request_of(line)
    with pytest.raises(BenchError, match="an op is wanted"):
        request_of(line, "an op is wanted")


@pytest.mark.parametrize(
    "line", [b"", b"{", b"\xff", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json_is_refused(line):
    with pytest.raises(BenchError, match="is not JSON"):
        request_of(line)
