"""The records that a run on its rig leaves, and what the capture shows against them.

A file that is not here is a finding, never a check less. A capture is of the time of its run; and each moment at which its bus
begins to show a danger is one at which the run has injected a fault.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from v2g_bench.evidence.capture import SAME_S, CaptureSearch, Overview
from v2g_bench.inputs.text import toml_of
from v2g_bench.reports.model.chain import EVENTS
from v2g_bench.reports.model.findings import CAPTURE, DATABASE, ROLES, Verification
from v2g_bench.reports.model.moment import moment_of
from v2g_bench.reports.model.run import Run, TestResult
from v2g_bench.reports.verify.events import RECORDED, events, results_of

WALL_S = 60.0  # a wall clock may be set by this much while a run goes on
FIRST_FRAME_S = 0.2  # from the request of a fault until the emulated BMS, or the gateway, takes it
DISTURBED = "disturbed"  # the measurement of a test whose failures were the bench's, and are set aside


def check_records(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` what is missing, and what the capture shows that the run does not account for."""
    if not run.instruments:
        return  # the rig was never opened
    missing = [name for name in _due(folder, run) if not (folder / name).is_file()]
    for name in missing:
        result.wrong("missing", name, "is not here: each run on a rig leaves one")
    if {CAPTURE, DATABASE, ROLES} & set(missing):
        return
    try:
        seen = CaptureSearch(folder / CAPTURE, folder / DATABASE, folder / ROLES).overview()
        _in_time(run, seen, result)
        if run.schema < RECORDED:
            result.impossible.append("dangers on the bus against the faults that were injected: they were not recorded")
        elif EVENTS not in missing:
            _injected(folder, run, seen, result)
    except Exception as error:  # noqa: BLE001  (a damaged file makes its readers fail in ways of their own)
        result.wrong("capture", CAPTURE, f"cannot be compared: {error}")


def _due(folder: Path, run: Run) -> Iterator[str]:
    """The names of the files that are due."""
    yield from (EVENTS, CAPTURE, DATABASE, ROLES)
    rig = toml_of(run.rig_file_text, "rig file")
    if "bms" in rig.get("bus", {}):
        yield "bms.blf"
    if run.evidence != "simulated":
        yield from ("exchanges.jsonl", "supervisor.jsonl")
    log = rig.get("dut", {}).get("log", "{folder}/v2g-main.log")
    if isinstance(log, str) and log.startswith("{folder}/"):
        yield log.removeprefix("{folder}/")
    kept = [m.evidence for test in results_of(run) for m in test.measurements if m.evidence is not None]
    yield from sorted({one.log.file for one in kept if one.log is not None} - {""})


def _in_time(run: Run, seen: Overview, result: Verification) -> None:
    """In real time the frames are stamped by the clock by which the run began and ended."""
    if run.clock != "real":
        return
    began_s, ended_s = (moment_of(text, "results.json").timestamp() for text in (run.started, run.ended))
    if not began_s - WALL_S <= seen.first_s <= seen.last_s <= ended_s + WALL_S:
        text = (
            f"its frames are of {seen.first_s:.0f} to {seen.last_s:.0f} s, the run of {began_s:.0f} to {ended_s:.0f} s"
        )
        result.wrong("capture", CAPTURE, f"{text} since 1970")


def _injected(folder: Path, run: Run, seen: Overview, result: Verification) -> None:
    blocks = [(record["test"], fault) for record in events(folder, "faults") for fault in record["faults"]]
    blocks.sort(key=lambda block: float(block[1]["asked_s"]))
    asked = [float(fault["asked_s"]) for _, fault in blocks]
    ends = [float(fault["cleared_s"]) + FIRST_FRAME_S for _, fault in blocks]
    for role, at_s in seen.dangers:
        if not any(at_s <= end for end in ends[: bisect_right(asked, at_s + SAME_S)]):
            result.wrong(
                "capture", CAPTURE, f"shows a dangerous {role} at {at_s:.6f} s, and the run injected none then"
            )
    tests = results_of(run)
    for nodeid in sorted({nodeid for nodeid, _ in blocks} - {test.nodeid for test in tests}):
        result.wrong("capture", EVENTS, f"has faults of {nodeid}, which results.json lacks")
    for test in tests:
        _trials(test, [fault for nodeid, fault in blocks if nodeid == test.nodeid], result)
    result.done.append(
        f"{len(seen.dangers)} dangers on the bus against {len(blocks)} injected faults, these against trials"
    )


def _trials(test: TestResult, faults: list[dict[str, Any]], result: Verification) -> None:
    """Each t0 is that of a fault; of a fault that is any trial's, every other of its kind in the test is one's as well.

    Not one in whose time another of its kind begins: it prepares that one, as a cell that is nearly hot does.
    """
    if any(m.name == DISTURBED for m in test.measurements):
        return
    t0s = [
        trial.t0_s + trial.evidence.wall_minus_bench_s
        for m in test.measurements
        for trial in m.trials
        if trial.t0_s is not None and trial.evidence is not None and trial.evidence.wall_minus_bench_s is not None
    ]
    kinds, of_trials = Counter[str](), Counter[str]()
    for fault in (one for one in faults if not any(_within(other, one) for other in faults)):
        kind, on_bus_s = " and ".join(fault["faults"]), fault["on_bus_s"]
        kinds[kind] += 1
        near = [t0_s for t0_s in t0s if abs(t0_s - (math.inf if on_bus_s is None else on_bus_s)) <= SAME_S]
        if near:
            of_trials[kind] += 1
            t0s.remove(near[0])
    for kind, count in of_trials.items():
        if kinds[kind] > count and not test.aside and not test.cells:
            result.wrong(
                "capture", test.nodeid, f"injected {kind} {kinds[kind]} times, and has trials of {count} of them"
            )
    for t0_s in t0s if faults else ():
        result.wrong("capture", test.nodeid, f"has a trial with t0 = {t0_s:.6f} s, when no fault was injected")


def _within(one: dict[str, Any], other: dict[str, Any]) -> bool:
    same = one is not other and one["faults"] == other["faults"]
    return bool(same and other["asked_s"] < one["asked_s"] and one["cleared_s"] <= other["cleared_s"])
