"""Recomputes every judged verdict that is no latency: from raw data where the run kept them, else from its own figures.

What a measurement was computed from stands in its evidence, or that of its trial (`v2g_bench.evidence.record`). How each
verdict was recomputed is recorded (`Verification.verdicts`), because the ways differ in strength:

| how                 | what was done                                                                           |
| ------------------- | --------------------------------------------------------------------------------------- |
| waveform            | value, U and verdict from the samples                                                   |
| raw readings        | value, U and verdict from each reading of the instruments                               |
| log                 | the controller's log, kept in the run folder, searched again in the same place          |
| stored figures      | the verdict from the value, U and limits that results.json states                       |
| nothing to go by    | INCONCLUSIVE or ERROR without a value: it can only be repeated                          |
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from v2g_bench.errors import BenchError
from v2g_bench.evidence.capture import SAME_S, CaptureSearch
from v2g_bench.evidence.compute import agreement, recomputed
from v2g_bench.evidence.reading import Reading
from v2g_bench.evidence.record import FROM_WAVEFORM, ORDERED, Evidence, Kind, Sequence, Signal
from v2g_bench.evidence.schema2 import evidence_of
from v2g_bench.metrology.budget import Uncertainty
from v2g_bench.metrology.decision import DecisionRule, Limits, RuleKind, p_conform
from v2g_bench.reports.model.findings import CAPTURE, DATABASE, ROLES, Verification
from v2g_bench.reports.model.run import Measurement, Run
from v2g_bench.reports.model.verdicts import ERROR, FAIL, PASS
from v2g_bench.reports.verify.waveform_file import WaveformFile, inside

WAVEFORM, READINGS, LOG, FIGURES, NOTHING = "waveform", "raw readings", "log", "stored figures", "nothing to go by"
SAME_SHARE_OF_U = 0.01  # samples are kept as float32, and floats are summed in another order on another processor
SAME_P = 2e-3
POLL_S = 0.1  # a log is looked at again and again: a line is seen this much late at the most

A = TypeVar("A")
T = TypeVar("T")
Asked = list[tuple[str, A, float]]  # of what, what, and the offset of the capture's clock (s)


def rejudge(folder: Path, run: Run, rule: RuleKind, timed: set[int], result: Verification) -> None:
    """Add to `result` what does not fit by this rule. timed: `id` of the measurements that `recheck` recomputes itself."""
    asked: Asked[Signal] = []
    sequences: Asked[Sequence] = []
    for requirement in run.requirements:
        for test in requirement.tests:
            for m in test.measurements:
                if id(m) in timed:
                    continue
                where = f"{test.nodeid} {m.name}"
                try:
                    evidence = _evidence(m)
                    how = _one(folder, m, evidence, rule, where, result)
                    asked += [(where, signal, _offset_s(evidence)) for signal in evidence.signals]
                    if evidence.sequence is not None:
                        sequences.append((where, evidence.sequence, _offset_s(evidence)))
                except Exception as error:  # noqa: BLE001  (damaged evidence makes its readers fail in ways of their own)
                    result.wrong("verdict", where, f"cannot be recomputed: {error}")
                    continue
                result.verdicts.append((where, how))
    _signals(folder, asked, result)
    _sequences(folder, sequences, result)


def _evidence(m: Measurement) -> Evidence:
    """That of the measurement or, where it is of a waveform, of its trial; by its kind "" where there is none."""
    if found := m.evidence or evidence_of(m.basis):
        return found
    return next((trial.evidence for trial in m.trials if trial.evidence is not None), Evidence(kind=""))


def _offset_s(evidence: Evidence) -> float:
    if evidence.wall_minus_bench_s is None:
        raise BenchError("evidence", "holds signals, and not the offset of the capture's clock")
    return evidence.wall_minus_bench_s


def _one(folder: Path, m: Measurement, evidence: Evidence, rule: RuleKind, where: str, result: Verification) -> str:
    """Recompute one measurement; how that was done."""
    if evidence.kind == Kind.LOG:
        return _log(folder, m, evidence, rule, where, result)
    if evidence.kind == Kind.WITNESSES:
        _same(m, str(agreement(evidence)), where, result)
        return READINGS
    if evidence.kind in ("", Kind.OBSERVED):
        return _figures(m, rule, where, result)
    record = None
    if evidence.kind in FROM_WAVEFORM:
        (trial,) = m.trials
        record = WaveformFile.load(folder, trial.waveform).waveform() if trial.waveform else None
    found = recomputed(evidence, record)
    limits = Limits(m.limit_low, m.limit_high, m.unit)
    _value(m, found, limits, where, result)
    _same(m, str(found.judged(DecisionRule(rule), limits).verdict), where, result)
    return WAVEFORM if record is not None else READINGS


def _value(m: Measurement, found: Reading, limits: Limits, where: str, result: Verification) -> None:
    """Value, U and probability of conformity against those recomputed."""
    if (m.value is None) != (found.value is None):
        result.wrong("verdict", where, f"results.json says {m.value} {m.unit}, recomputed: {found.value} {found.why}")
        return
    uncertainty = found.uncertainty
    if m.value is None or found.value is None or uncertainty is None:
        return
    room = SAME_SHARE_OF_U * uncertainty.expanded
    for name, stated, now in (("value", m.value, found.value), ("U", m.expanded or 0.0, uncertainty.expanded)):
        if not abs(stated - now) <= room:
            result.wrong(
                "verdict", where, f"{name}: results.json says {stated:.6g} {m.unit}, recomputed {now:.6g} {m.unit}"
            )
    p = p_conform(found.value, uncertainty, limits)
    if m.p_conform is not None and abs(m.p_conform - p) > SAME_P:
        result.wrong(
            "verdict", where, f"probability of conformity: results.json says {m.p_conform:.4f}, recomputed {p:.4f}"
        )


def _figures(m: Measurement, rule: RuleKind, where: str, result: Verification) -> str:
    """From what results.json states: by the rule where there is a U, else the plain comparison with the limits."""
    if m.value is None or (m.limit_high is None and m.limit_low is None):
        if m.verdict == PASS:
            result.wrong("verdict", where, "results.json says PASS without a value or without a limit")
        return NOTHING
    limits = Limits(m.limit_low, m.limit_high, m.unit)
    if m.expanded is not None and m.k:
        uncertainty = Uncertainty(m.expanded / m.k, math.inf, m.k, m.expanded)
        now = str(DecisionRule(rule).decide(m.value, uncertainty, limits).verdict)
    else:
        now = PASS if m.value in limits else FAIL
    _same(m, now, where, result)
    return FIGURES


def _log(folder: Path, m: Measurement, evidence: Evidence, rule: RuleKind, where: str, result: Verification) -> str:
    """Whether the part of the log that the run searched holds the line."""
    search = evidence.log
    if search is None:
        raise BenchError("evidence", "does not say what the log was searched for")
    if not search.file:
        return _figures(m, rule, where, result)
    path, (first, last) = inside(folder, search.file), search.searched
    with path.open("rb") as file:
        file.seek(first)
        searched = file.read(last - first)
    if len(searched) != last - first:
        raise BenchError(str(path), f"ends before byte {last}", "was it rotated during the run?")
    there = re.search(search.pattern, searched.decode("utf-8", "replace")) is not None
    _same(m, PASS if there else FAIL, where, result)
    if there and (m.value is None or m.limit_high is None or m.value > m.limit_high + POLL_S):
        result.wrong("verdict", where, f"the line came after {m.value} s, the limit is {m.limit_high} s")
    return LOG


def _same(m: Measurement, now: str, where: str, result: Verification) -> None:
    if m.verdict != now and m.verdict != ERROR:
        result.wrong("verdict", where, f"results.json says {m.verdict}, recomputed: {now}")


def _looked_for(
    folder: Path,
    what: str,
    asked: Asked[A],
    look: Callable[[CaptureSearch, list[tuple[A, float]]], T],
    result: Verification,
) -> T | None:
    """What the run's capture answers to each that was asked; None where nothing was, or where it cannot be read."""
    if not asked:
        return None
    if not all((folder / name).is_file() for name in (CAPTURE, DATABASE, ROLES)):
        result.notes.append(f"{len(asked)} {what} were not looked for: the folder has no capture or database")
        return None
    try:
        capture = CaptureSearch(folder / CAPTURE, folder / DATABASE, folder / ROLES)
        return look(capture, [(one, offset_s) for _, one, offset_s in asked])
    except Exception as error:  # noqa: BLE001  (as above)
        result.wrong("verdict", CAPTURE, f"cannot be read: {error}")
        return None


