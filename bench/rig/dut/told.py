"""A value out of what a command of the controller has printed: by its place in JSON, or by a regular expression.

>>> told('{"bms": {"soc_pct": 50.5}, "trip_latched": true}', "bms.soc_pct")
50.5
>>> told('{"trip_latched": true}', "trip_latched"), told('{"trip_latched": null}', "trip_latched")
(1.0, None)
>>> told("state of health   87.5 %", r"state of health\\s+([0-9.]+)")
87.5
>>> told('{"n": 1}', "trip_latched") is None
True

A status may print lines beside its JSON, a warning before it or a greeting behind it; two JSON texts tell nothing.

>>> told('12:00 reading...\\n{"trip_latched":true}\\nbye', "trip_latched")
1.0
"""

import json
import math
import re

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import json_of

LONGEST = 1_000_000  # characters of an answer that are looked at
YES, NO = ("true", "yes", "on"), ("false", "no", "off")


def told(text: str, key: str) -> float | None:
    """The number at the key, 1 and 0 for yes and no; None where it is not told, whatever else the text says.

    key: names joined by dots, into JSON; or a regular expression with one group (it has a parenthesis), into any text.
    """
    text = text[:LONGEST]
    return _number(_by_pattern(text, key) if "(" in key else _by_place(text, key))


def affirmed(text: str, key: str) -> bool | None:
    """Whether the text says yes at this place of its JSON, None where it does not tell; or whether a regular expression
    is found in it, however its JSON is spaced.

    >>> affirmed('{"review":true}', "review"), affirmed('{"review":true}', '"review": true'), affirmed("{}", "review")
    (True, True, None)
    """
    text = text[:LONGEST]
    if re.fullmatch(r"\w+(\.\w+)*", key) and _spaced(text):
        value = told(text, key)
        return None if value is None else value >= 0.5
    return re.search(key, text) is not None or re.search(key, _spaced(text)) is not None


def _spaced(text: str) -> str:
    """The same JSON with one space after each colon and comma; "" for what is none."""
    try:
        return json.dumps(document(text))
    except BenchError:
        return ""


def document(text: str) -> object:
    """The JSON of an answer, also where other lines stand before or behind it; BenchError where it has none."""
    try:
        return json_of(text, "answer")
    except BenchError:
        first, end = text.find("{"), text.rfind("}") + 1
        if not 0 <= first < end or end - first == len(text):
            raise
        return json_of(text[first:end], "answer")


def _by_pattern(text: str, pattern: str) -> object:
    found = re.search(pattern, text)
    return found[1] if found else None


def _by_place(text: str, key: str) -> object:
    try:
        value = document(text)
    except BenchError:
        return None
    for name in key.split("."):
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool | int | float):
        try:
            return number if math.isfinite(number := float(value)) else None
        except OverflowError:  # a whole number of hundreds of digits
            return None
    if not isinstance(value, str):
        return None
    if (word := value.strip().lower()) in YES + NO:
        return float(word in YES)
    try:
        return number if math.isfinite(number := float(word)) else None
    except ValueError:
        return None
