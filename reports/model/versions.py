"""The versions of results.json: 3 is written, 2 is read as well, and rebuilt byte for byte.

2 kept what a measurement was computed from as JSON text (`basis`), and that of a latency as marks in its waveform's file;
3 has a typed record instead (`evidence`, see `v2g_bench.evidence.record`), of a measurement or of a trial.
"""

import json
from collections.abc import Iterator
from typing import Any

from v2g_bench.errors import BenchError

READABLE = (2, 3)
SCHEMA = READABLE[-1]
# Keys of a measurement and of a trial that one version has and the other lacks, with what they are where they lack.
_MEASUREMENT: dict[int, dict[str, Any]] = {2: {"evidence": None}, 3: {"basis": ""}}
_TRIAL: dict[int, dict[str, Any]] = {2: {"evidence": None}, 3: {}}
NOT_WRITTEN = tuple(_MEASUREMENT[SCHEMA])  # of a measurement: the model knows it, a new file lacks it


def as_written(test: dict[str, Any], schema: int) -> dict[str, Any]:
    """The JSON form of a test without the keys that this version does not have."""
    for item, lacks in _items(test, schema):
        for key in lacks:
            item.pop(key, None)
    return test


def completed(data: dict[str, Any], where: str) -> None:
    """Give the JSON form of a run the keys that its version lacks; BenchError for one that it must not have."""
    schema = data["schema"]
    tests = (test for requirement in _all(data, "requirements") for test in _all(requirement, "tests"))
    for item, lacks in (pair for test in tests for pair in _items(test, schema)):
        if known := lacks.keys() & item.keys():
            raise BenchError(where, f"unknown key {min(known)!r}", f"schema {schema} does not have it")
        item.update(lacks)


def basis_kind(basis: str) -> str:
    """The kind that a measurement of schema 2 names; "" for a text that names none."""
    try:
        return str(json.loads(basis)["kind"]) if basis else ""
    except (ValueError, LookupError, TypeError):
        return ""


def _items(test: dict[str, Any], schema: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each measurement and trial, with what it lacks. What is not of the shape of a run is for `build` to refuse."""
    for measurement in _all(test, "measurements"):
        yield measurement, _MEASUREMENT[schema]
        for trial in _all(measurement, "trials"):
            yield trial, _TRIAL[schema]


def _all(item: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = item.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
