"""`v2g-bench check`: opens each part of a rig on its own and reports what answers, its identity, and what is faulty.

A faulty part does not keep the others from being checked: the engineer at the bench wants the whole list.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from v2g_bench.can.buses import socketcan_problem
from v2g_bench.commands.costs import missing, strange, wrong
from v2g_bench.errors import BenchError
from v2g_bench.fixtures.suite import SUITE
from v2g_bench.open_rig import open_parts
from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.file.load import LoadedRig, load_rig
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.parts.opening import roles_of
from v2g_bench.rig.parts.protocol import ClosedRig, Parts

CHECK_SEED = 1
CONTACTORS_S = 10.0
ASKED = ("status", "health", "thermal")


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
    yield from _stated(loaded)
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
                if step.part == "controller" and finding.ok and not loaded.rig.simulated:
                    yield from _asked(cast(Parts, rig).dut.controller)
                if step.part == "bus" and finding.ok:
                    yield from (Finding("note", True, text) for text in _instead(loaded.rig))
        finally:
            closing = _finding("closing", lambda: _close(rig))
        if not closing.ok:
            yield closing


def _stated(loaded: LoadedRig) -> Iterator[Finding]:
    """What [dut] states wrongly, and what each command or role that is missing costs."""
    dut = loaded.rig.dut
    if dut.kind != "core":
        yield from (Finding(key, False, text) for key, text in wrong(dut))
    if SUITE.is_dir():
        try:
            yield from (Finding("note", True, text) for text in strange(dut, SUITE, loaded.path))
            yield from (Finding("note", True, text) for text in missing(dut, roles_of(loaded), SUITE))
        except BenchError as error:
            yield Finding("note", True, f"what is missing cannot be told: {error}")


def _asked(controller: Controller) -> Iterator[Finding]:
    """The commands that change nothing, each tried; the others are known to have a program and placeholders that exist."""
    for name in ASKED:
        if name in controller.dut.commands:
            yield _finding(f"dut.commands.{name}", partial(_answer, controller, name))


def _answer(controller: Controller, name: str) -> str:
    lines = controller.must(name).out.split()
    return f"answers: {' '.join(lines)[:60]}" if lines else "accepted, and says nothing"


def _instead(rig: Rig) -> Iterator[str]:
    """How to have the SocketCAN interfaces for which a userland bus stands in."""
    for bus in rig.bus.values():
        if bus.interface != "socketcan":
            continue
        problem = socketcan_problem(bus.channel, fd=bus.fd, bitrate=bus.bitrate, data_bitrate=bus.data_bitrate)
        if problem is not None:
            yield f"to have {bus.channel} itself: {problem.split(chr(10), 1)[1]}"


def _finding(part: str, step: Callable[[], object]) -> Finding:
    try:
        return Finding(part, True, str(step()))
    except BenchError as error:
        return Finding(part, False, str(error))


def _close(rig: ClosedRig) -> str:
    rig.close()
    return "all parts closed"
