"""Recomputes every judged verdict that is no latency: from raw data where the run kept them, else from its own figures.

What a measurement was computed from stands in its `basis` (see `v2g_bench.evidence.basis`). How each verdict was recomputed is
recorded (`Verification.verdicts`), because the ways differ in strength:

| how                 | what was done                                                                           |
| ------------------- | --------------------------------------------------------------------------------------- |
| waveform            | value, U and verdict from the samples                                                   |
| raw readings        | value, U and verdict from each reading of the instruments                               |
| log                 | the controller's log, kept in the run folder, searched again in the same place          |
| stored figures      | the verdict from the value, U and limits that results.json states                       |
| nothing to go by    | INCONCLUSIVE or ERROR without a value: it can only be repeated                          |
"""

import json
import re
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.evidence.basis import FROM_WAVEFORM, Again, again, conformity, decided, witnesses_again
from v2g_bench.evidence.latency import T0Again, waveform_of
from v2g_bench.metrology.decision import RuleKind
from v2g_bench.reports.model.findings import CAPTURE, DATABASE, ROLES, Verification
from v2g_bench.reports.model.run import Measurement, Run
from v2g_bench.reports.model.verdicts import ERROR, FAIL, INCONCLUSIVE, PASS

WAVEFORM, READINGS, LOG, FIGURES, NOTHING = "waveform", "raw readings", "log", "stored figures", "nothing to go by"
SAME_SHARE_OF_U = 0.01  # samples are kept as float32, and floats are summed in another order on another processor
SAME_P = 2e-3
POLL_S = 0.1  # a log is looked at again and again: a line is seen this much late at the most


def rejudge(folder: Path, run: Run, timed: set[int], result: Verification) -> None:
    """Add to `result` what does not fit. timed: `id` of the measurements that `recheck` recomputes itself."""
    rule = run.thresholds.get("judging.rule", "")
    heard: list[tuple[str, str, float, float, float]] = []
    for requirement in run.requirements:
        for test in requirement.tests:
            for m in test.measurements:
                if id(m) in timed:
                    continue
                where = f"{test.nodeid} {m.name}"
                try:
                    basis = json.loads(m.basis) if m.basis else {}
                    how = _one(folder, m, basis, rule, where, result)
                    heard += [(where, *signal, basis["wall_minus_bench_s"]) for signal in basis.get("signals", [])]
                except Exception as error:  # noqa: BLE001  (a damaged basis or file makes its readers fail in ways of their own)
                    result.wrong("verdict", where, f"cannot be recomputed: {error}")
                    continue
                result.verdicts.append((where, how))
    _signals(folder, list(dict.fromkeys(heard)), result)


def _one(folder: Path, m: Measurement, basis: dict[str, Any], rule: Any, where: str, result: Verification) -> str:
    """Recompute one measurement; how that was done."""
    kind = basis.get("kind")
    if kind == "log":
        return _log(folder, m, basis, where, result)
    if kind == "witnesses":
        _same(m, str(witnesses_again(basis["values"], basis["unit"])), where, result)
        return READINGS
    if kind is None or kind == "observed":
        return _figures(m, rule, where, result)
    record = None
    if kind in FROM_WAVEFORM:
        (trial,) = m.trials
        record = trial.waveform
    found = again(basis, waveform_of(_path(folder, record)) if record else None)
    _value(m, found, where, result)
    _same(m, _decided(found, m, rule), where, result)
    return WAVEFORM if record else READINGS


