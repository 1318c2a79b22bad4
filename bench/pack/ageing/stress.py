"""Stress: all that the additive laws need of a history, small, addable and scalable.

A SoC x temperature occupancy in hours, a table of counted cycles, and the hours with current over SoC, temperature and
C-rate. In the occupancy samples are shared between the neighbouring nodes by linear weights, in the table of the current
each cell has the mean of its samples: both keep every mean exact. A week repeated 520 times is `stress.repeated(520)`;
two weeks in a row are `a + b`, the open cycles of the first carried over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from v2g_bench.pack.ageing.rainflow import TURN_COLUMNS, Cycles, close, halves, joined, no_cycles, turning_places
from v2g_bench.pack.ageing.series import Floats, Series

SOC_NODES: Floats = np.linspace(0.0, 1.0, 101)
TEMPERATURE_NODES_C: Floats = np.linspace(-40.0, 80.0, 241)

# The cells of the current's table: 2 % SoC and 0.25 % where the voltage is steep, 2 K, and C-rates that are finer where
# V2G works (0.05 to 0.3 C)
_RATES = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0])
_FLOW_EDGES = (
    np.linspace(0.02, 0.98, 49),
    np.linspace(-38.0, 78.0, 59),
    np.concatenate([-_RATES[::-1], [0.0], _RATES]),
)
_FLOW_SHAPE = tuple(len(edges) + 1 for edges in _FLOW_EDGES)
REST_C_RATE = 1e-6  # 1/h; less is rest
_CHUNK = 1 << 16  # samples
_DAY_S = 86400.0
_DRIFT = 0.02  # SoC: a reported one is this good, with its rounding and its filter


@dataclass(frozen=True)
class Flow:
    """Hours with current in the cells that were visited, each at its mean: four columns (k,); C-rate positive charges."""

    soc: Floats
    temperature_c: Floats
    c_rate: Floats
    hours: Floats


@dataclass(frozen=True)
class Stress:
    """The sufficient statistics of one history.

    occupancy_h: (101, 241) hours at SOC_NODES x TEMPERATURE_NODES_C. closed: the cycles that are closed. turns: (k, 7)
    the open turning points (TURN_COLUMNS), in order. flow: hours with current. Ah of the whole pack; `unknown_s`: time
    that is in the record but not known; `joins`: how often counting had to start anew behind such a time.
    """

    capacity_ah: float
    chemistry: str
    nominal_v: float | None
    duration_s: float
    unknown_s: float
    occupancy_h: Floats
    flow: Flow
    closed: Cycles
    turns: Floats
    charged_ah: float
    discharged_ah: float
    soc_travel: float  # total variation of the reported SoC, before any hysteresis
    hysteresis: float
    current_known: bool
    joins: int
    clipped: int  # samples beyond -40..80 °C, taken at that edge

    @property
    def cycles(self) -> Cycles:
        """All cycles, the open ones as half cycles (ASTM E1049-85, 5.4.4)."""
        return self.closed + halves(self.turns)

    @property
    def throughput_ah(self) -> float:
        """Charged and discharged, Ah."""
        return self.charged_ah + self.discharged_ah

    @property
    def efc(self) -> float:
        """Equivalent full cycles by throughput: (charged + discharged) / (2 x capacity)."""
        return self.throughput_ah / (2.0 * self.capacity_ah)

    @property
    def efc_soc(self) -> float:
        """Equivalent full cycles by the travel of the reported SoC; far above `efc` it is noise."""
        return self.soc_travel / 2.0

    @property
    def energy_kwh(self) -> float | None:
        """Energy throughput at the nominal voltage, kWh; None without a nominal voltage."""
        return None if self.nominal_v is None else self.throughput_ah * self.nominal_v / 1e3

    @property
    def known_s(self) -> float:
        """The part of the duration that the laws see."""
        return self.duration_s - self.unknown_s

    def __add__(self, later: "Stress") -> "Stress":
        """This history and then `later`: of one pack, counted with one hysteresis, else ValueError."""
        mine = (self.capacity_ah, self.chemistry, self.nominal_v, self.hysteresis)
        if mine != (later.capacity_ah, later.chemistry, later.nominal_v, later.hysteresis):
            raise ValueError("two packs, or two hystereses, cannot be added")
        closed, turns = close(joined(self.turns, later.turns), self.hysteresis)
        return replace(
            self,
            duration_s=self.duration_s + later.duration_s,
            unknown_s=self.unknown_s + later.unknown_s,
            occupancy_h=self.occupancy_h + later.occupancy_h,
            flow=_flow(_flow_sums(self.flow) + _flow_sums(later.flow)),
            closed=(self.closed + later.closed + closed).merged(),
            turns=turns,
            charged_ah=self.charged_ah + later.charged_ah,
            discharged_ah=self.discharged_ah + later.discharged_ah,
            soc_travel=self.soc_travel + later.soc_travel,
            current_known=self.current_known and later.current_known,
            joins=self.joins + later.joins,
            clipped=self.clipped + later.clipped,
        )

    def repeated(self, times: float) -> "Stress":
        """This history `times` times over: the open cycles close at each repetition, none is lost.

        After the first repetition the open turning points come back unchanged, so the cycles that close between two
        repetitions are counted times - 1 times. `times` < 1 gives that part of everything.
        """
        between, _ = close(joined(self.turns, self.turns), self.hysteresis)
        open_share = min(times, 1.0)
        closed = self.closed.scaled(times) + between.scaled(max(times - 1.0, 0.0))
        if open_share < 1.0:
            closed = closed + halves(self.turns).scaled(open_share)
        return replace(
            self,
            duration_s=self.duration_s * times,
            unknown_s=self.unknown_s * times,
            occupancy_h=self.occupancy_h * times,
            flow=replace(self.flow, hours=self.flow.hours * times),
            closed=closed,
            turns=self.turns if open_share == 1.0 else np.empty((0, len(TURN_COLUMNS))),
            charged_ah=self.charged_ah * times,
            discharged_ah=self.discharged_ah * times,
            soc_travel=self.soc_travel * times,
            joins=round(self.joins * times),
            clipped=round(self.clipped * times),
        )


def stress_of(series: Series, *, hysteresis: float = 0.0) -> Stress:
    """The stress of one history. hysteresis: SoC (0..1) that a reversal must exceed to be counted; 0 counts every one.

    Cycles are counted on the integrated current where there is one, drawn to the reported SoC at the ends of each known
    stretch, else on the reported SoC.
    """
    if not 0.0 <= hysteresis < 1.0:
        raise ValueError("the hysteresis is a share of SoC from 0 to 1")
    known, hours = series.known, np.diff(series.time_s) / 3600.0
    grids = _Grids()
    for begin in range(0, len(known), _CHUNK):
        grids.take(series, known, hours, begin, min(begin + _CHUNK, len(known)))
    closed, turns, joins = _counted(series, hours, hysteresis)
    return Stress(
        capacity_ah=series.capacity_ah,
        chemistry=series.chemistry,
        nominal_v=series.nominal_v,
        duration_s=float(series.time_s[-1] - series.time_s[0]),
        unknown_s=float(hours[~known].sum() * 3600.0),
        occupancy_h=grids.occupancy_h,
        flow=_flow(grids.flow_sums),
        closed=closed.merged(),
        turns=turns,
        charged_ah=grids.charged_ah,
        discharged_ah=grids.discharged_ah,
        soc_travel=float(np.abs(np.diff(series.soc))[known].sum()),
        hysteresis=hysteresis,
        current_known=series.current_a is not None,
        joins=joins,
        clipped=grids.clipped,
    )


def spread(axes: Sequence[Floats], values: Sequence[Floats], weights: Floats) -> Floats:
    """A histogram on the nodes of `axes` (each rising): each sample shared by linear weights, held at the edges.

    Sum and means over each axis are those of the samples exactly.
    """
    shape = tuple(len(axis) for axis in axes)
    corners: list[tuple[Floats | int, Floats]] = [(0, weights)]
    for axis, value in zip(axes, values, strict=True):
        low, share = _place(axis, value)
        corners = [
            (flat * len(axis) + low + up, weight * (share if up else 1.0 - share))
            for flat, weight in corners
            for up in (0, 1)
        ]
    total = np.zeros(int(np.prod(shape)))
    for flat, weight in corners:
        total += np.bincount(flat, weight, len(total))
    return total.reshape(shape)


def _place(axis: Floats, value: Floats) -> tuple[Floats, Floats]:
    """The lower node of each value and its share of the way to the next."""
    step = axis[1] - axis[0]
    if np.allclose(np.diff(axis), step):
        place = np.clip((value - axis[0]) / step, 0.0, len(axis) - 1.0)
    else:
        place = np.interp(value, axis, np.arange(len(axis), dtype=float))
    low = np.minimum(place.astype(np.int64), len(axis) - 2)
    return low, place - low


class _Grids:
    """What a history fills, chunk by chunk, so that it stays in the processor's cache."""

    def __init__(self) -> None:
        self.occupancy_h = np.zeros((len(SOC_NODES), len(TEMPERATURE_NODES_C)))
        self.flow_sums = np.zeros((4, int(np.prod(_FLOW_SHAPE))))
        self.charged_ah = self.discharged_ah = 0.0
        self.clipped = 0

    def take(self, series: Series, known: NDArray[np.bool_], hours: Floats, begin: int, end: int) -> None:
        """The intervals from begin to end; unknown ones are left out."""
        here = slice(begin, end)
        soc = 0.5 * (series.soc[begin:end] + series.soc[begin + 1 : end + 1])
        warm = 0.5 * (series.temperature_c[begin:end] + series.temperature_c[begin + 1 : end + 1])
        columns = np.stack([np.clip(soc, 0.0, 1.0), warm, series.rate(begin, end), hours[here]])
        if not known[here].all():
            columns = columns[:, known[here]]
        soc, warm, rate, hours = columns
        moving = np.abs(rate) > REST_C_RATE
        self.clipped += int(((warm < TEMPERATURE_NODES_C[0]) | (warm > TEMPERATURE_NODES_C[-1])).sum())
        self.occupancy_h += spread((SOC_NODES, TEMPERATURE_NODES_C), (soc, warm), hours)
        self.flow_sums += _sums(soc[moving], warm[moving], rate[moving], hours[moving])
        ah = rate * hours * series.capacity_ah
        self.charged_ah += float(ah[ah > 0].sum())
        self.discharged_ah += float(-ah[ah < 0].sum())


