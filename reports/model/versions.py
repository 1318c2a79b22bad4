"""The versions of results.json: 5 is written, 2 to 4 are read as well, and rebuilt byte for byte.

2 kept what a measurement was computed from as JSON text (`basis`), and that of a latency as marks in its waveform's file;
3 has a typed record instead (`evidence`, see `v2g_bench.evidence.record`), of a measurement or of a trial. 4 knows the
verdict NOT TESTED, names the rig's profile, says of each requirement whether that holds it mandatory (before, all were), and
of each test what its trials drew. 5 states the head of the chain of records (`chain`) and names the waveforms that a test set
aside; its runs keep the list of the suite, and record bench, rig and injected faults as events.
"""

import json
from collections.abc import Iterator
from typing import Any

from v2g_bench.errors import BenchError

READABLE = (2, 3, 4, 5)
SCHEMA = READABLE[-1]
# Keys that not every version has: (the versions that have it, what it is where it lacks).
_KEYS: dict[str, dict[str, tuple[tuple[int, ...], Any]]] = {
    "run": {"profile": ((4, 5), None), "chain": ((5,), "")},
    "requirement": {"mandatory": ((4, 5), True)},
    "testresult": {"drawn": ((4, 5), []), "cells": ((4, 5), []), "aside": ((5,), [])},
    "measurement": {"basis": ((2,), ""), "evidence": ((3, 4, 5), None)},
    "trial": {"evidence": ((3, 4, 5), None)},
    "evidence": {"sequence": ((4, 5), None)},
}


def lacking(kind: str, schema: int) -> dict[str, Any]:
    """The keys of a kind (run, requirement, measurement, ...) that this version does not have, each with what it then is."""
    return {key: default for key, (versions, default) in _KEYS.get(kind, {}).items() if schema not in versions}


def as_written(test: dict[str, Any], schema: int) -> dict[str, Any]:
    """The JSON form of a test without the keys that this version does not have."""
    for kind, item in _of_test(test):
        for key in lacking(kind, schema):
            item.pop(key, None)
    return test


def completed(data: dict[str, Any], where: str) -> None:
    """Give the JSON form of a run the keys that its version lacks; BenchError for one that it must not have."""
    schema = data["schema"]
    for kind, item in _of_run(data):
        lacks = lacking(kind, schema)
        if known := lacks.keys() & item.keys():
            raise BenchError(where, f"unknown key {min(known)!r}", f"schema {schema} does not have it")
        item.update(lacks)


def basis_kind(basis: str) -> str:
    """The kind that a measurement of schema 2 names; "" for a text that names none."""
    try:
        return str(json.loads(basis)["kind"]) if basis else ""
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _of_run(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The run and all in it that a version may have other keys of. What is not of the shape of a run, `build` refuses."""
    yield "run", data
    for requirement in _all(data, "requirements"):
        yield "requirement", requirement
        for test in _all(requirement, "tests"):
            yield from _of_test(test)


def _of_test(test: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "testresult", test
    for measurement in _all(test, "measurements"):
        yield "measurement", measurement
        yield from _evidence(measurement)
        for trial in _all(measurement, "trials"):
            yield "trial", trial
            yield from _evidence(trial)


def _evidence(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    found = item.get("evidence")
    for one in [found] if isinstance(found, dict) else []:
        yield "evidence", one
        for part in _all(one, "of"):
            yield from _evidence({"evidence": part})


def _all(item: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = item.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