def _value(m: Measurement, found: Again, where: str, result: Verification) -> None:
    """Value, U and probability of conformity against those recomputed."""
    if (m.value is None) != (found.value is None):
        result.wrong(
            "verdict", where, f"results.json says {m.value} {m.unit}, recomputed: {found.value} {found.unclear}"
        )
        return
    if m.value is None or found.value is None or found.uncertainty is None:
        return
    room = SAME_SHARE_OF_U * found.uncertainty.expanded
    for name, said, now in (("value", m.value, found.value), ("U", m.expanded or 0.0, found.uncertainty.expanded)):
        if not abs(said - now) <= room:
            result.wrong(
                "verdict", where, f"{name}: results.json says {said:.6g} {m.unit}, recomputed {now:.6g} {m.unit}"
            )
    p = conformity(found, m.limit_high, m.limit_low)
    if m.p_conform is not None and p is not None and abs(m.p_conform - p) > SAME_P:
        result.wrong(
            "verdict", where, f"probability of conformity: results.json says {m.p_conform:.4f}, recomputed {p:.4f}"
        )


def _decided(found: Again, m: Measurement, rule: RuleKind) -> str:
    return str(found.verdict(rule, m.limit_high, m.limit_low)) if found.value is not None else INCONCLUSIVE


def _figures(m: Measurement, rule: Any, where: str, result: Verification) -> str:
    """From what results.json states: by the rule where there is a U, else the plain comparison with the limits."""
    if m.value is None or (m.limit_high is None and m.limit_low is None):
        if m.verdict == PASS:
            result.wrong("verdict", where, "results.json says PASS without a value or without a limit")
        return NOTHING
    if m.expanded is not None and m.k:
        now = str(decided(m.value, m.expanded, m.k, rule, m.limit_high, m.limit_low))
    else:
        inside = (m.limit_high is None or m.value <= m.limit_high) and (m.limit_low is None or m.value >= m.limit_low)
        now = PASS if inside else FAIL
    _same(m, now, where, result)
    return FIGURES


def _log(folder: Path, m: Measurement, basis: dict[str, Any], where: str, result: Verification) -> str:
    """Whether the part of the log that the run searched holds the line."""
    if not basis["file"]:
        return _figures(m, "", where, result)
    path, (first, last) = _path(folder, basis["file"]), basis["searched"]
    with path.open("rb") as file:
        file.seek(first)
        searched = file.read(last - first)
    if len(searched) != last - first:
        raise BenchError(str(path), f"ends before byte {last}", "was it rotated during the run?")
    there = re.search(basis["pattern"], searched.decode("utf-8", "replace")) is not None
    _same(m, PASS if there else FAIL, where, result)
    if there and (m.value is None or m.limit_high is None or m.value > m.limit_high + POLL_S):
        result.wrong("verdict", where, f"the line came after {m.value} s, the limit is {m.limit_high} s")
    return LOG


def _same(m: Measurement, now: str, where: str, result: Verification) -> None:
    if m.verdict != now and m.verdict != ERROR:
        result.wrong("verdict", where, f"results.json says {m.verdict}, recomputed: {now}")


def _path(folder: Path, name: str) -> Path:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise BenchError(name, "must lie inside the run folder")
    return folder / path


def _signals(folder: Path, heard: list[tuple[str, str, float, float, float]], result: Verification) -> None:
    """Each signal that a verdict rests on, against the last frame in the capture that carried it."""
    if not heard or not all((folder / name).is_file() for name in (CAPTURE, DATABASE, ROLES)):
        if heard:
            result.notes.append(f"{len(heard)} signals were not looked for: the folder has no capture or database")
        return
    try:
        capture = T0Again(folder / CAPTURE, folder / DATABASE, folder / ROLES)
        found = capture.heard([(role, at_s, offset_s) for _, role, _, at_s, offset_s in heard])
    except Exception as error:  # noqa: BLE001  (as above)
        result.wrong("verdict", CAPTURE, f"cannot be read: {error}")
        return
    for (where, role, value, at_s, _), values in zip(heard, found, strict=True):
        if not any(abs(value - one) <= 1e-9 * max(1.0, abs(value)) for one in values):
            there = f"{values[-1]:g}" if values else "nothing"
            result.wrong("verdict", where, f"{role} was taken as {value:g} at {at_s:.3f} s, the capture says {there}")
    result.done.append(f"{len(heard)} signals that verdicts rest on found in the capture")
