"""What the checks read of a run: its events, line by line, and the results of its tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.chain import EVENTS
from v2g_bench.reports.model.run import Run, TestResult

RECORDED = 5  # the version of results.json from which on bench, rig and injected faults are events


def results_of(run: Run) -> list[TestResult]:
    """Each result of a test once: one that belongs to two requirements stands under both, and what a test has shown of another
    requirement beside its own is a result with another title.
    """
    found = {(test.nodeid, test.title): test for one in run.requirements for test in one.tests}
    return list(found.values())


def events(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    """Those of one kind, in their order; BenchError where the file is not here, or a line is none."""
    path = folder / EVENTS
    try:
        lines = path.read_bytes().rpartition(b"\n")[0].decode().splitlines()  # the last of a killed run may be torn
    except (OSError, ValueError) as error:
        raise BenchError(EVENTS, f"cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BenchError(f"{EVENTS} line {number}", f"is no event: {error}") from error
        if not isinstance(found, dict):
            raise BenchError(f"{EVENTS} line {number}", f"is no event: {json.dumps(found)[:60]}")
        if found.get("event") == kind:
            yield found
