"""TOML and JSON from outside, read whole: any defect of the text is a BenchError that names the file.

Both parsers have more ways to fail than their own exceptions: text that is not UTF-8, numbers of any length, and nesting as
deep as Python's stack, which ends elsewhere in each process. So depth (`DEPTH`) and digits (`DIGITS`) are bounded here, before
anything is parsed. JSON's NaN and Infinity, which its standard does not have, are refused as well, what no float holds, and a
key that stands twice in one object: one of the two would win in silence.

>>> toml_of("port = 502", "rig.toml")
{'port': 502}
>>> json_of('{"limit": NaN}', "settings.json")
Traceback (most recent call last):
v2g_bench.errors.BenchError: settings.json: is not JSON: NaN is not a number
"""

import json
import math
import re
import tomllib
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import SETTINGS_MAX, read_bytes

LARGEST = 64_000_000  # bytes; results of some thousand tests
DEPTH = 100  # lists and tables in each other; what the bench writes has ten
DIGITS = 1000  # of one number; the largest float has 309, and a number just above it is told with its key

# Strings and TOML's comments: a bracket in them is none. One that does not end goes on to the end of its line, or of the text.
_JSON_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_TOML_STRINGS = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?'''
    r"""|'''(?:[^']|'(?!''))*+(?:'{3,5})?"""
    r"""|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?"""
    r"""|'[^'\n]*+'?|\#[^\n]*+""",
    re.DOTALL,
)
_DOTTED = re.compile(r"[\w.\- \t]++")
_LONG = re.compile(f"[0-9_]{{{DIGITS}}}")
_TOO_LONG = "a number has more digits than can be meant"


def read_toml(path: Path, hint: str = "", *, unreadable: str = "") -> dict[str, Any]:
    """The tables of a TOML file. mend, unreadable: the hints where it is not TOML, or cannot be read."""
    return toml_of(read_text(path, unreadable or hint, SETTINGS_MAX), str(path), hint)


def read_json(path: Path, hint: str = "", *, unreadable: str = "") -> Any:
    """What a JSON file holds."""
    return json_of(read_text(path, unreadable or hint), str(path), hint)


def read_text(path: Path, hint: str = "", most: int = LARGEST) -> str:
    """The text of a regular file that must be UTF-8 and no larger than `most` (bytes)."""
    try:
        return read_bytes(path, most).decode("utf-8")
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error.strerror or error}", hint) from None
    except UnicodeDecodeError as error:
        raise BenchError(str(path), f"is not UTF-8 text: {error.reason}", hint) from None
    except ValueError as error:  # a zero byte in the path
        raise BenchError(str(path)[:200].replace("\0", "\\0"), f"cannot be read: {error}", hint) from None


def toml_of(text: str, where: str, hint: str = "") -> dict[str, Any]:
    """The tables in a TOML text."""
    try:
        bare = _TOML_STRINGS.sub("", text)
        _require_bounded(bare)
        if any(found[0].count(".") >= DEPTH for found in _DOTTED.finditer(bare)):
            raise RecursionError
        return tomllib.loads(text)
    except RecursionError:
        raise BenchError(where, "is not TOML: it is nested too deeply", hint) from None
    except ValueError as error:  # also TOMLDecodeError, and an integer of too many digits
        raise BenchError(where, f"is not TOML: {_text_of(error)}", hint) from None


def json_of(text: str | bytes, where: str, hint: str = "") -> Any:
    """What a JSON text holds."""
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        _require_bounded(_JSON_STRINGS.sub("", text))
        return json.loads(text, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_object)
    except RecursionError:
        raise BenchError(where, "is not JSON: it is nested too deeply", hint) from None
    except ValueError as error:  # also JSONDecodeError, UnicodeDecodeError, and an integer of too many digits
        raise BenchError(where, f"is not JSON: {_text_of(error)}", hint) from None


def _require_bounded(bare: str) -> None:
    """RecursionError for a text (without its strings) nested beyond `DEPTH`, ValueError for a number of `DIGITS` and more."""
    if bare.count("[") + bare.count("{") > DEPTH:
        steps = accumulate(1 if one in "[{" else -1 for one in re.findall(r"[\[\]{}]", bare))
        if max(steps) > DEPTH:
            raise RecursionError
    if _LONG.search(bare):
        raise ValueError(_TOO_LONG)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is more than a number can be")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        count = Counter(name for name, _ in pairs)
        raise ValueError(f"the key {max(count, key=lambda name: count[name])!r} is there twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _text_of(error: ValueError) -> str:
    text = str(error)
    return _TOO_LONG if "integer string conversion" in text else text
