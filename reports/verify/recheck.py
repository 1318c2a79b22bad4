"""Recomputes every verdict of a run: latencies here, from their waveforms, with every t0 looked for in the capture; all
others in `rejudge`.

The only part of the reports that uses the bench's own mathematics (`audit`): a report is read without the bench, and
verified with it.
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any, cast, get_args

from v2g_bench.errors import BenchError
from v2g_bench.evidence.basis import Again
from v2g_bench.evidence.latency import MS, SAME_S, T0Again, latency_again, marks_of
from v2g_bench.metrology.decision import RuleKind
from v2g_bench.reports.model.findings import CAPTURE, DATABASE, ROLES, Verification
from v2g_bench.reports.model.run import Measurement, Run, Trial
from v2g_bench.reports.model.verdicts import ERROR, FAIL, INCONCLUSIVE, PASS, worst
from v2g_bench.reports.verify.rejudge import SAME_SHARE_OF_U, WAVEFORM, rejudge


def recheck(folder: Path, run: Run, result: Verification) -> None:
    """Add what does not fit to `result`."""
    rule, fraction = run.thresholds.get("judging.rule", ""), run.thresholds.get("judging.isolation_fraction", "")
    timed = [
        (test.nodeid, m) for r in run.requirements for test in r.tests for m in test.measurements if _is_latency(m)
    ]
    if rule not in get_args(RuleKind) or not _is_number(fraction):
        result.wrong("verdict", "results.json", "does not say by which rule and threshold it was judged")
        return
    rejudge(folder, run, {id(m) for _, m in timed}, result)
    if timed:
        _latencies(folder, timed, cast(RuleKind, rule), float(fraction), result)
    told = Counter(how for _, how in result.verdicts)
    result.done.append(
        "verdicts recomputed: " + (", ".join(f"{told[how]} from {how}" for how in sorted(told)) or "none")
    )
    tests = sum(len(r.tests) for r in run.requirements)
    result.done.append(
        f"verdicts of {tests} tests, {len(run.requirements)} requirements and the run follow from these: the worst wins"
    )


def _latencies(
    folder: Path, timed: list[tuple[str, Measurement]], rule: RuleKind, fraction: float, result: Verification
) -> None:
    done, kept = 0, []
    for nodeid, measurement in timed:
        again: list[tuple[Trial, Again]] = []
        limit_ms = measurement.limit_high
        for trial in measurement.trials:
            where = f"{nodeid} trial {trial.index} ({trial.waveform})"
            try:
                marks = _marks(folder, trial)
                found = latency_again(marks)
            except Exception as error:  # noqa: BLE001  (a damaged file makes its readers fail in ways of their own)
                result.wrong("verdict", where, f"cannot be recomputed: {error}")
                continue
            if not math.isclose(float(marks["fraction"]), fraction):
                result.wrong(
                    "verdict", where, f"was judged at {float(marks['fraction']):g}, the rig states {fraction:g}"
                )
            drawn_ms = MS * (float(marks["limit_s"]) - float(marks["t0_s"]))
            limit_ms = drawn_ms if limit_ms is None else limit_ms  # a measurement without a value states no limit
            if abs(limit_ms - drawn_ms) > 1e-3:
                result.wrong(
                    "verdict", where, f"was recorded against {drawn_ms:g} ms and judged against {limit_ms:g} ms"
                )
            _compare(trial, marks, found, where, result)
            again.append((trial, found))
            kept.append((where, trial, marks))
            done += 1
        _judge(nodeid, measurement, again, rule, limit_ms, result)
        result.verdicts.append((f"{nodeid} {measurement.name}", WAVEFORM))
    result.done.append(f"{done} latencies recomputed from their waveforms, by the {rule} rule")
    _t0(folder, kept, result)


def _is_latency(m: Measurement) -> bool:
    return m.unit == "ms" and any(trial.waveform and trial.t0_s is not None for trial in m.trials)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _marks(folder: Path, trial: Trial) -> dict[str, Any]:
    path = Path(trial.waveform or "")
    if not trial.waveform or path.is_absolute() or ".." in path.parts:
        raise BenchError(str(trial.waveform), "a waveform must lie inside the run folder")
    return marks_of(folder / path)


def _compare(trial: Trial, marks: dict[str, Any], found: Again, where: str, result: Verification) -> None:
    """One trial's own numbers."""
    if trial.t0_s != float(marks["t0_s"]):
        result.wrong(
            "t0", where, f"results.json says t0 = {trial.t0_s} s, the waveform's file {float(marks['t0_s'])} s"
        )
    if (trial.value is None) != (found.value is None):
        result.wrong(
            "verdict", where, f"results.json says {trial.value} ms, recomputed: {found.value} ms {found.failed}"
        )
        return
    if trial.value is None or found.value is None:
        return
    room = SAME_SHARE_OF_U * (found.uncertainty.expanded if found.uncertainty else 0.0)
    pairs = [("value", trial.value, found.value)]
    if found.uncertainty is not None:
        pairs.append(("U", trial.expanded or 0.0, found.uncertainty.expanded))
    if trial.t1_s is not None and found.t1_s is not None:
        pairs.append(("t1", MS * (trial.t1_s - float(marks["t0_s"])), MS * (found.t1_s - float(marks["t0_s"]))))
    for name, said, now in pairs:
        if not abs(said - now) <= room:
            result.wrong("verdict", where, f"{name}: results.json says {said:.6g} ms, recomputed {now:.6g} ms")


