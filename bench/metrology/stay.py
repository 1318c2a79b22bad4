"""The two states of a current that is switched off: *flowing*, then *isolated*, and what can go wrong.

    flowing --(clearly below the threshold for longer than the hold)--> isolated
    isolated --(above it for longer than the hold)--> Reclosed

A pulse that is not longer than the hold changes no state.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_bench.metrology.prepared_record import (
    CLEAR,
    NoCrossing,
    PreparedRecord,
    Reclosed,
    Undecided,
    Unsettled,
    clear_of,
)
from v2g_bench.metrology.ripple import moving_mean
from v2g_bench.metrology.waveform import Waveform

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Bracket:
    """Sample numbers: clearly above until `above`, clearly below from `below`."""

    above: float
    below: float


def last_crossing(record: PreparedRecord, waveform: Waveform) -> Bracket:
    """Where the current went for good; raises what `isolation` raises about the course of the current."""
    smoothed = moving_mean(record.y, record.smooth)
    b = record.block
    count = smoothed.size // b
    blocks = smoothed[: count * b].reshape(count, b).mean(axis=1)
    clear = clear_of(record, max(b, record.smooth))
    high, low = blocks > record.threshold + clear, blocks < record.threshold - clear
    gone = _first_stay(high, low, b, record.hold)
    if gone is None:
        raise _why_not(record, high, low, smoothed)
    _require_stay(record, waveform, high, gone, smoothed)
    before = np.flatnonzero(high[:gone])
    start = int(before[-1]) * b if before.size else 0
    return _narrow(record, smoothed, start, min(smoothed.size, (gone + 1) * b))


def _first_stay(high: Flags, low: Flags, block: int, hold: int) -> int | None:
    """The first low block after which no high one comes for longer than the hold; None when there is none."""
    edges = np.append(np.flatnonzero(high), high.size)
    lows = np.flatnonzero(low)
    while lows.size:
        first = int(lows[0])
        next_high = int(edges[np.searchsorted(edges, first)])
        if (next_high - first) * block >= hold:
            return first
        lows = lows[np.searchsorted(lows, next_high) :]
    return None


def _why_not(record: PreparedRecord, high: Flags, low: Flags, smoothed: Array) -> NoCrossing:
    tail = smoothed[-max(1, min(record.hold, smoothed.size)) :]
    share = 100 * float(np.mean(tail)) / record.steady.mean
    at_end = f"at its end the current is {share:.1f} % of {record.steady.mean:.4g} A"
    if low.size and low[-1]:
        return Unsettled(f"the record ends before the current stayed away for {record.hold * record.dt_s:g} s")
    if high.size and high[-max(1, high.size // 20) :].any():
        return NoCrossing(f"the current does not stay below the threshold in the record: {at_end}")
    return Undecided(f"the current stays too near the threshold to tell: {at_end}")


def _require_stay(record: PreparedRecord, waveform: Waveform, high: Flags, gone: int, smoothed: Array) -> None:
    """After `gone` the current may not return for longer than the hold, nor stay near the threshold."""
    b = record.block
    for start, stop in _runs(high[gone:]):
        piece = smoothed[(gone + start - 1) * b : (gone + stop + 1) * b]
        above = np.flatnonzero(piece > record.threshold)
        if above.size - (record.smooth - 1) > max(record.hold, 1):
            begins = record.origin + (gone + start - 1) * b + int(above[0])
            first = waveform.start_s + (record.origin + gone * b) * record.dt_s
            again = waveform.start_s + begins * record.dt_s
            raise Reclosed(
                f"the current had gone at {first:.6f} s and was back at {again:.6f} s for more than "
                f"{record.hold * record.dt_s:g} s",
                first_s=first,
                time_s=again,
            )
    tail = smoothed[-min(smoothed.size - gone * b, max(2 * record.hold, 8)) :]
    if float(np.median(tail)) > record.threshold - CLEAR * record.sigma / math.sqrt(tail.size):
        raise Undecided("the current creeps back to the threshold at the end of the record: too near to tell")


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """(start, stop) of each run of True."""
    change = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return list(zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True))


def _narrow(record: PreparedRecord, smoothed: Array, start: int, stop: int) -> Bracket:
    """The bracket in samples, widened by half of the smoothing on either side."""
    clear = clear_of(record, record.smooth)
    piece = smoothed[start:stop]
    below = np.flatnonzero(piece < record.threshold - clear)
    first_below = start + (int(below[0]) if below.size else piece.size - 1)
    above = np.flatnonzero(smoothed[: first_below + 1] > record.threshold + clear)
    last_above = int(above[-1]) if above.size else -1
    # Inside the stretch a sample may have dipped below before the current was last above: take the first after that.
    later = np.flatnonzero(smoothed[last_above + 1 : stop] < record.threshold - clear)
    first_below = last_above + 1 + int(later[0]) if later.size else first_below
    half = record.smooth / 2 if record.smooth > 1 else 0.0
    return Bracket(last_above - half, first_below + half)
