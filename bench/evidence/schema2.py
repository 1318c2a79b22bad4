"""Reads the evidence that runs of schema 2 kept: JSON text beside a measurement, and marks in a latency's waveform file.

Those runs are verified by the same functions as any other; `v2g-bench` writes no such evidence any more.

Marks in a waveform's file: t0_s, fraction, ripple_hz (NaN: unknown), components (JSON), wall_minus_bench_s, and t0_shown
(JSON): {"asked_s", "before": {role: value}, and the fields of `faults.Expectation`}, or {"silence": true}, or "".
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import Evidence, Fall, Kind, LogSearch, Shown, Signal
from v2g_bench.metrology.component import Component

NEEDED = ("t0_s", "fraction", "ripple_hz", "components")
HINT = "was it written by another version of the bench?"


def evidence_of(basis: str) -> Evidence | None:
    """The evidence of a measurement's `basis`; None for "". ValueError, KeyError or TypeError for what is none."""
    return _evidence(json.loads(basis)) if basis else None


def evidence_of_marks(marks: Mapping[str, Any], where: str) -> Evidence:
    """The evidence of a latency, from the marks in its waveform's file; BenchError where they lack something."""
    if lacking := [key for key in NEEDED if key not in marks]:
        raise BenchError(where, f"lacks {', '.join(lacking)}", HINT)
    try:
        return _of_marks(marks)
    except BenchError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise BenchError(where, f"holds marks of another form: {error}", HINT) from error


def _of_marks(marks: Mapping[str, Any]) -> Evidence:
    shown = json.loads(str(marks.get("t0_shown", "")) or "{}")
    ripple_hz = float(marks["ripple_hz"])
    return Evidence(
        kind=Kind.LATENCY,
        fall=Fall(
            t0_s=float(marks["t0_s"]),
            fraction=float(marks["fraction"]),
            ripple_hz=None if math.isnan(ripple_hz) else ripple_hz,
            shown=Shown(**shown) if shown.get("silence") or "role" in shown else None,
        ),
        components=_components(json.loads(str(marks["components"]))),
        wall_minus_bench_s=float(marks["wall_minus_bench_s"]) if "wall_minus_bench_s" in marks else None,
    )


def _evidence(basis: Mapping[str, Any], name: str = "") -> Evidence:
    kind = basis.get("kind")
    values: Mapping[str, Any] = basis["values"] if kind == Kind.WITNESSES else {}
    pair = [basis["value"], basis["reference"]] if kind == Kind.SHARE else []
    return Evidence(
        kind=str(kind),
        name=name,
        value=float(basis["value"]) if kind == Kind.STATED else None,
        samples=[float(sample) for sample in basis.get("samples", [])],
        since_s=float(basis["since_s"]) if "since_s" in basis else None,
        components=_components(basis.get("parts", [])),
        of=[_evidence(one) for one in pair] + [_evidence(one, source) for source, one in values.items()],
        log=LogSearch(pattern=basis["pattern"], file=basis["file"], searched=list(basis["searched"]))
        if kind == Kind.LOG
        else None,
        signals=[Signal(role=role, value=value, at_s=at_s) for role, value, at_s in basis.get("signals", [])],
        wall_minus_bench_s=basis.get("wall_minus_bench_s"),
    )


def _components(parts: Sequence[Mapping[str, Any]]) -> list[Component]:
    return [Component(**{**part, "dof": float(part["dof"])}) for part in parts]
