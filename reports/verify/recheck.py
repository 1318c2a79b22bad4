"""Recomputes every verdict of a run: latencies here, from their waveforms, with every t0 looked for in the capture; all
others in `rejudge`.

The only part of the reports that uses the bench's own mathematics (`evidence.compute`): a report is read without the
bench, and verified with it.
"""

import math
from collections import Counter
from pathlib import Path
from typing import cast, get_args

from v2g_bench.evidence.capture import SAME_S, CaptureSearch
from v2g_bench.evidence.compute import MS, recomputed_latency
from v2g_bench.evidence.reading import Latency
from v2g_bench.evidence.record import Evidence
from v2g_bench.metrology.decision import DecisionRule, Limits, RuleKind
from v2g_bench.reports.model.findings import CAPTURE, DATABASE, ROLES, Verification
from v2g_bench.reports.model.run import Measurement, Run, Trial
from v2g_bench.reports.model.verdicts import ERROR, INCONCLUSIVE, PASS, worst
from v2g_bench.reports.verify.rejudge import SAME_SHARE_OF_U, WAVEFORM, rejudge
from v2g_bench.reports.verify.waveform_file import WaveformFile


def recheck(folder: Path, run: Run, result: Verification) -> None:
    """Add what does not fit to `result`."""
    rule, fraction = run.thresholds.get("judging.rule", ""), run.thresholds.get("judging.isolation_fraction", "")
    timed = [
        (test.nodeid, m) for r in run.requirements for test in r.tests for m in test.measurements if _is_latency(m)
    ]
    if rule not in get_args(RuleKind) or not _is_number(fraction):
        result.wrong("verdict", "results.json", "does not say by which rule and threshold it was judged")
        return
    rule = cast(RuleKind, rule)
    rejudge(folder, run, rule, {id(m) for _, m in timed}, result)
    if timed:
        _latencies(folder, timed, rule, float(fraction), result)
    kinds = Counter(how for _, how in result.verdicts)
    result.done.append(
        "verdicts recomputed: " + (", ".join(f"{kinds[how]} from {how}" for how in sorted(kinds)) or "none")
    )
    tests = sum(len(r.tests) for r in run.requirements)
    result.done.append(
        f"verdicts of {tests} tests, {len(run.requirements)} requirements and the run follow from these: the worst wins"
    )


def _latencies(
    folder: Path, timed: list[tuple[str, Measurement]], rule: RuleKind, fraction: float, result: Verification
) -> None:
    searched: list[tuple[str, Trial, Evidence]] = []
    for nodeid, measurement in timed:
        found: list[tuple[Trial, Latency]] = []
        limit_ms = measurement.limit_high
        for trial in measurement.trials:
            where = f"{nodeid} trial {trial.index} ({trial.waveform})"
            try:
                file = WaveformFile.load(folder, trial.waveform or "")
                evidence = trial.evidence or file.evidence()
                latency = recomputed_latency(evidence, file.waveform())
                drawn_ms = MS * (file.mark("limit_s") - file.mark("t0_s"))
            except Exception as error:  # noqa: BLE001  (a damaged file makes its readers fail in ways of their own)
                result.wrong("verdict", where, f"cannot be recomputed: {error}")
                continue
            used = evidence.fall.fraction if evidence.fall else math.nan
            if not math.isclose(used, fraction):
                result.wrong("verdict", where, f"was judged at {used:g}, the rig states {fraction:g}")
            limit_ms = drawn_ms if limit_ms is None else limit_ms  # a measurement without a value states no limit
            if abs(limit_ms - drawn_ms) > 1e-3:
                result.wrong(
                    "verdict", where, f"was recorded against {drawn_ms:g} ms and judged against {limit_ms:g} ms"
                )
            _compare(trial, file.mark("t0_s"), latency, where, result)
            found.append((trial, latency))
            searched.append((where, trial, evidence))
        _judge(nodeid, measurement, found, rule, limit_ms, result)
        result.verdicts.append((f"{nodeid} {measurement.name}", WAVEFORM))
    result.done.append(f"{len(searched)} latencies recomputed from their waveforms, by the {rule} rule")
    _t0(folder, searched, result)


