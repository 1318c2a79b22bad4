"""Two sources of one quantity must agree within their combined uncertainty, or nothing that rests on it is conclusive.

| quantity   | sources                                                                                  |
| ---------- | ---------------------------------------------------------------------------------------- |
| DC current | the digitizer, the BMS, the inverter's DC side                                           |
| DC voltage | the BMS, the inverter's DC side                                                          |
| SoC        | the BMS, the inverter (where it has the signal)                                          |
| AC power   | the analyzer, the inverter                                                               |
| AC voltage | the analyzer, the multimeter at the same terminals, the inverter                         |
| AC current | the analyzer, the multimeter                                                             |

The bench compares by itself whenever a test has power standing, reads a power, or is judged by a trace of the current;
no test asks for it. What is known of a source comes from its data sheet and its calibration (meters) and from the rig
file (`[bms.accuracy]`, `[inverter.accuracy]`). The BMS is no witness while a fault touches its frames.

Sources that disagree do not say who is wrong. So the test is INCONCLUSIVE, and how far they are apart goes into the
budget of whatever is read from one of them: a FAIL that holds for every one of them stays a FAIL.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel

from v2g_bench.can.columns import Columns
from v2g_bench.can.trace import signal
from v2g_bench.evidence.reading import Reading
from v2g_bench.evidence.record import stated
from v2g_bench.instruments.protocols import PowerReading
from v2g_bench.inverter.port import InverterReading
from v2g_bench.metrology.agree import agree, e_n
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.parts.protocol import Parts

BMS_CROSS_CHECKED = ("pack_current", "pack_voltage", "soc")
DOUBT = "disagreement of the sources"
FRESH_S = 0.02  # of the digitizer's record, before a frame with the BMS's current was complete
LEAST_FRAMES = 5


@dataclass(frozen=True)
class Comparison:
    """The values of one quantity from its sources. apart: between those two that are furthest from each other, in their U's."""

    quantity: str
    readings: tuple[Reading, ...]
    agreed: bool
    text: str
    e_n: float
    apart: float


def compare(quantity: str, readings: Sequence[Reading]) -> Comparison | None:
    """Hold all readings of one quantity against each other; None where fewer than two sources have it."""
    known = [one for one in readings if one.value is not None and one.uncertainty is not None]
    if len(known) < 2:
        return None
    pairs = {one.quantity: (one.value or 0.0, one.uncertainty.expanded) for one in known if one.uncertainty}
    agreed, text = agree(pairs, known[0].unit)
    figures = list(pairs.values())
    worst = max((e_n(*a, *b), abs(a[0] - b[0])) for place, a in enumerate(figures) for b in figures[:place])
    if not agreed:  # who says what, and the U of each
        message = ", ".join(f"{one.quantity} {one}" for one in known)
        text = f"{text}: {message}"
    return Comparison(quantity, tuple(known), agreed, text, *worst)


@dataclass(frozen=True)
class Look:
    """What the BMS (by role) and the inverter say at one time."""

    bms: Mapping[str, float]
    inverter: InverterReading


@dataclass(frozen=True)
class Rms:
    """What one meter has read at the AC terminals."""

    voltage_v: float
    current_a: float


