"""Where a run comes from: commit, host, seed, controller and instruments, against every other place where they stand.

The seed is the one from which each trial's phase follows: it cannot be changed, nor a trial be dropped and the others
renumbered, without the phases. The controller's log names the version that ran; the instruments' own answers name them.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.metrology.trials import draw_key, phase_of_trial
from v2g_bench.reports.model.chain import EVENTS
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run, TestResult
from v2g_bench.reports.model.verdicts import PASS
from v2g_bench.reports.verify.events import RECORDED, events, results_of

OF_TRIALS = "time to isolation"  # the measurement whose trials have the test's own phases
SOURCE = "source tree"  # of the host's facts: looked at again when the run ends
EXCHANGES = "exchanges.jsonl"
_SERIAL = re.compile(r"serial ([^,\s]+)")


def check_provenance(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` what is stated otherwise elsewhere."""
    if run.schema < RECORDED:
        what = "commit, host, controller and instruments against the events, the seed against the trials' phases"
        result.impossible.append(f"{what}: this version did not record them")
        return
    try:
        _events(folder, run, result)
    except (BenchError, AttributeError, TypeError) as error:
        result.wrong("origin", EVENTS, str(error))
    _phases(run, result)
    _log(folder, run, result)
    _answers(folder, run, result)
    result.done.append(f"commit, seed, host, controller and instruments against {EVENTS}, log and exchanges")


def _events(folder: Path, run: Run, result: Verification) -> None:
    began, bench = next(events(folder, "run started"), {}), next(events(folder, "bench"), {})
    stated: dict[str, Any] = {"rig": run.rig, "seed": run.seed}
    pairs = [(key, value, began.get(key)) for key, value in stated.items()]
    own = {"bench_version": run.bench_version, "commit": run.commit, "lock_sha256": run.lock_sha256}
    pairs += [(key, value, bench.get(key)) for key, value in own.items()]
    pairs += [(key, run.host.get(key), value) for key, value in bench.get("host", {}).items() if key != SOURCE]
    if bench.get("dirty") is not False and not run.dirty:  # a tree that was changed later makes it worse, never better
        pairs.append(("dirty", run.dirty, bench.get("dirty")))
    described = next(events(folder, "rig described"), None)
    if described is not None or run.instruments:
        described = described or {}
        instruments = [dataclasses.asdict(one) for one in run.instruments]
        pairs += [
            ("controller", dataclasses.asdict(run.controller), described.get("controller")),
            ("instruments", instruments, described.get("instruments")),
        ]
    for key, value, there in pairs:
        if value != there:
            result.wrong("origin", EVENTS, f"{key} is {_short(there)}, by results.json {_short(value)}")
    voids = {
        (test.nodeid, trial.index, trial.attempt, trial.void_reason)
        for test in results_of(run)
        for m in test.measurements
        for trial in m.trials
    }
    tests = {test.nodeid for test in results_of(run)} - {
        test.nodeid for test in results_of(run) if test.cells or test.aside
    }
    for event in events(folder, "trial"):
        known = event.get("test"), event.get("index"), event.get("attempt"), event.get("void")
        if known[0] in tests and known not in voids:
            void = f"void: {known[3]}" if known[3] else "valid"
            result.wrong(
                "origin", EVENTS, f"has trial {known[1]}.{known[2]} of {known[0]}, {void}; results.json has none"
            )
    for kind, texts in (("mark", run.marks), ("deviation", run.deviations)):
        for text in (one.get("text") for one in events(folder, kind)):
            if text not in texts:
                result.wrong("origin", EVENTS, f"has a {kind} that results.json lacks: {_short(text)}")


def _phases(run: Run, result: Verification) -> None:
    for test in results_of(run):
        for m in test.measurements:
            if m.name == OF_TRIALS:
                _phases_of(run.seed, test, {(t.index, t.attempt): t.phase_s for t in m.trials}, result)


def _phases_of(seed: int, test: TestResult, phases: dict[tuple[int, int], float | None], result: Verification) -> None:
    """phases: of each (index, attempt)."""
    if all(phase is None for phase in phases.values()):
        return
    for (index, attempt), phase in phases.items():
        due = phase_of_trial(draw_key(seed, test.nodeid), index, attempt)
        if phase is None or abs(phase - due) > 1e-12:
            text = f"has a phase of {phase} s; by seed {seed} it is {due} s"
            result.wrong("origin", f"{test.nodeid} trial {index}.{attempt}", text)
    drawn = {(draw.index, draw.attempt) for draw in test.drawn}
    missing = drawn - phases.keys() if test.verdict == PASS else set()
    for index, attempt in sorted(missing | (phases.keys() - drawn if drawn else set())):
        result.wrong("origin", f"{test.nodeid} trial {index}.{attempt}", "was drawn or judged, and not both")


def _log(folder: Path, run: Run, result: Verification) -> None:
    """Each version that the controller's log gives itself."""
    name, version = run.controller.name, run.controller.version
    if not name or not re.match(r"\d+\.\d", version):
        return
    for path in sorted(folder.glob("*.log")):
        named = set(re.findall(rf"{re.escape(name)} v?(\d+\.\d[\w.+-]*)", path.read_text("utf-8", "replace")))
        for other in sorted(named - {version}):
            result.wrong("origin", path.name, f"names {name} {other}, results.json {version}")


def _answers(folder: Path, run: Run, result: Verification) -> None:
    """The serial number of each instrument that is real, in what it answered."""
    real = [one for one in run.instruments if not one.emulated and one.part.startswith("meters.")]
    path = folder / EXCHANGES
    said = path.read_text("utf-8", "replace") if real and path.is_file() else ""
    for one in real:
        serial = _SERIAL.search(one.identity)
        if serial is None or serial[1] not in said:
            result.wrong("origin", one.part, f"is stated as {one.identity!r}, and nothing in {EXCHANGES} answers so")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 200 else f"{text[:200]}…"
