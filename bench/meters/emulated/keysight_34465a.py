"""An emulated Keysight 34465A that digitizes the voltage over a shunt in the DC circuit.

What it does as the real one: SAMP:TIM from 20 µs (50 kS/s) and not below the aperture; 50 000 readings of memory; the
pre-trigger count is part of SAMP:COUN; a trigger before the pre-trigger readings are taken leaves fewer readings;
no time stamps; readings above 120 % of the range are 9.9E37; a trigger delay that is not set to 0 is a second.

Its own errors, drawn once from the seed (evenly within ±): gain 50 ppm, offset 35 ppm of the range, time base 25 ppm;
and for each reading Gaussian noise of 30 ppm of the range at 20 µs (less at longer apertures, as 1/sqrt) and 16 bits.
These are assumptions of the emulator in the order of magnitude of the maker's data, not data of any instrument.
"""

import math

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.meters.emulated.acquisition import Acquisition
from v2g_bench.meters.emulated.calls import Answer, Call, Later, command
from v2g_bench.meters.emulated.meter import HEALTHY, OVERLOAD, EmulatedMeter, MeterDefects, Probe, Samples
from v2g_bench.meters.emulated.settings import Choice, Integer, Number, Stepped, Switch
from v2g_bench.meters.emulated.syntax import ScpiError, definite_block, matches, read_number
from v2g_bench.meters.registry import emulated

MEASURING, WAITING_FOR_TRIGGER = 16, 32  # bits of the operation condition register
SHORTEST_APERTURE_S = 20e-6
SETTLING_S = 1e-3  # from INIT to the first reading
TRIGGER_LATENCY_S = 1e-6
SUB_SAMPLES = 4  # points of the signal that stand for one aperture
CHUNK = 4096  # readings that are computed in one go, so that others of the same loop are not held up