@dataclass
class Comparisons:
    """Compares, notifies `on_comparison`, and remembers how far apart the sources of a quantity were."""

    parts: Parts
    on_comparison: Callable[[Comparison], None] = lambda comparison: None
    doubts: dict[str, float] = field(default_factory=dict)
    _metered: bool = False

    def doubt(self, quantity: str) -> list[Component]:
        """The part that sources which disagree add to a budget; nothing where they agree."""
        apart = self.doubts.get(quantity, 0.0)
        return [Component.rectangular(DOUBT, apart, source="see the comparison of the sources")] if apart else []

    def hold(self, quantity: str, *readings: Reading | None) -> Comparison | None:
        """Compare, remember, notify."""
        found = compare(quantity, [one for one in readings if one is not None])
        if found is not None:
            if not found.agreed:
                self.doubts[quantity] = max(found.apart, self.doubts.get(quantity, 0.0))
            self.on_comparison(found)
        return found

    def look(self) -> Look:
        """What the BMS and the inverter say now."""
        return Look(dict(self.parts.bus.latest_all()), self.parts.inverter.reading())

    def steady(self, current: Reading, before: Look, *, bms: Collection[str]) -> None:
        """The DC side and the SoC while the power stands.

        current: by the digitizer, recorded since the look `before`; bms: the roles that count. What moved from that look
        to one now, as a derating does by steps, is no contradiction: each source stands in the middle, with half of its way.
        """
        rig, now = self.parts.loaded.rig, self.look()
        dc_v = now.inverter.dc_voltage_v
        voltage_v = dc_v if math.isfinite(dc_v) else now.bms.get("pack_voltage", 0.0)
        by_pack = {role: self._bms(role, before.bms, now.bms) for role in BMS_CROSS_CHECKED if role in bms}
        self.hold(
            "DC current",
            current,
            by_pack.get("pack_current"),
            by_inverter(rig, now.inverter, "DC current", voltage_v, before=before.inverter),
        )
        for quantity, role in (("DC voltage", "pack_voltage"), ("SoC", "soc")):
            self.hold(quantity, by_pack.get(role), by_inverter(rig, now.inverter, quantity, before=before.inverter))

    def measured(self, count: int) -> tuple[list[PowerReading], dict[str, Rms]]:
        """So many readings of the analyzer, and what it and the multimeter have read of the same time, by meter.

        Nothing of the latter where there is no multimeter, or it was held against the analyzer in this test already.
        """
        meter = None if self._metered else self.parts.instruments.meters.get("multimeter")
        series = self.parts.instruments.analyzer.series(count)
        if meter is None:
            return list(series), {}
        volts = meter.ac_voltage()  # one quantity at a time: volts in the series' first half, amperes in its second
        first = [next(series) for _ in range(max(1, count // 2))]
        voltage_v, amperes = volts(), meter.ac_current()
        then = list(series)
        analyzer = Rms(_mean(one.voltage_v for one in first), _mean(one.current_a for one in then or first))
        return [*first, *then], {"analyzer": analyzer, "multimeter": Rms(voltage_v, amperes())}

    def at_the_terminals(
        self, power: Reading, before: InverterReading, after: InverterReading, beside: Mapping[str, Rms]
    ) -> None:
        """AC power by the analyzer, between two looks at the inverter; and volts and amperes by those `beside`."""
        rig = self.parts.loaded.rig
        self.hold("AC power", power, by_inverter(rig, after, "AC power", before=before))
        middle_w, moved_w = _between(before.ac_power_w, after.ac_power_w)
        if not beside or moved_w > 0.01 * abs(middle_w):
            return
        self._metered = True
        analyzer = beside["analyzer"]
        voltages, currents = [], []
        for name, part, instrument in (
            ("analyzer", "ac_power", self.parts.instruments.analyzer),
            ("multimeter", "multimeter", self.parts.instruments.meters["multimeter"]),
        ):
            read = beside[name]
            volt_limit, ampere_limit, source = instrument.rms_accuracy(read.voltage_v, read.current_a)
            known = self.parts.instruments.calibrated(part)
            more = known.where_known("ac_voltage", read.voltage_v)
            voltages.append(_reading("AC voltage", name, read.voltage_v, "V", volt_limit, source, more))
            more = known.where_known("ac_current", read.current_a)
            currents.append(_reading("AC current", name, read.current_a, "A", ampere_limit, source, more))
        voltage = self.hold("AC voltage", *voltages, by_inverter(rig, after, "AC voltage"))
        current = self.hold("AC current", *currents)
        share = sum(
            found.apart / value
            for found, value in ((voltage, analyzer.voltage_v), (current, analyzer.current_a))
            if found is not None and not found.agreed and value > 0
        )
        if share:  # the power rests on both
            doubt_w = share * abs(power.value or 0.0)
            self.doubts["AC power"] = max(doubt_w, self.doubts.get("AC power", 0.0))

    def during(self, waveform: Waveform, frames: Columns, zero_a: float, gain_rel: float, source: str) -> None:
        """The digitizer's record compared with the current that the BMS reported in the same time, in these frames."""
        timestamp_s, bms_a = signal(frames, self.parts.bus.db, "pack_current", since_s=waveform.start_s + FRESH_S)
        received = [(t, a) for t, a in zip(timestamp_s, bms_a, strict=True) if t <= waveform.end_s]
        if len(received) < LEAST_FRAMES:
            return
        meter_a = [float(np.mean(waveform.between(t - FRESH_S, t).samples)) for t, _ in received]
        mean_a, bms_mean_a = float(np.mean(meter_a)), float(np.mean([a for _, a in received]))
        # A current that moves is shown late by a BMS: how much, the difference of the two says itself.
        spread = [Component.of_samples("lag of the BMS", [m - a for m, (_, a) in zip(meter_a, received, strict=True)])]
        limit_a = zero_a + gain_rel * abs(mean_a)
        more = [*spread, *self.parts.instruments.calibrated("dc_current").components(mean_a)]
        digitizer = _reading("DC current", "digitizer", mean_a, "A", limit_a, source, more)
        self.hold("DC current", digitizer, self._bms("pack_current", {"pack_current": bms_mean_a}))

    def _bms(self, role: str, *seen: Mapping[str, float]) -> Reading | None:
        """The BMS's value of a role, of one look or between two, with its accuracy by the rig file; or None."""
        values = [one[role] for one in seen if role in one]
        if not values:
            return None
        middle, moved = _between(values[0], values[-1])
        return by_bms(self.parts.loaded.rig, role, middle, self.parts.bus.db.resolution(role), moved)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def bms_accuracy(rig: Rig, role: str, value: float, resolution: float = 0.0) -> tuple[float, str]:
    """How far a quantity as the BMS reports it may be off (its sensor, and half of one count of its signal), and by whom."""
    accuracy = rig.bms.accuracy
    limit, keys = {
        "pack_current": (accuracy.current_pct / 100 * abs(value) + accuracy.current_a, ("current_pct", "current_a")),
        "pack_voltage": (accuracy.voltage_pct / 100 * abs(value), ("voltage_pct",)),
        "soc": (accuracy.soc_pct, ("soc_pct",)),
    }[role]
    return limit + resolution / 2, _stated("bms.accuracy", accuracy, *keys)


def _stated(section: str, accuracy: BaseModel, *keys: str) -> str:
    """The source of numbers of the rig file; those that it leaves out are the bench's assumption, and are called so."""
    assumed = [f"{key} = {getattr(accuracy, key):g}" for key in keys if key not in accuracy.model_fields_set]
    return f"assumed, not in the rig file: {section} {', '.join(assumed)}" if assumed else f"rig file: {section}"


def by_bms(rig: Rig, role: str, value: float, resolution: float = 0.0, moved: float = 0.0) -> Reading:
    """A quantity as the BMS reports it. moved: how far it went to either side of `value` meanwhile."""
    quantity, unit = {"pack_current": ("DC current", "A"), "pack_voltage": ("DC voltage", "V"), "soc": ("SoC", "%")}[
        role
    ]
    return _reading(quantity, "BMS", value, unit, *bms_accuracy(rig, role, value, resolution), _moved(moved))


def by_inverter(
    rig: Rig, seen: InverterReading, quantity: str, voltage_v: float = 0.0, before: InverterReading | None = None
) -> Reading | None:
    """A quantity as the inverter reports it; None where it does not.

    voltage_v: what its power rating is at, in A; before: an earlier look at it: the value stands in the middle of both.
    """
    first, last = (_of_inverter(one, quantity) for one in (before or seen, seen))
    value, moved = _between(first, last)
    accuracy = rig.inverter.accuracy
    power_w = accuracy.power_pct / 100 * rig.inverter.rated_power_w
    volts = accuracy.voltage_pct / 100 * abs(last)
    unit, limit, key = {
        "AC power": ("W", power_w, "power_pct"),
        "AC voltage": ("V", volts, "voltage_pct"),
        "DC voltage": ("V", volts, "voltage_pct"),
        "DC current": ("A", power_w / voltage_v if voltage_v > 0 else math.nan, "power_pct"),
        "SoC": ("%", accuracy.soc_pct, "soc_pct"),
    }[quantity]
    if not (math.isfinite(value) and math.isfinite(limit)):
        return None
    return _reading(
        quantity, "inverter", value, unit, limit, _stated("inverter.accuracy", accuracy, key), _moved(moved)
    )


def _of_inverter(seen: InverterReading, quantity: str) -> float:
    return {
        "AC power": seen.ac_power_w,
        "AC voltage": seen.ac_voltage_v,
        "DC voltage": seen.dc_voltage_v,
        "DC current": seen.dc_current_a,
        "SoC": seen.soc_pct,
    }[quantity]


def _between(first: float, last: float) -> tuple[float, float]:
    """The middle of two looks at a quantity, and how far it is to either."""
    return (first + last) / 2, abs(last - first) / 2


def _moved(by: float) -> list[Component]:
    return [Component.rectangular("moved meanwhile", by, source="two readings")] if by else []


def _reading(
    quantity: str, by: str, value: float, unit: str, limit: float, source: str, more: Sequence[Component] = ()
) -> Reading:
    name = f"{quantity} by the {by}"
    budget = Budget(name, unit, [Component.rectangular("accuracy", limit, source=source), *more])
    return Reading(name, value, unit, budget, evidence=stated(value, budget.components))