def _judge(
    nodeid: str,
    m: Measurement,
    again: list[tuple[Trial, Again]],
    rule: Any,
    limit_ms: float | None,
    result: Verification,
) -> None:
    """The measurement's verdict is the worst of its judged trials; INCONCLUSIVE or ERROR may have other reasons too."""
    judged = [found for trial, found in again if not trial.void]
    if not judged or limit_ms is None:
        fits = m.verdict in (INCONCLUSIVE, ERROR)
        now = INCONCLUSIVE
    else:
        now = worst(FAIL if found.failed else str(found.verdict(rule, limit_ms)) for found in judged)
        fits = m.verdict == now or (m.verdict in (INCONCLUSIVE, ERROR) and now == PASS)
    if not fits:
        result.wrong("verdict", f"{nodeid} {m.name}", f"results.json says {m.verdict}, recomputed: {now}")


def _t0(folder: Path, kept: list[tuple[str, Trial, dict[str, Any]]], result: Verification) -> None:
    """Each t0 against the first frame in the capture that carries what the fault had to show."""
    missing = [name for name in (CAPTURE, DATABASE, ROLES) if not (folder / name).is_file()]
    if missing:
        result.notes.append(f"t0 was not looked for: the folder has no {', '.join(missing)}")
        return
    try:
        found = T0Again(folder / CAPTURE, folder / DATABASE, folder / ROLES).t0_s([marks for _, _, marks in kept])
    except Exception as error:  # noqa: BLE001  (as above)
        result.wrong("t0", CAPTURE, f"cannot be read: {error}")
        return
    said: Counter[str] = Counter()
    for (where, trial, _), t0_s in zip(kept, found, strict=True):
        if t0_s is None:
            result.wrong("t0", where, "no frame in the capture carries what was taken as t0")
        elif math.isnan(t0_s):
            said["not on a single frame"] += 1
        elif trial.t0_s is None or abs(trial.t0_s - t0_s) > SAME_S:
            result.wrong("t0", where, f"results.json says {trial.t0_s} s, the first such frame came at {t0_s:.6f} s")
        else:
            said["the first frame"] += 1
    result.done.append(f"{said['the first frame']} t0 found in the capture")
    if said["not on a single frame"]:
        result.notes.append(f"{said['not on a single frame']} t0 of disturbances that no single frame carries")