def _sums(soc: Floats, warm: Floats, rate: Floats, hours: Floats) -> Floats:
    """(4, cells): the hours of each cell, and the hours x SoC, temperature and C-rate."""
    places = [np.searchsorted(edges, value) for edges, value in zip(_FLOW_EDGES, (soc, warm, rate), strict=True)]
    cell = np.ravel_multi_index(tuple(places), _FLOW_SHAPE)
    weights = (hours, hours * soc, hours * warm, hours * rate)
    return np.stack([np.bincount(cell, weight, int(np.prod(_FLOW_SHAPE))) for weight in weights])


def _flow_sums(flow: Flow) -> Floats:
    return _sums(flow.soc, flow.temperature_c, flow.c_rate, flow.hours)


def _flow(sums: Floats) -> Flow:
    hours, soc, warm, rate = sums[:, sums[0] > 0]
    return Flow(soc / hours, warm / hours, rate / hours, hours)


def counted_soc(series: Series) -> Floats:
    """(n,) what is counted: the integrated current, drawn to the reported SoC at both ends of each known stretch.

    Where it drifts away from the reported SoC between them, it is drawn to that day by day. Without a current it is the
    reported SoC itself. NaN where the SoC is not known.
    """
    if series.current_a is None:
        return series.soc
    counted = np.full(len(series.soc), np.nan)
    for begin, end in _stretches(series.known):
        there = slice(begin, end + 1)
        at_s = series.time_s[there] - series.time_s[begin]
        steps = series.c_rate[begin:end] * np.diff(at_s) / 3600.0
        soc = series.soc[begin] + np.concatenate([[0.0], np.cumsum(steps)])
        counted[there] = soc + _drawn(at_s, series.soc[there] - soc)
    return counted


