"""Recomputes a value from its evidence record, with the estimators and budgets of the run.

>>> from v2g_bench.evidence.record import mean_of
>>> from v2g_bench.metrology.component import Component
>>> recomputed(mean_of([2990.0, 3000.0, 3010.0], [Component("accuracy", "normal", 6.0)])).value
3000.0
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.evidence.reading import Latency, Reading
from v2g_bench.evidence.record import FROM_WAVEFORM, Evidence, Fall, Kind
from v2g_bench.evidence.shutdown import load, quantity
from v2g_bench.metrology.agree import agree
from v2g_bench.metrology.budget import Budget
from v2g_bench.metrology.component import Component, Term
from v2g_bench.metrology.crossing import (
    Crossing,
    NoCrossing,
    NoCurrent,
    RecordTooShort,
    Undecided,
    Unsettled,
    isolation,
)
from v2g_bench.metrology.extremes import LeastShare, least_mean, least_share, turned
from v2g_bench.metrology.latency import of_crossing
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.metrology.waveform import Waveform

MS = 1000.0
ISOLATION = "time to isolation"


def recomputed(evidence: Evidence, record: Waveform | None = None) -> Reading:
    """The value and its budget from this evidence; its quantity and unit are the reader's to know ("").

    record: the waveform, where the kind needs one. BenchError where it lacks, or the kind is not that of one value.
    """
    kind = evidence.kind
    if kind in FROM_WAVEFORM:
        if record is None:
            raise BenchError("evidence", f"a {kind} is of a waveform, and there is none")
        if kind == Kind.LOAD:
            return load(evidence, record)
        return recomputed_latency(evidence, record) if kind == Kind.LATENCY else _extreme(evidence, record)
    if kind == Kind.SEQUENCE:
        return quantity(evidence)
    if kind == Kind.SHARE:
        value, reference = (recomputed(one) for one in evidence.of)
        return value.share_of(reference)
    if kind == Kind.MEAN:
        return _reading(float(np.mean(evidence.samples)), [_spread(part, evidence) for part in evidence.components])
    if kind == Kind.STATED and evidence.value is not None:
        return _reading(evidence.value, evidence.components)
    raise BenchError("evidence", f"is of an unknown kind: {kind!r}", "was it written by another version of the bench?")


def latency_of(
    fall: Fall, record: Waveform, components: Callable[[Crossing], Sequence[Component]], source: str = ""
) -> Latency:
    """The latency that a waveform (A) shows, with its evidence. components: of the budget in ms, for the crossing found."""
    try:
        crossing = isolation(record, fall.t0_s, fall.fraction, fall.ripple_hz)
    except RecordTooShort as error:
        return _no_latency(fall, record, source, str(error), lost=True)
    except (NoCurrent, Unsettled, Undecided) as error:
        return _no_latency(fall, record, source, str(error))
    except NoCrossing as error:  # it never went, or it came back
        return _no_latency(fall, record, source, str(error), failed=str(error))
    parts = list(components(crossing))
    return Latency(
        ISOLATION,
        MS * (crossing.time_s - fall.t0_s),
        "ms",
        Budget(ISOLATION, "ms", parts) if parts else None,
        evidence=Evidence(kind=Kind.LATENCY, fall=fall, components=parts),
        record=record,
        t0_s=fall.t0_s,
        t1_s=crossing.time_s,
        t0_source=source,
        before_a=crossing.before,
        threshold_a=crossing.level,
    )


def recomputed_latency(evidence: Evidence, record: Waveform) -> Latency:
    """`latency_of` with the components that were kept; BenchError where the evidence is not a latency's."""
    if evidence.kind != Kind.LATENCY or evidence.fall is None:
        raise BenchError("evidence", f"is no latency's, but of the kind {evidence.kind!r}")
    return latency_of(evidence.fall, record, lambda crossing: [of_crossing(p, crossing) for p in evidence.components])


def agreement(witnesses: Evidence) -> Verdict:
    """Whether the witnesses agree, each recomputed from its own evidence."""
    found = {one.name: recomputed(one) for one in witnesses.of}
    known = {
        name: (one.value, one.uncertainty)
        for name, one in found.items()
        if one.value is not None and one.uncertainty is not None
    }
    agreed = len(known) == len(witnesses.of) and agree(known)[0]
    return Verdict.PASS if agreed else Verdict.INCONCLUSIVE


def _no_latency(
    fall: Fall, record: Waveform, source: str, why: str, failed: str = "", *, lost: bool = False
) -> Latency:
    evidence = Evidence(kind=Kind.LATENCY, fall=fall)
    missed = Latency(ISOLATION, None, "ms", None, why, evidence, record, failed, lost=lost)
    return replace(missed, t0_s=fall.t0_s, t0_source=source)


def _extreme(evidence: Evidence, record: Waveform) -> Reading:
    """The least share, or the largest discharge or charge."""
    parts = evidence.components
    if evidence.kind in (Kind.DISCHARGE, Kind.CHARGE):
        worst = least_mean(record if evidence.kind == Kind.DISCHARGE else turned(record))
        return _reading(-worst.value, [replace(p, u=worst.u) if p.name == Term.NOISE else p for p in parts])
    if evidence.since_s is None:
        raise BenchError("evidence", "does not say from when on the least share was looked for")
    found = least_share(record, evidence.since_s)
    if found is None:
        return Reading("", None, "", None, "no current flowed before the fault")
    return _reading(found.share_pct, [of_share(part, found) for part in parts])


def of_share(part: Component, found: LeastShare) -> Component:
    """A component of a least share's budget (%) with what the waveform itself gives of it."""
    if part.name == Term.ZERO:  # it moves the current before the fault as well
        return replace(part, sensitivity=found.per_ampere_pct * abs(1 - found.share_pct / 100.0))
    return replace(part, u=found.u_a, sensitivity=found.per_ampere_pct) if part.name == Term.NOISE else part


def _spread(part: Component, evidence: Evidence) -> Component:
    if part.name != Term.REPEATABILITY:
        return part
    return Component.of_samples(part.name, evidence.samples, part.sensitivity)


def _reading(value: float, parts: Sequence[Component]) -> Reading:
    return Reading("", value if math.isfinite(value) else None, "", Budget("value", "", parts) if parts else None)