def _signals(folder: Path, asked: Asked[Signal], result: Verification) -> None:
    """Each signal that a verdict rests on, against the last frame in the capture that carried it."""
    asked = list({(where, one.role, one.value, one.at_s): (where, one, at) for where, one, at in asked}.values())
    found = _looked_for(folder, "signals", asked, CaptureSearch.values, result)
    if found is None:
        return
    for (where, signal, _), values in zip(asked, found, strict=True):
        if not any(abs(signal.value - one) <= 1e-9 * max(1.0, abs(signal.value)) for one in values):
            there = f"{values[-1]:g}" if values else "nothing"
            result.wrong(
                "verdict",
                where,
                f"{signal.role} was taken as {signal.value:g} at {signal.at_s:.3f} s, the capture says {there}",
            )
    result.done.append(f"{len(asked)} signals that verdicts rest on found in the capture")


def _sequences(folder: Path, asked: Asked[Sequence], result: Verification) -> None:
    """What each shutdown states of the bus, against the capture: the same values in the same order, at the same times.

    The first value of a role is the one that it had already: when it began is not known.
    """
    found = _looked_for(folder, "shutdowns", asked, CaptureSearch.changes, result)
    if found is None:
        return
    for (where, sequence, _), there in zip(asked, found, strict=True):
        for role in {one.role for one in sequence.changes} - {ORDERED}:
            stated = [one for one in sequence.changes if one.role == role]
            seen = [one for one in there if one.role == role]
            values = [one.value for one in stated] == [one.value for one in seen]
            if not values or any(abs(a.at_s - b.at_s) > SAME_S for a, b in zip(stated[1:], seen[1:], strict=True)):
                listed = ", ".join(f"{one.value:g} at {one.at_s:.4f} s" for one in seen) or "nothing"
                result.wrong("verdict", where, f"{role} is not what results.json says; the capture says {listed}")
    result.done.append(f"{len(asked)} shutdowns compared with the capture")
