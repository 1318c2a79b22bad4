"""`bench.readings`: what meters, inverter and BMS measure, each with its uncertainty budget.

bench.readings.ac_power()           by the analyzer
bench.readings.inverter_power()     as the inverter itself reports it
"""

import math
from dataclasses import replace

import numpy as np

from v2g_bench.can.trace import signal
from v2g_bench.errors import BenchError
from v2g_bench.evidence.reading import Reading
from v2g_bench.evidence.record import mean_of, stated
from v2g_bench.metrology.budget import Budget, Component, Term
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.comparisons import Comparisons, bms_accuracy, by_bms, by_inverter
from v2g_bench.rig.measuring.cross_check import CrossCheck
from v2g_bench.rig.measuring.recordings import Recordings
from v2g_bench.rig.measuring.said.notebook import Notebook
from v2g_bench.rig.measuring.trace import Trace
from v2g_bench.rig.parts.protocol import Parts

AC_READINGS = 5
LAST_SENT_S = 30.0  # how long the voltage of a pack without current stands for it


class Readings:
    """Reads power and current."""

    def __init__(
        self,
        parts: Parts,
        bus: Bus,
        comparisons: Comparisons,
        cross_check: CrossCheck,
        recordings: Recordings,
        notebook: Notebook,
    ) -> None:
        self._parts, self._bus, self._comparisons = parts, bus, comparisons
        self._cross_check, self._recordings, self._notebook = cross_check, recordings, notebook

    def ac_power(self) -> Reading:
        """AC power at the inverter's terminals by the analyzer (W, charge positive): mean of fresh readings."""
        before = self._parts.inverter.reading()
        taken, beside = self._comparisons.measured(AC_READINGS)
        readings = [one.power_w for one in taken]
        after = self._parts.inverter.reading()
        mean_w = float(np.mean(readings))
        self._cross_check.weigh(mean_w, moved_w=abs(after.ac_power_w - before.ac_power_w))
        limit_w, source = self._parts.instruments.analyzer.power_accuracy(mean_w)
        parts = [
            Component.of_samples(Term.REPEATABILITY, readings, source=f"{AC_READINGS} readings"),
            Component.rectangular("accuracy", limit_w, source=source),
            *self._parts.instruments.calibrated("ac_power").components(mean_w),
        ]
        budget = Budget("AC power", "W", parts)
        power = Reading("AC power", mean_w, "W", budget, evidence=mean_of(readings, budget.components))
        self._comparisons.at_the_terminals(replace(power, quantity="AC power by the analyzer"), before, after, beside)
        if doubt := self._comparisons.doubt("AC power"):
            budget = Budget("AC power", "W", [*parts, *doubt])
            power = replace(power, budget=budget, evidence=mean_of(readings, budget.components))
        self._notebook.power(power, "analyzer")
        return power

    def most_ac_w(self, within_pct: float = 0.0) -> float:
        """The largest AC power (W) that the analyzer is made for here.

        within_pct: no bound at all where the inverter's own measurement is good to this share of what is beyond.
        """
        analyzer = self._parts.instruments.analyzer
        most_w = analyzer.most_w(analyzer.read(fresh=False).voltage_v)
        known = self.inverter_power().uncertainty
        return math.inf if known is not None and known.expanded < within_pct / 100 * most_w else most_w

    def pack_power(self, over_s: float = 0.1) -> Reading:
        """DC power at the pack (W, charge positive): the digitizer's mean current at the voltage that the BMS reports."""
        before = self._comparisons.look()
        with self._recordings(before_s=over_s / 10, after_s=over_s) as trace:
            current = trace.mean()
        self._comparisons.steady(
            replace(current, quantity="DC current by the digitizer"), before, bms=self._cross_check.roles()
        )
        volts = self._bus.signal("pack_voltage")
        step_v = self._parts.bus.db.resolution("pack_voltage")
        limit_v, source = bms_accuracy(self._parts.loaded.rig, "pack_voltage", volts, step_v)
        assert current.value is not None
        assert current.uncertainty is not None
        parts = [
            Component("current", "normal", current.uncertainty.u, volts, source="digitizer", unit="A"),
            *(replace(part, sensitivity=volts, unit="A") for part in self._comparisons.doubt("DC current")),
            Component.rectangular("voltage", limit_v, current.value, source, "V"),
            *(replace(part, sensitivity=current.value, unit="V") for part in self._comparisons.doubt("DC voltage")),
        ]
        budget = Budget("DC power", "W", parts)
        value_w = current.value * volts
        return Reading("DC power", value_w, "W", budget, evidence=stated(value_w, budget.components))

    def bms_current(self) -> Reading:
        """The pack's current as the BMS reports it (A, charge positive)."""
        value_a = self._bus.signal("pack_current")
        return by_bms(self._parts.loaded.rig, "pack_current", value_a, self._parts.bus.db.resolution("pack_current"))

    def inverter_power(self) -> Reading:
        """AC power as the inverter itself reports it (W, charge positive)."""
        reading = by_inverter(self._parts.loaded.rig, self._parts.inverter.reading(), "AC power")
        if reading is None:
            raise BenchError("inverter", "measures no power")
        return reading

    def hottest(self) -> Reading:
        """The hottest cell as the BMS reports it (°C), to a count of its signal: for what becomes of one sensor."""
        role, name = "cell_temperature_max", "hottest cell by the BMS"
        value_c, step_k = self._bus.signal(role), self._parts.bus.db.resolution(role)
        parts = [Component.rectangular("resolution", step_k / 2, source=self._parts.bus.db.path.name)]
        return Reading(name, value_c, "°C", Budget(name, "°C", parts), evidence=stated(value_c, parts))

    def compare(self, trace: Trace) -> None:
        """Hold a trace against what the BMS said of the current meanwhile; not while a fault touches its frames."""
        if "pack_current" in self._cross_check.roles():
            self._comparisons.during(trace.waveform, trace.frames(), *trace.accuracy())

    def no_discharge_limit_a(self) -> float:
        """The DC current (A) of the power that is not yet a discharge; of a BMS that is silent, at the last voltage it sent."""
        return self._parts.loaded.rig.judging.no_discharge_w / self._volts()

    def _volts(self) -> float:
        role, bus = "pack_voltage", self._parts.bus
        if role not in bus.latest_all():
            spec = bus.db.message_of(role)
            since_s = self._parts.clock.now_s() - LAST_SENT_S
            _, sent_v = signal(bus.capture.frames(since_s=since_s).carrying(spec), bus.db, role)
            if len(sent_v):
                return float(sent_v[-1])
        return self._bus.signal(role)
