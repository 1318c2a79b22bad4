"""The evidence record: what a judged value was computed from, as plain typed data.

It is made once, where the value is measured, lies in results.json beside the value, and `v2g-bench verify` reads it
again. `compute.recomputed` makes the value from it, and uses nothing of the run's own result. An auditor reads it too, so
it holds no objects of the bench but the components of the budget. Samples of a waveform lie in a file of their own.

| kind         | computed from                                                                       |
| ------------ | ----------------------------------------------------------------------------------- |
| latency      | a waveform and `fall`: when its current fell below a share of that before t0          |
| mean         | `samples`: the raw readings of an instrument                                         |
| share        | `of`, two: the first in percent of the second                                        |
| least share  | a waveform: the least current from `since_s` on, in percent of that before           |
| discharge    | a waveform: its largest discharge current over any 20 ms                             |
| charge       | a waveform: its largest charge current over any 20 ms                                |
| sequence     | `sequence`: the quantity `name` of a shutdown, see `evidence.shutdown`                |
| load         | a waveform and `sequence`: the current when the contactors are asked to open         |
| stated       | `value`: what an instrument stated, without raw data                                  |
| witnesses    | `of`, each with its `name`: whether these readings of one quantity agree             |
| log          | `log`: a line in the controller's log                                                |
| observed     | nothing that can be recomputed: something was seen                                   |

Times are bench-clock seconds. `components` are those of the budget; what the samples themselves give of one of them
(`Term`) is estimated anew.

>>> mean_of([2990.0, 3010.0], [Component("accuracy", "normal", 6.0)]).kind
<Kind.MEAN: 'mean'>
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated

from v2g_bench.inputs.ranges import ANY, ANYTHING, ClockS, Count, FrequencyHz, Within
from v2g_bench.metrology.component import Component

Real = Annotated[float, ANYTHING]
ORDERED = "ordered power"


class Kind(StrEnum):
    """What a value was computed from; see the module's table."""

    LATENCY = "latency"
    MEAN = "mean"
    SHARE = "share"
    LEAST_SHARE = "least share"
    DISCHARGE = "discharge"
    CHARGE = "charge"
    SEQUENCE = "sequence"
    LOAD = "load"
    STATED = "stated"
    WITNESSES = "witnesses"
    LOG = "log"
    OBSERVED = "observed"


FROM_WAVEFORM = (Kind.LATENCY, Kind.LEAST_SHARE, Kind.DISCHARGE, Kind.CHARGE, Kind.LOAD)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the bus had to show at t0, for whoever looks for it in the capture.

    silence: no frame of the BMS any more; else the fields of `faults.Expectation`, the roles' values `before` the fault,
    and when the fault was asked for.
    """

    silence: bool = False
    role: str = ""
    op: str = ""
    value: Annotated[float, ANY] = 0.0
    tolerance: Annotated[float, Within(0, 1e9)] = 0.0
    minus: str = ""
    change: bool = False
    before: dict[str, Real] = field(default_factory=dict)
    asked_s: ClockS | None = None


@dataclass(frozen=True, kw_only=True)
class Fall:
    """What a latency is: from t0 until the current is below this share of its value before, and stays there.

    ripple_hz: of the power stage, where known. shown: None where no single frame carries the disturbance.
    """

    t0_s: ClockS
    fraction: Annotated[float, Within(0, 1, over=True, under=True)]
    ripple_hz: FrequencyHz | None = None
    shown: Shown | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """From `at_s` on, a signal role has this value on the bus, or the inverter is ordered to this power (ORDERED, W).

    frame: of an order, the Modbus request, hexadecimal.
    """

    role: str
    value: Real
    at_s: ClockS
    frame: str = ""


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """What bus and inverter showed around a shutdown, up to `until_s`: each role's value before t0, and its changes.

    orders: whether the inverter's orders can be seen on this rig. fraction: of the power before, up to which an order is one
    to stop.
    """

    t0_s: ClockS
    until_s: ClockS
    fraction: Annotated[float, Within(0, 1, over=True, under=True)]
    orders: bool
    changes: list[Change]


@dataclass(frozen=True, kw_only=True)
class LogSearch:
    """A pattern (regular expression), the log in the run folder ("": it lies elsewhere), and the bytes searched: from, to."""

    pattern: str
    file: str
    searched: list[Count]


@dataclass(frozen=True, kw_only=True)
class Signal:
    """The value of a signal role (in its canonical unit) that was the latest on the bus when it was asked for."""

    role: str
    value: Real
    at_s: ClockS


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one value stands on; see the module's table for what each kind holds.

    signals: what the test read from the bus on the way; wall_minus_bench_s: the capture's clock minus the bench clock,
    where the capture has to be searched.
    """

    kind: str
    name: str = ""
    value: Real | None = None
    samples: list[Real] = field(default_factory=list)
    since_s: ClockS | None = None
    components: list[Component] = field(default_factory=list)
    of: list["Evidence"] = field(default_factory=list)
    fall: Fall | None = None
    sequence: Sequence | None = None
    log: LogSearch | None = None
    signals: list[Signal] = field(default_factory=list)
    wall_minus_bench_s: ClockS | None = None


def mean_of(samples: Iterable[float], components: Iterable[Component]) -> Evidence:
    """Of a mean of readings, whose spread is the component `Term.REPEATABILITY`."""
    return Evidence(kind=Kind.MEAN, samples=[float(sample) for sample in samples], components=list(components))


def stated(value: float, components: Iterable[Component]) -> Evidence:
    """Of a value as an instrument stated it, without raw data."""
    return Evidence(kind=Kind.STATED, value=float(value), components=list(components))


def share_of(value: Evidence, reference: Evidence) -> Evidence:
    """Of one reading in percent of another."""
    return Evidence(kind=Kind.SHARE, of=[value, reference])


def witnesses(values: Mapping[str, Evidence]) -> Evidence:
    """Of readings of one quantity that are held against each other, by their names."""
    return Evidence(kind=Kind.WITNESSES, of=[replace(one, name=name) for name, one in values.items()])


def observed() -> Evidence:
    """Of something that was seen, and that nobody can recompute."""
    return Evidence(kind=Kind.OBSERVED)
