"""An emulated Keysight DSO-X 2024A: channel 1 on a shunt or a current probe, the sync line on EXT TRIG.

What it does as the real one: the sample rate follows from the time on the screen and the memory; *RST sets a 10:1 probe,
which scales the range; a single acquisition waits until the pre-trigger half is recorded and then for the edge; reading :TER?
clears it; data are words (or bytes) with a preamble of ten numbers that turn them into seconds from the trigger and volts,
the least significant byte last unless set otherwise; it returns the screen's thousand points unless it is set to
:WAV:POIN MAX and then :WAV:POIN:MODE RAW, in that order; what is beyond the screen is the outermost word.

Its own errors, drawn once from the seed: gain 2 %, offset 0.25 % of the screen, time base 25 ppm; noise of 0.1 % of the
screen at 4 µs; 8 bits, 12 in high resolution. Assumptions of the emulator inside the maker's limits, not data of an
instrument.
"""

import math

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import Memory, Seed, ShuntOhm
from v2g_bench.instruments.emulated.acquisition import Acquisition
from v2g_bench.instruments.emulated.calls import Answer, Call, Later, command
from v2g_bench.instruments.emulated.digitizer import TRIGGER_LATENCY_S, EmulatedDigitizer
from v2g_bench.instruments.emulated.meter import HEALTHY, MeterDefects, Probe
from v2g_bench.instruments.emulated.settings import Choice, Number, Switch
from v2g_bench.instruments.emulated.syntax import ScpiError, definite_block, matches
from v2g_bench.instruments.registry import emulated

FASTEST_HZ = 2e9
SCREEN_POINTS = 1000
RUNNING = 8
FORMATS = {"BYTE": 0, "WORD": 1}
TYPES = {"NORM": 0, "HRES": 3}
BEYOND_V = 1e9  # the value of a reading beyond the screen, before it becomes the outermost word