def _is_latency(m: Measurement) -> bool:
    return m.unit == "ms" and any(trial.waveform and trial.t0_s is not None for trial in m.trials)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _compare(trial: Trial, drawn_t0_s: float, latency: Latency, where: str, result: Verification) -> None:
    """One trial's own numbers. drawn_t0_s: t0 as the waveform's file marks it."""
    if trial.t0_s != drawn_t0_s:
        result.wrong("t0", where, f"results.json says t0 = {trial.t0_s} s, the waveform's file {drawn_t0_s} s")
    if trial.t0_s != latency.t0_s:
        result.wrong("t0", where, f"results.json says t0 = {trial.t0_s} s, its evidence {latency.t0_s} s")
    if (trial.value is None) != (latency.value is None):
        result.wrong(
            "verdict", where, f"results.json says {trial.value} ms, recomputed: {latency.value} ms {latency.failed}"
        )
        return
    if trial.value is None or latency.value is None:
        return
    uncertainty = latency.uncertainty
    room = SAME_SHARE_OF_U * (uncertainty.expanded if uncertainty else 0.0)
    pairs = [("value", trial.value, latency.value)]
    if uncertainty is not None:
        pairs.append(("U", trial.expanded or 0.0, uncertainty.expanded))
    if trial.t1_s is not None and latency.t1_s is not None:
        pairs.append(("t1", MS * (trial.t1_s - drawn_t0_s), MS * (latency.t1_s - drawn_t0_s)))
    for name, stated, now in pairs:
        if not abs(stated - now) <= room:
            result.wrong("verdict", where, f"{name}: results.json says {stated:.6g} ms, recomputed {now:.6g} ms")


def _judge(
    nodeid: str,
    m: Measurement,
    found: list[tuple[Trial, Latency]],
    rule: RuleKind,
    limit_ms: float | None,
    result: Verification,
) -> None:
    """The measurement's verdict is the worst of its judged trials; INCONCLUSIVE or ERROR may have other reasons too."""
    judged = [latency for trial, latency in found if not trial.void]
    if not judged or limit_ms is None:
        fits = m.verdict in (INCONCLUSIVE, ERROR)
        now = INCONCLUSIVE
    else:
        limits = Limits(high=limit_ms, unit="ms")
        now = worst(str(latency.judged(DecisionRule(rule), limits).verdict) for latency in judged)
        fits = m.verdict == now or (m.verdict in (INCONCLUSIVE, ERROR) and now == PASS)
    if not fits:
        result.wrong("verdict", f"{nodeid} {m.name}", f"results.json says {m.verdict}, recomputed: {now}")


def _t0(folder: Path, searched: list[tuple[str, Trial, Evidence]], result: Verification) -> None:
    """Each t0 against the first frame in the capture that carries what the fault had to show."""
    missing = [name for name in (CAPTURE, DATABASE, ROLES) if not (folder / name).is_file()]
    if missing:
        result.notes.append(f"t0 was not looked for: the folder has no {', '.join(missing)}")
        return
    try:
        capture = CaptureSearch(folder / CAPTURE, folder / DATABASE, folder / ROLES)
        found = capture.t0_s([evidence for _, _, evidence in searched])
    except Exception as error:  # noqa: BLE001  (as above)
        result.wrong("t0", CAPTURE, f"cannot be read: {error}")
        return
    counted: Counter[str] = Counter()
    for (where, trial, _), t0_s in zip(searched, found, strict=True):
        if t0_s is None:
            result.wrong("t0", where, "no frame in the capture carries what was taken as t0")
        elif math.isnan(t0_s):
            counted["not on a single frame"] += 1
        elif trial.t0_s is None or abs(trial.t0_s - t0_s) > SAME_S:
            result.wrong("t0", where, f"results.json says {trial.t0_s} s, the first such frame came at {t0_s:.6f} s")
        else:
            counted["the first frame"] += 1
    result.done.append(f"{counted['the first frame']} t0 found in the capture")
    if counted["not on a single frame"]:
        result.notes.append(f"{counted['not on a single frame']} t0 of disturbances that no single frame carries")
