import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import json_of, read_json, read_toml, toml_of


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", "is not TOML: Invalid value"),
        ("a = " + "9" * 5000, "is not TOML: a number has more digits"),
        ("a = " + "[" * 5000, "is not TOML: it is nested too deeply"),
    ],
)
def test_whatever_is_wrong_with_toml_names_the_file(text, message):
    with pytest.raises(BenchError, match=message) as reported:
        toml_of(text, "a.toml", "mend it")
    assert (reported.value.where, reported.value.hint) == ("a.toml", "mend it")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON: Expecting"),
        ("9" * 5000, "is not JSON: a number has more digits"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        ("[NaN]", "is not JSON: NaN is not a number"),
        ("[-Infinity]", "is not JSON: -Infinity is not a number"),
        (b"[\xff]", "is not JSON: 'utf-8' codec"),
        ('{"b": 1, "a": 1, "a": 2}', "is not JSON: the key 'a' is there twice"),
    ],
)
def test_whatever_is_wrong_with_json_names_the_file(text, message):
    with pytest.raises(BenchError, match=message) as reported:
        json_of(text, "a.json")
    assert reported.value.where == "a.json"


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(BenchError, match="cannot be read: No such file") as reported:
        read_toml(tmp_path / "none.toml", "write it anew", unreadable="is the path right?")
    assert reported.value.hint == "is the path right?"
    (tmp_path / "bytes").write_bytes(b"\xed\xa0\x80")
    with pytest.raises(BenchError, match="is not UTF-8 text"):
        read_json(tmp_path / "bytes")
    with pytest.raises(BenchError, match="cannot be read"):
        read_toml(tmp_path / "a\0b")