@emulated("keysight-infiniivision")
class KeysightInfiniiVision(EmulatedDigitizer):
    """Volts of channel 1; `memory` points of one record."""

    identity = "AGILENT TECHNOLOGIES,DSO-X 2024A,MY00000001,02.43.2018020635"
    gain_half, offset_half, time_base_half = 0.02, 0.005, 25e-6
    noise, noise_at_s = 2e-3, 4e-6
    span, headroom = 2.0, 1.0

    screen_s = Number("TIMebase:RANGe", 50e-9, 500.0, 1e-3, "S")
    position_s = Number("TIMebase:POSition", -500.0, 500.0, 0.0, "S")
    reference = Choice("TIMebase:REFerence", ("LEFT", "CENTer", "RIGHt"), "CENT")
    time_mode = Choice("TIMebase:MODE", ("MAIN", "WINDow", "XY", "ROLL"), "MAIN")
    probe_ratio = Number("CHANnel#:PROBe", 0.1, 10_000.0, 10.0)
    screen_v = Number("CHANnel#:RANGe", 0.016, 400.0, 40.0, "V")
    shift_v = Number("CHANnel#:OFFSet", -200.0, 200.0, 0.0, "V")
    coupling = Choice("CHANnel#:COUPling", ("AC", "DC"), "DC")
    shown = Switch("CHANnel#:DISPlay", True)
    kind = Choice("ACQuire:TYPE", ("NORMal", "HRESolution"), "NORM")
    trigger_mode = Choice("TRIGger:MODE", ("EDGE",), "EDGE")
    sweep = Choice("TRIGger:SWEep", ("AUTO", "NORMal"), "AUTO")
    source = Choice("TRIGger:EDGE:SOURce", ("CHAN1", "EXTernal", "LINE"), "CHAN1")
    slope = Choice("TRIGger:EDGE:SLOPe", ("POSitive", "NEGative"), "POS")
    level_v = Number("TRIGger:EDGE:LEVel", -8.0, 8.0, 0.0, "V")
    wave_source = Choice("WAVeform:SOURce", ("CHAN1",), "CHAN1")
    wave_format = Choice("WAVeform:FORMat", ("BYTE", "WORD"), "BYTE")
    byte_order = Choice("WAVeform:BYTeorder", ("MSBFirst", "LSBFirst"), "MSBF")
    unsigned = Switch("WAVeform:UNSigned", True)
    point_mode = Choice("WAVeform:POINts:MODE", ("NORMal", "RAW"), "NORM")

    def __init__(
        self,
        probe: Probe,
        clock: Clock,
        shunt_ohm: ShuntOhm,
        seed: Seed = 0,
        memory: Memory = 100_000,
        defects: MeterDefects = HEALTHY,
    ) -> None:
        self.memory = memory
        self._edge_s = math.nan
        self._triggered = False
        super().__init__(probe, clock, shunt_ohm, seed, defects)

    def reset(self, now_s: float) -> None:
        """*RST: the settings, and no trigger seen."""
        super().reset(now_s)
        self._edge_s, self._triggered = math.nan, False

    @property
    def rate_hz(self) -> float:
        """Samples per second: the fastest whole division whose record fits into the memory."""
        return FASTEST_HZ / max(1, math.ceil(FASTEST_HZ * self.screen_s / self.memory - 1e-9))

    def input_range(self) -> tuple[float, float]:
        """Half of the screen (V at the input), and the interval that one point is the mean of."""
        return self.screen_v / 2, 1 / self.rate_hz

    def overflow_v(self) -> float:
        """Far beyond the screen."""
        return BEYOND_V

    def external_trigger(self, time_s: float) -> None:
        """An edge of 5 V at EXT TRIG; held off until the part before the trigger is recorded."""
        line = self.record
        seen = self.source == "EXT" and self.slope == "POS" and 0 < self.level_v < 5
        if line is None or line.triggered or not seen or time_s < line.start_s + line.pre * line.dt_s:
            return
        line.trigger(time_s + TRIGGER_LATENCY_S)
        self._edge_s, self._triggered = time_s + TRIGGER_LATENCY_S, True

    @command("SINGle")
    def _single(self, call: Call) -> Answer:
        share = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}[self.reference]
        before_s = share * self.screen_s - self.position_s
        count = math.floor(self.screen_s * self.rate_hz + 1e-6)
        pre = min(max(0, round(before_s * self.rate_hz)), count)
        self.steps = 4096 if self.kind == "HRES" else 256
        self.begin(call.now_s, 1 / self.rate_hz, 1 / self.rate_hz, count, pre)
        return None

    @command("STOP")
    def _stop(self, call: Call) -> Answer:
        return self.abandon(call.now_s)

    @command("OPERegister:CONDition?")
    def _condition(self, call: Call) -> Answer:
        return f"{RUNNING if self.busy(call.now_s) else 0:+d}"

    @command("TER?")
    def _take_trigger(self, call: Call) -> Answer:
        seen, self._triggered = self._triggered, False
        return f"{int(seen):+d}"

    @command("ACQuire:SRATe?")
    def _sample_rate(self, call: Call) -> Answer:
        return float(self.rate_hz)

    @command("ACQuire:POINts?")
    def _acquired(self, call: Call) -> Answer:
        return f"{self.points(call.now_s):+d}"

    @command("WAVeform:POINts")
    def _set_points(self, call: Call) -> Answer:
        if not matches(call.arg(0), "MAXimum"):
            raise ScpiError(-224, call.arg(0))
        self.values["point_mode"] = "NORM"  # what the raw mode was before is forgotten
        return None

    @command("WAVeform:PREamble?")
    def _preamble(self, call: Call) -> Answer:
        line, every = self._finished(call.now_s)
        # The middle of the first point, on the scope's own time scale.
        origin_s = (line.times_s()[0] - self._edge_s) * (1 / self.rate_hz) / line.dt_s + 0.5 / self.rate_hz
        fields = [FORMATS[self.wave_format], TYPES[self.kind], math.ceil(line.points(call.now_s) / every), 1]
        numbers = [every / self.rate_hz, origin_s, 0, self._step_v(), -self.shift_v, self._middle()]
        return ",".join([*(f"{field:+d}" for field in fields), *(f"{number:+.8E}" for number in numbers)])

    @command("WAVeform:DATA?")
    def _data(self, call: Call) -> Answer:
        self._finished(call.now_s)
        return Later(self.gathered, self._encoded, self.due_s)

    def _finished(self, now_s: float) -> tuple[Acquisition, int]:
        """The record, and of how many of its points one is given. ScpiError -230: there is none."""
        line = self.complete_record(now_s)
        return line, 1 if self.point_mode == "RAW" else math.ceil(line.points(now_s) / SCREEN_POINTS)

    def _middle(self) -> int:
        return 2**15 if self.wave_format == "WORD" else 2**7

    def _step_v(self) -> float:
        return self.screen_v / (2 * self._middle())

    def _encoded(self, now_s: float) -> Answer:
        _, every = self._finished(now_s)
        middle = self._middle()
        volts = self.volts()[::every]
        words = np.clip(np.round(volts / self._step_v()) + middle, 1, 2 * middle - 1)
        kind = "u2" if self.wave_format == "WORD" else "u1"
        return definite_block(self.packed(words, kind, high_first=self.byte_order == "MSBF"))
