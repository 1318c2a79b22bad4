"""An emulated Keysight 34465A that digitizes the voltage over a shunt in the DC circuit.

What it does as the real one: SAMP:TIM from 20 µs (50 kS/s) and not below the aperture; 50 000 readings of memory; the
pre-trigger count is part of SAMP:COUN; a trigger before the pre-trigger readings are complete leaves fewer readings;
no time stamps; readings above 120 % of the range are 9.9E37; a trigger delay that is not set to 0 is a second.

Its own errors, drawn once from the seed (evenly within ±): gain 50 ppm, offset 35 ppm of the range, time base 25 ppm;
and for each reading Gaussian noise of 30 ppm of the range at 20 µs (less at longer apertures, as 1/sqrt) and 16 bits.
These are assumptions of the emulator in the order of magnitude of the maker's data, not data of any instrument.
"""

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import Memory, Seed, ShuntOhm
from v2g_bench.instruments.emulated.calls import Answer, Call, Later, command
from v2g_bench.instruments.emulated.digitizer import TRIGGER_LATENCY_S, EmulatedDigitizer
from v2g_bench.instruments.emulated.meter import HEALTHY, MeterDefects, Probe
from v2g_bench.instruments.emulated.settings import Choice, Integer, Number, Stepped, Switch
from v2g_bench.instruments.emulated.syntax import ScpiError, definite_block, matches, read_number
from v2g_bench.instruments.registry import emulated

MEASURING, WAITING_FOR_TRIGGER = 16, 32  # bits of the operation condition register
SHORTEST_APERTURE_S = 20e-6


@emulated("keysight-34465a")
class Keysight34465A(EmulatedDigitizer):
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
        shunt_ohm: ShuntOhm,
        seed: Seed = 0,
        memory: Memory = 50_000,
        defects: MeterDefects = HEALTHY,
    ) -> None:
        self.memory = memory
        self._format = "ASC"
        self._scanned_s = 0.0
        super().__init__(probe, clock, shunt_ohm, seed, defects)

    def reset(self, now_s: float) -> None:
        """*RST: the settings, and no record."""
        super().reset(now_s)
        self._format = "ASC"

    def input_range(self) -> tuple[float, float]:
        """Range (V) and aperture (s)."""
        return self.range_v, self.aperture_s

    def external_trigger(self, time_s: float) -> None:
        """The edge at the EXT TRIG connector."""
        if self.record and self.source == "EXT":
            self.record.trigger(time_s + TRIGGER_LATENCY_S + self.delay_s)

    def trigger(self, now_s: float) -> None:
        """*TRG, for TRIG:SOUR BUS."""
        if not self.record or self.source != "BUS":
            raise ScpiError(-211)
        self.record.trigger(now_s + self.delay_s)

    def tick(self, now_s: float) -> None:
        """Look at the input for a level trigger, then as every instrument."""
        self._watch_level(now_s)
        super().tick(now_s)

    def operation_condition(self, now_s: float) -> int:
        """Bits 4 (measuring) and 5 (waiting for a trigger)."""
        if not self.record or not self.busy(now_s):
            return 0
        return MEASURING | (0 if self.record.triggered else WAITING_FOR_TRIGGER)

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
        self.require_idle(call.now_s)
        interval_s = self.interval_s if self.sample_source == "TIM" else self.aperture_s
        shortest_s = self.aperture_s * (2 if self.autozero else 1)
        if self.sample_source == "TIM" and interval_s < shortest_s * (1 - 1e-9):
            raise ScpiError(-221, "sample timer shorter than the reading")
        if self.pre >= self.count or self.count > self.memory or self.trigger_count > 1:
            raise ScpiError(-221, "sample count, pre-trigger count and memory")
        record = self.begin(call.now_s, interval_s, self.aperture_s, self.count, self.pre)
        self._scanned_s = record.start_s
        if self.source == "IMM":
            record.trigger(record.start_s)
        return None

    @command("ABORt")
    def _abort(self, call: Call) -> Answer:
        return self.abandon(call.now_s)

    @command("DATA:POINts?")
    def _points(self, call: Call) -> Answer:
        return f"{self.points(call.now_s):+d}"

    @command("FETCh?")
    def _fetch(self, call: Call) -> Answer:
        if not self.record:
            raise ScpiError(-230)
        return Later(self.gathered, lambda now_s: self._encoded(self._format == "ASC"), self.due_s)

    @command("READ?")
    def _read(self, call: Call) -> Answer:
        self._initiate(call)
        return self._fetch(call)

    @command("R?")
    def _remove(self, call: Call) -> Answer:
        """All readings as a block; waits for the end of a running record, where the real one gives what there is."""
        if not self.record:
            return definite_block(b"")
        return Later(self.gathered, self._take_all, self.due_s)

    def _take_all(self, now_s: float) -> Answer:
        block = self._encoded(as_text=False)
        self.drop()
        return block

    def gathered(self, now_s: float) -> bool:
        """Also checks the input for a level trigger."""
        self._watch_level(now_s)
        return super().gathered(now_s)

    def _watch_level(self, now_s: float) -> None:
        """Internal trigger: search for the edge in the signal since the last search, a second at most."""
        line = self.record
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
        readings = self.volts()
        text = ",".join(f"{value:+.8E}" for value in readings) if as_text or self._format == "ASC" else ""
        if as_text:
            return text
        kind = {"REAL,64": "f8", "REAL,32": "f4"}.get(self._format)
        packed = self.packed(readings, kind, high_first=self.byte_order == "NORM") if kind else text.encode()
        return definite_block(packed)
