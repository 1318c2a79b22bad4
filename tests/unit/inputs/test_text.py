import json
import sys

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import DEPTH, json_of, read_json, read_toml, toml_of


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


@pytest.fixture(params=[1000, 100_000])
def another_interpreter(request):
    """With another limit for its stack, and none for the digits of an integer."""
    before = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    sys.setrecursionlimit(request.param)
    sys.set_int_max_str_digits(0)
    yield
    sys.setrecursionlimit(before[0])
    sys.set_int_max_str_digits(before[1])


@pytest.mark.usefixtures("another_interpreter")
@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (json_of, lambda depth: "[" * depth + "1" + "]" * depth),
        (json_of, lambda depth: '{"a":' * depth + "1" + "}" * depth),
        (toml_of, lambda depth: "a = " + "[" * depth + "]" * depth),
        (toml_of, lambda depth: "a = " + "{a=" * depth + "1" + "}" * depth),
        (toml_of, lambda depth: ".".join(["a"] * depth) + " = 1"),
        (toml_of, lambda depth: "[" + " . ".join(["'a.]'"] * depth) + "]"),
    ],
)
def test_the_depth_is_bounded_by_the_loader_and_not_by_the_interpreter(parse, text):
    parse(text(DEPTH), "a")
    with pytest.raises(BenchError, match=r"a: is not (TOML|JSON): it is nested too deeply"):
        parse(text(DEPTH + 1), "a")


@pytest.mark.usefixtures("another_interpreter")
@pytest.mark.parametrize(
    ("parse", "text"), [(json_of, "9" * 1000), (toml_of, "a = " + "9" * 1000), (toml_of, "a = 9" + "_9" * 600)]
)
def test_the_digits_are_bounded_by_the_loader_and_not_by_the_interpreter(parse, text):
    with pytest.raises(BenchError, match="a number has more digits than can be meant"):
        parse(text, "a")


@pytest.mark.parametrize(
    "text", ['\\" [' + "{" * 200, "9" * 500, ".a" * 300, "'''\"" + "[" * 150, "# " + "[" * 150, '"' * 300]
)
def test_what_stands_in_strings_and_comments_is_neither_depth_nor_digits(text):
    quoted, many = json.dumps(text), "[" * 200
    assert json_of(f"[{quoted}, {quoted}]", "a.json") == [text, text]
    assert toml_of(f'# {many} """\na = {quoted} # \'{many}\nb = 1', "a.toml") == {"a": text, "b": 1}
    assert toml_of(f'a = """{quoted[1:-1]}"{many}"""', "a.toml") == {"a": f'{text}"{many}'}
    plain = text.replace("'", "")
    assert toml_of(f"a = '''{plain}'{many}'''\nb = '{plain}'", "a.toml") == {"a": f"{plain}'{many}", "b": plain}


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 200_000, '"' * 400_001, "[" * 400_000, "a" * 400_000, "." * 400_000, "'''\"" * 100_000]
)
def test_a_text_that_is_nothing_is_refused_at_once(text):
    for parse in (json_of, toml_of):
        with pytest.raises(BenchError, match="is not (JSON|TOML)"):
            parse(text, "a")


def test_a_number_that_no_float_holds():
    with pytest.raises(BenchError, match="is not JSON: 1e999 is more than a number can be"):
        json_of("[1e999]", "a.json")


def test_a_toml_file_is_of_a_size_that_people_write(tmp_path):
    (tmp_path / "a.toml").write_text("a = 1\n" + "#" * 1_000_000)
    with pytest.raises(BenchError, match="cannot be read: it is larger than 1000000 bytes"):
        read_toml(tmp_path / "a.toml")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(BenchError, match="cannot be read: No such file") as reported:
        read_toml(tmp_path / "none.toml", "write it anew", unreadable="is the path right?")
    assert reported.value.hint == "is the path right?"
    (tmp_path / "bytes").write_bytes(b"\xed\xa0\x80")
    with pytest.raises(BenchError, match="is not UTF-8 text"):
        read_json(tmp_path / "bytes")
    with pytest.raises(BenchError, match="cannot be read"):
        read_toml(tmp_path / "a\0b")