def _drawn(at_s: Floats, apart: Floats) -> Floats:
    """What is added to the integrated current, which is so far apart from the reported SoC.

    A line from end to end takes a constant error of the sensor away. If the mean of any day is still more than _DRIFT off,
    the error was none: then lines from day to day.
    """
    line = apart[-1] * at_s / at_s[-1]
    days = max(int(at_s[-1] // _DAY_S), 1)
    day = np.minimum((at_s * (days / at_s[-1])).astype(np.int64), days - 1)
    count = np.bincount(day)
    seen = count > 0
    left = np.bincount(day, apart - line)[seen] / count[seen]
    if float(np.abs(left).max()) <= _DRIFT:
        return np.asarray(line)
    middle = np.bincount(day, at_s)[seen] / count[seen]
    places, amounts = np.concatenate([[0.0], middle, at_s[-1:]]), np.concatenate([[0.0], left, [0.0]])
    return np.asarray(line + np.interp(at_s, places, amounts))


def _stretches(known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) sample of each run of known intervals."""
    edges = np.diff(np.concatenate([[False], known, [False]]).astype(int))
    return list(zip(np.nonzero(edges == 1)[0].tolist(), np.nonzero(edges == -1)[0].tolist(), strict=True))


def _counted(series: Series, hours: Floats, hysteresis: float) -> tuple[Cycles, Floats, int]:
    """Closed cycles, open turning points, and at how many unknown times the counting had to start anew."""
    counted, cycles, turns = counted_soc(series), no_cycles(), np.empty((0, len(TURN_COLUMNS)))
    stretches = _stretches(series.known)
    for begin, end in stretches:
        cycles = cycles + halves(turns)
        closed, turns = close(_turns(series, counted, hours, begin, end), hysteresis)
        cycles = cycles + closed
    return cycles, turns, max(len(stretches) - 1, 0)


def _turns(series: Series, counted: Floats, hours: Floats, first: int, last: int) -> Floats:
    """The turning points of one known stretch, with their running totals."""
    places = first + turning_places(counted[first : last + 1])
    rows = np.zeros((len(places), len(TURN_COLUMNS)))
    rows[:, 0] = counted[places]
    totals = np.zeros(len(TURN_COLUMNS) - 1)
    for begin in range(first, last, _CHUNK):
        end = min(begin + _CHUNK, last)
        low, high = np.searchsorted(places, [begin + 1, end + 1])
        rate, span = series.rate(begin, end), hours[begin:end]
        warm = 0.5 * (series.temperature_c[begin:end] + series.temperature_c[begin + 1 : end + 1])
        up, down = np.maximum(rate, 0.0), np.maximum(-rate, 0.0)
        steps = (span, warm * span, span * (up > 0), up * span, span * (down > 0), down * span)
        for column, step in enumerate(steps):
            running = totals[column] + np.cumsum(step)
            rows[low:high, column + 1] = running[places[low:high] - begin - 1]
            totals[column] = running[-1]
    return rows
