"""`v2g-bench check`: opens each part of a rig on its own and reports what answers, its identity, and what is faulty.

A faulty part does not keep the others from being checked: the engineer at the bench wants the whole list.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2g_bench.can.buses import socketcan_problem
from v2g_bench.errors import BenchError
from v2g_bench.open_rig import open_parts
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.parts.protocol import ClosedRig

CHECK_SEED = 1
CONTACTORS_S = 10.0


@dataclass(frozen=True)
class Finding:
    """One line: the part, whether it is in order, and who it is or what is wrong and how to fix it."""

    part: str
    ok: bool
    text: str


def check_rig(name_or_path: str, *, strict: bool = False) -> Iterator[Finding]:
    """Findings about every part of the rig; BenchError if the rig file itself is broken."""
    loaded = load_rig(name_or_path)
    yield Finding("rig file", True, f"{loaded.path}, evidence {loaded.rig.evidence}")
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="v2g-check-") as folder:
        rig = open_parts(loaded, Path(folder), CHECK_SEED, strict=strict, note=notes.append, temporary=True)
        try:
            sick: set[str] = set()
            for step in rig.steps():
                missing = sorted(sick.intersection(step.needs))
                if missing:
                    finding = Finding(step.part, False, f"not tried: it needs {', '.join(missing)}")
                else:
                    finding = _finding(step.part, step.open)
                if not finding.ok:
                    sick.add(step.part)
                yield finding
                yield from (Finding("note", True, notes.pop(0)) for _ in list(notes))
                if step.part == "bus" and finding.ok:
                    yield from (Finding("note", True, text) for text in _instead(loaded.rig))
        finally:
            closing = _finding("closing", lambda: _close(rig))
        if not closing.ok:
            yield closing


def _instead(rig: Rig) -> Iterator[str]:
    """How to have the SocketCAN interfaces for which a userland bus stands in."""
    for bus in rig.bus.values():
        if bus.interface != "socketcan":
            continue
        problem = socketcan_problem(bus.channel, fd=bus.fd, bitrate=bus.bitrate, data_bitrate=bus.data_bitrate)
        if problem is not None:
            yield f"to have {bus.channel} itself: {problem.split(chr(10), 1)[1]}"


def _finding(part: str, step: Any) -> Finding:
    try:
        return Finding(part, True, str(step()))
    except BenchError as error:
        return Finding(part, False, str(error))


def _close(rig: ClosedRig) -> str:
    rig.close()
    return "all parts closed"
