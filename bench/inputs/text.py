"""TOML and JSON from outside, read whole: any defect of the text is a BenchError that names the file.

Both parsers have more ways to fail than their own exceptions: text that is not UTF-8, an integer of more than 4300 digits, and
nesting as deep as Python's stack. JSON's NaN and Infinity, which its standard does not have, are refused as well, and a key
that stands twice in one object: one of the two would win in silence.

>>> toml_of("port = 502", "rig.toml")
{'port': 502}
>>> json_of('{"limit": NaN}', "settings.json")
Traceback (most recent call last):
v2g_bench.errors.BenchError: settings.json: is not JSON: NaN is not a number
"""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes

LARGEST = 64_000_000  # bytes; results of some thousand tests


def read_toml(path: Path, hint: str = "", *, unreadable: str = "") -> dict[str, Any]:
    """The tables of a TOML file. mend, unreadable: the hints where it is not TOML, or cannot be read."""
    return toml_of(read_text(path, unreadable or hint), str(path), hint)


def read_json(path: Path, hint: str = "", *, unreadable: str = "") -> Any:
    """What a JSON file holds."""
    return json_of(read_text(path, unreadable or hint), str(path), hint)


def read_text(path: Path, hint: str = "") -> str:
    """The text of a regular file that must be UTF-8 and no larger than `LARGEST`."""
    try:
        return read_bytes(path, LARGEST).decode("utf-8")
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error.strerror or error}", hint) from None
    except UnicodeDecodeError as error:
        raise BenchError(str(path), f"is not UTF-8 text: {error.reason}", hint) from None
    except ValueError as error:  # a zero byte in the path
        raise BenchError(str(path)[:200].replace("\0", "\\0"), f"cannot be read: {error}", hint) from None


def toml_of(text: str, where: str, hint: str = "") -> dict[str, Any]:
    """The tables in a TOML text."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BenchError(where, "is not TOML: it is nested too deeply", hint) from None
    except ValueError as error:  # also TOMLDecodeError, and an integer of too many digits
        raise BenchError(where, f"is not TOML: {_text_of(error)}", hint) from None


def json_of(text: str | bytes, where: str, hint: str = "") -> Any:
    """What a JSON text holds."""
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except RecursionError:
        raise BenchError(where, "is not JSON: it is nested too deeply", hint) from None
    except ValueError as error:  # also JSONDecodeError, UnicodeDecodeError, and an integer of too many digits
        raise BenchError(where, f"is not JSON: {_text_of(error)}", hint) from None


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
    return "a number has more digits than can be meant" if "integer string conversion" in text else text