@emulated("keysight-34465a")
class Keysight34465A(EmulatedMeter):
    """Volts over `shunt_ohm`; `memory` readings fit (2 000 000 with the maker's MEM option)."""

    identity = "Keysight Technologies,34465A,MY00000001,A.03.03-03.15-03.03-00.52-04-02"

    range_v = Stepped("[SENSe:]VOLTage[:DC]:RANGe[:UPPer]", (0.1, 1.0, 10.0, 100.0, 1000.0), 10.0, "V")
    auto_range = Switch("[SENSe:]VOLTage[:DC]:RANGe:AUTO", True)
    aperture_s = Number("[SENSe:]VOLTage[:DC]:APERture", SHORTEST_APERTURE_S, 1.0, 0.1, "S")
    autozero = Switch("[SENSe:]VOLTage[:DC]:ZERO:AUTO", True)
    source = Choice("TRIGger:SOURce", ("IMMediate", "EXTernal", "INTernal", "BUS"), "IMM")
    slope = Choice("TRIGger:SLOPe", ("POSitive", "NEGative"), "NEG")
    level_v = Number("TRIGger:LEVel", -1000.0, 1000.0, 0.0, "V")
    delay_s = Number("TRIGger:DELay", 0.0, 3600.0, 1.0, "S")
    trigger_count = Integer("TRIGger:COUNt", 1, 1_000_000, 1)
    sample_source = Choice("SAMPle:SOURce", ("IMMediate", "TIMer"), "IMM")
    interval_s = Number("SAMPle:TIMer", 20e-6, 3600.0, 1.0, "S")
    count = Integer("SAMPle:COUNt", 1, 1_000_000, 1)
    pre = Integer("SAMPle:COUNt:PRETrigger", 0, 1_999_999, 0)
    byte_order = Choice("FORMat:BORDer", ("NORMal", "SWAPped"), "NORM")

    def __init__(
        self,
        probe: Probe,
        clock: Clock,
        shunt_ohm: float,
        seed: int = 0,
        memory: int = 50_000,
        defects: MeterDefects = HEALTHY,
    ) -> None:
        self.shunt_ohm = shunt_ohm
        self.memory = memory
        self._acquisition: Acquisition | None = None
        self._readings: list[Samples] = []
        self._format = "ASC"
        self._scanned_s = 0.0
        super().__init__(probe, clock, seed, defects)
        self.gain_error = self.error_within(50e-6)
        self.offset_of_range = self.error_within(35e-6)
        self.time_base_error = self.error_within(25e-6)

    def reset(self, now_s: float) -> None:
        """*RST: the settings, and no record."""
        super().reset(now_s)
        self._acquisition, self._readings, self._format = None, [], "ASC"

    def external_trigger(self, time_s: float) -> None:
        """The edge at the EXT TRIG connector."""
        if self._acquisition and self.source == "EXT":
            self._acquisition.trigger(time_s + TRIGGER_LATENCY_S + self.delay_s)

    def trigger(self, now_s: float) -> None:
        """*TRG, for TRIG:SOUR BUS."""
        if not self._acquisition or self.source != "BUS":
            raise ScpiError(-211)
        self._acquisition.trigger(now_s + self.delay_s)

    def tick(self, now_s: float) -> None:
        """Look at the input for a level trigger, then as every instrument."""
        self._watch_level(now_s)
        super().tick(now_s)

    def busy(self, now_s: float) -> bool:
        """Is a record running, or waiting for its trigger?"""
        return self._acquisition is not None and not self._acquisition.complete(now_s)

    def done_s(self, now_s: float) -> float:
        """When the record will be complete."""
        return self._acquisition.end_s() if self._acquisition else now_s

    def operation_condition(self, now_s: float) -> int:
        """Bits 4 (measuring) and 5 (waiting for a trigger)."""
        if not self._acquisition or not self.busy(now_s):
            return 0
        return MEASURING | (0 if self._acquisition.triggered else WAITING_FOR_TRIGGER)

    @command("CONFigure[:VOLTage][:DC]")
    def _configure(self, call: Call) -> Answer:
        call.at_most(2)
        kept, kept_format = self.byte_order, self._format
        self.reset(call.now_s)
        self.byte_order, self._format = kept, kept_format
        if call.args and not matches(call.args[0], "AUTO"):
            self.apply("range_v", call.args[0])
            self.auto_range = False
        return None

    @command("CONFigure?")
    def _configuration(self, call: Call) -> Answer:
        return f'"VOLT {self.range_v:+.8E},{self.range_v * 1e-6:+.8E}"'

    @command("FORMat[:DATA]")
    def _set_format(self, call: Call) -> Answer:
        call.at_most(2)
        if matches(call.arg(0), "ASCii"):
            self._format = "ASC"
        elif matches(call.arg(0), "REAL") and read_number(call.arg(1, "64")) in (32, 64):
            self._format = f"REAL,{read_number(call.arg(1, '64')):.0f}"
        else:
            raise ScpiError(-224, ",".join(call.args))
        return None

    @command("FORMat[:DATA]?")
    def _format_is(self, call: Call) -> Answer:
        return self._format

    @command("INITiate[:IMMediate]")
    def _initiate(self, call: Call) -> Answer:
        if self.busy(call.now_s):
            raise ScpiError(-213)
        interval_s = self.interval_s if self.sample_source == "TIM" else self.aperture_s
        shortest_s = self.aperture_s * (2 if self.autozero else 1)
        if self.sample_source == "TIM" and interval_s < shortest_s * (1 - 1e-9):
            raise ScpiError(-221, "sample timer shorter than the reading")
        if self.pre >= self.count or self.count > self.memory or self.trigger_count > 1:
            raise ScpiError(-221, "sample count, pre-trigger count and memory")
        true_s = interval_s * (1 + self.time_base_error + self.defects.time_base)
        start_s = call.now_s + SETTLING_S + float(self.rng.uniform(0, true_s))
        self._acquisition = Acquisition(start_s, true_s, self.count, self.pre, self.aperture_s)
        self._readings, self._scanned_s = [], start_s
        if self.source == "IMM":
            self._acquisition.trigger(start_s)
        return None

    @command("ABORt")
    def _abort(self, call: Call) -> Answer:
        if self.busy(call.now_s):
            self._acquisition, self._readings = None, []
        return None

    @command("DATA:POINts?")
    def _points(self, call: Call) -> Answer:
        return f"{self._acquisition.points(call.now_s) if self._acquisition else 0:+d}"

    @command("FETCh?")
    def _fetch(self, call: Call) -> Answer:
        if not self._acquisition:
            raise ScpiError(-230)
        return Later(self._gathered, lambda now_s: self._encoded(self._format == "ASC"), self._due_s)

    @command("READ?")
    def _read(self, call: Call) -> Answer:
        self._initiate(call)
        return self._fetch(call)

    @command("R?")
    def _remove(self, call: Call) -> Answer:
        """All readings as a block; waits for the end of a running record, where the real one gives what there is."""
        if not self._acquisition:
            return definite_block(b"")
        return Later(self._gathered, self._take_all, self._due_s)

    def _take_all(self, now_s: float) -> Answer:
        block = self._encoded(as_text=False)
        self._acquisition, self._readings = None, []
        return block

    def _due_s(self, now_s: float) -> float:
        return max(now_s, self._acquisition.end_s()) if self._acquisition else now_s

    def _gathered(self, now_s: float) -> bool:
        """Compute the next readings of a complete record; True when all are there."""
        self._watch_level(now_s)
        if not self._acquisition:
            raise ScpiError(-230)
        if not self._acquisition.complete(now_s):
            return False
        times_s = self._acquisition.times_s()
        have = sum(map(len, self._readings))
        if have < len(times_s):
            self._readings.append(self._sample(times_s[have : have + CHUNK]))
        return have + CHUNK >= len(times_s)

    def _sample(self, opens_s: Samples) -> Samples:
        """Readings (V) whose apertures open at these times: mean over the aperture, own errors, 16 bits."""
        if self.defects.stuck:
            return np.full(len(opens_s), 0.25 * self.range_v)
        within_s = self.aperture_s * (np.arange(SUB_SAMPLES) + 0.5) / SUB_SAMPLES
        times_s = (opens_s[:, None] + within_s).ravel()
        current_a = self.probe.dc_current(times_s).reshape(-1, SUB_SAMPLES).mean(axis=1)
        volts = current_a * self.shunt_ohm * self.defects.scale * (1 + self.gain_error)
        sigma_v = 30e-6 * self.range_v * math.sqrt(SHORTEST_APERTURE_S / self.aperture_s)
        volts += self.offset_of_range * self.range_v + self.rng.normal(0.0, sigma_v, len(volts))
        step_v = 2.4 * self.range_v / 2**16
        volts = np.asarray(np.round(volts / step_v) * step_v)
        over = np.abs(volts) > 1.2 * self.range_v
        volts[over] = np.sign(volts[over]) * OVERLOAD
        return volts

    def _watch_level(self, now_s: float) -> None:
        """Internal trigger: look for the edge in what passed since the last look, a second of signal at most."""
        line = self._acquisition
        if not line or self.source != "INT" or line.triggered:
            return
        count = int(min(now_s - self._scanned_s, 1.0) / line.dt_s)
        if count < 2:
            return
        times_s = self._scanned_s + np.arange(count, dtype=np.float64) * line.dt_s
        rising = 1.0 if self.slope == "POS" else -1.0
        above = (self.probe.dc_current(times_s) * self.shunt_ohm - self.level_v) * rising > 0
        edges = np.flatnonzero(~above[:-1] & above[1:])
        self._scanned_s = float(times_s[-1])
        if len(edges):
            line.trigger(float(times_s[edges[0] + 1]) + self.delay_s)

    def _encoded(self, as_text: bool) -> Answer:
        readings = np.concatenate(self._readings)
        text = ",".join(f"{value:+.8E}" for value in readings) if as_text or self._format == "ASC" else ""
        if as_text:
            return text
        order = ">" if self.byte_order == "NORM" else "<"
        kind = {"REAL,64": "f8", "REAL,32": "f4"}.get(self._format)
        return definite_block(readings.astype(order + kind).tobytes() if kind else text.encode())
