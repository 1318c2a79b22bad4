"""A shutdown on one time axis: what became of the bridge, the current and the contactors, and in which order.

    t0 (the dangerous frame) -> order to stop (Modbus) -> current ends -> request to open (CAN) -> reported open (CAN)

Each quantity is a reading that is computed from a `Sequence` (and, for the load, the current's waveform) alone, in a run and
in `verify`. What had to happen and never did is a reading that has `failed`.

>>> def change(role, value, at_s): return Change(role=role, value=value, at_s=at_s)
>>> closed = [change(ORDERED, -3000.0, 9.0), change(REQUEST, 1.0, 9.0), change(STATE, 2.0, 9.0)]
>>> then = [change(ORDERED, 0.0, 10.001), change(REQUEST, 0.0, 10.021), change(STATE, 0.0, 10.04)]
>>> seen = Sequence(t0_s=10.0, until_s=15.0, fraction=0.05, orders=True, changes=closed + then)
>>> round(quantity(Evidence(kind=Kind.SEQUENCE, name=BRIDGE_FIRST, sequence=seen)).value, 3)
20.0
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.evidence.reading import Latency, Reading
from v2g_bench.evidence.record import ORDERED, Change, Evidence, Sequence
from v2g_bench.metrology.budget import Budget
from v2g_bench.metrology.component import Component, Term
from v2g_bench.metrology.waveform import Waveform

MS = 1000.0
REQUEST, STATE = "contactor_request", "contactor_state"
OPEN, PRECHARGE, CLOSED = 0, 1, 2  # role contactor_state
BRIDGE_FIRST = "from the order to stop to the request to open"
STOPPED = "bridge ordered to stop after the frame"
ASKED = "contactors asked to open after the frame"
OPENED = "contactors reported open after the frame"
CLOSINGS = "requests to close and closings afterwards"
RUN = "from reported closed to the order to run"
PRECHARGED = "precharge reported before closed"
LOAD = "current when the contactors are asked to open"
_ROLES_OF = {
    BRIDGE_FIRST: (ORDERED, REQUEST),
    STOPPED: (ORDERED,),
    ASKED: (REQUEST,),
    OPENED: (STATE,),
    CLOSINGS: (REQUEST, STATE),
    RUN: (ORDERED, STATE),
    PRECHARGED: (STATE,),
}  # without a value of these before t0, nothing that follows is known
LOAD_S = 1e-3  # over which that current is averaged: twenty periods of a bridge's ripple
MOVES = "change of the current meanwhile"


@dataclass(frozen=True)
class Shutdown:
    """The quantities of one shutdown; `sequence` has all moments. load in A, closings a number, the others in ms."""

    sequence: Sequence
    isolation: Latency
    bridge_first: Reading
    stopped: Reading
    asked: Reading
    load: Reading
    opened: Reading
    closings: Reading


@dataclass(frozen=True)
class Closing:
    """How the contactors closed for a power. run: in ms; precharge: how often it was reported."""

    sequence: Sequence
    run: Reading
    precharge: Reading


@dataclass(frozen=True)
class Moments:
    """When what happened (bench clock, s); None: not until the end of the sequence."""

    stopped_s: float | None
    asked_s: float | None
    opened_s: float | None
    closings: list[Change]


def moments(seen: Sequence) -> Moments:
    """The first of each after t0."""
    before_w = _before(seen, ORDERED)
    stop_w = seen.fraction * abs(before_w) if before_w else 0.0
    asked_s = _first(seen, REQUEST, seen.t0_s, lambda value: value < 0.5)
    since_s = seen.t0_s if asked_s is None else asked_s
    opened_s = _first(seen, STATE, seen.t0_s, lambda value: round(value) == OPEN)
    return Moments(
        stopped_s=_first(seen, ORDERED, seen.t0_s, lambda value: abs(value) <= stop_w),
        asked_s=asked_s,
        opened_s=opened_s,
        closings=[one for one in seen.changes if _closes(one, since_s, opened_s)],
    )


def quantity(evidence: Evidence) -> Reading:
    """The quantity that the evidence names, with its budget; BenchError for one that a sequence does not have."""
    seen = _sequence(evidence)
    if lacking := [role for role in _ROLES_OF.get(evidence.name, ()) if _before(seen, role) is None]:
        return Reading(evidence.name, None, "", None, f"{' and '.join(lacking)} not seen before", evidence)
    found = moments(seen)
    watched = f"within {seen.until_s - seen.t0_s:.1f} s"
    never_asked = f"the contactors were not asked to open {watched}"
    if evidence.name in (BRIDGE_FIRST, STOPPED):
        if found.stopped_s is None:
            return _failed(evidence, f"the bridge was not ordered to stop {watched}")
        if evidence.name == STOPPED:
            return _ms(evidence, seen.t0_s, found.stopped_s)
        return (
            _failed(evidence, never_asked) if found.asked_s is None else _ms(evidence, found.stopped_s, found.asked_s)
        )
    if evidence.name == ASKED:
        return _failed(evidence, never_asked) if found.asked_s is None else _ms(evidence, seen.t0_s, found.asked_s)
    if evidence.name == OPENED:
        if found.opened_s is None:
            return _failed(evidence, f"the contactors were not reported open {watched}")
        return _ms(evidence, seen.t0_s, found.opened_s)
    if evidence.name in (RUN, PRECHARGED):
        return _closing(evidence, seen)
    if evidence.name == CLOSINGS:
        count = float(len(found.closings))
        return Reading(evidence.name, count, "", Budget(evidence.name, "", evidence.components), evidence=evidence)
    raise BenchError(
        "evidence", f"a shutdown has no {evidence.name!r}", "was it written by another version of the bench?"
    )


def _closing(evidence: Evidence, seen: Sequence) -> Reading:
    """Of contactors that close from t0 on."""
    closed_s = _first(seen, STATE, seen.t0_s, lambda value: round(value) == CLOSED)
    if closed_s is None:
        return _failed(evidence, "the contactors were not reported closed after they had been open")
    if evidence.name == PRECHARGED:
        before = [one for one in seen.changes if one.role == STATE and seen.t0_s <= one.at_s < closed_s]
        count = float(sum(round(one.value) == PRECHARGE for one in before))
        return Reading(PRECHARGED, count, "", Budget(PRECHARGED, "", evidence.components), evidence=evidence)
    run_s = _first(seen, ORDERED, seen.t0_s, lambda value: value != 0)
    return _failed(evidence, "the inverter was not ordered to run") if run_s is None else _ms(evidence, closed_s, run_s)


def load(evidence: Evidence, record: Waveform) -> Reading:
    """The magnitude of the current over the last LOAD_S before the request to open (A).

    Failed where they were never asked; no value where the recording does not reach so far.
    """
    seen = _sequence(evidence)
    asked_s = moments(seen).asked_s
    if asked_s is None:
        return replace(_failed(evidence, "the contactors were not asked to open"), unit="A", record=record)
    if not record.start_s <= asked_s - LOAD_S < asked_s + LOAD_S <= record.end_s:
        return Reading(LOAD, None, "A", None, "the recording does not reach the request", evidence, record)
    before, after = record.between(asked_s - LOAD_S, asked_s), record.between(asked_s, asked_s + LOAD_S)
    value_a = float(np.mean(before.samples))
    noise_a = float(np.std(before.samples)) / len(before) ** 0.5
    moves_a = abs(float(np.mean(after.samples)) - value_a)
    u = {Term.NOISE: noise_a, MOVES: moves_a / 3**0.5}
    parts = [replace(part, u=u.get(part.name, part.u)) for part in evidence.components]
    return Reading(LOAD, abs(value_a), "A", Budget(LOAD, "A", parts), evidence=evidence, record=record)


def _sequence(evidence: Evidence) -> Sequence:
    if evidence.sequence is None:
        raise BenchError("evidence", f"of a {evidence.kind} holds no sequence")
    return evidence.sequence


def _before(seen: Sequence, role: str) -> float | None:
    values = [one.value for one in seen.changes if one.role == role and one.at_s < seen.t0_s]
    return values[-1] if values else None


def _first(seen: Sequence, role: str, since_s: float, fits: Callable[[float], bool]) -> float | None:
    """When the role first had a value that fits, at `since_s` or later; None where it had it before already."""
    before = _before(seen, role)
    if before is None or fits(before):
        return None
    return next(
        (one.at_s for one in seen.changes if one.role == role and one.at_s >= since_s and fits(one.value)), None
    )


def _closes(one: Change, asked_s: float, opened_s: float | None) -> bool:
    if one.role == REQUEST:
        return one.at_s > asked_s and one.value >= 0.5
    return (
        one.role == STATE and opened_s is not None and one.at_s > opened_s and round(one.value) in (PRECHARGE, CLOSED)
    )


def _failed(evidence: Evidence, why: str) -> Reading:
    return Reading(evidence.name or LOAD, None, "ms", None, why, evidence, failed=why)


def _ms(evidence: Evidence, from_s: float, to_s: float) -> Reading:
    name = evidence.name
    return Reading(name, MS * (to_s - from_s), "ms", Budget(name, "ms", evidence.components), evidence=evidence)


def components_of(terms: list[tuple[str, float, str]]) -> list[Component]:
    """Of a time between two moments, in ms: (name, half-width in s, source)."""
    return [Component.rectangular(name, half_width_s, MS, source, "s") for name, half_width_s, source in terms]
