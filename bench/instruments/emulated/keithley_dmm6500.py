"""An emulated Keithley DMM6500 that digitizes the voltage over a shunt in the DC circuit.

What it does as the real one: 1 kS/s to 1 MS/s with an aperture of at most the interval; a trigger model that loops until
the edge and keeps a whole percentage of the buffer before it; relative time stamps; binary data as one block of
indefinite length (#0) that ends with a line feed, with no other elements than READ, REL and EXTR; its own form of the
error queue; a second buffer of a name in use is an error, and only *RST or TRAC:DEL removes it. In its other
command set (TSP) it answers *IDN? and *LANG?, and treats all other SCPI as a program with a syntax error.

Its own errors, drawn once from the seed: gain and offset (of the range) 0.02 %, time base 50 ppm; noise of 0.01 % of the
range at 1 µs, 16 bits. Assumptions of the emulator in the order of magnitude of the maker's data. Taken from manuals of
the family, and not seen on an instrument: the words of TRIG:STAT? while it loops, and which errors have which number.
"""

import math

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import Seed, ShuntOhm
from v2g_bench.instruments.emulated.calls import Answer, Call, Later, command
from v2g_bench.instruments.emulated.digitizer import TRIGGER_LATENCY_S, EmulatedDigitizer
from v2g_bench.instruments.emulated.meter import HEALTHY, MeterDefects, Probe, Samples
from v2g_bench.instruments.emulated.scpi import Target
from v2g_bench.instruments.emulated.settings import Choice, Integer, Stepped
from v2g_bench.instruments.emulated.syntax import ScpiError, matches, read_number
from v2g_bench.instruments.emulated.tree import Found, Node
from v2g_bench.instruments.registry import emulated

MOST_READINGS = 7_000_000
FEWEST_READINGS = 10
KNOWN_IN_TSP = ("*IDN?", "*LANG", "*LANG?")


@emulated("keithley-dmm6500")
class KeithleyDMM6500(EmulatedDigitizer):
    """Digitizes volts; one user buffer at a time can be recorded to."""

    identity = "KEITHLEY INSTRUMENTS,MODEL DMM6500,00000001,1.7.12b"
    gain_half, offset_half, time_base_half = 2e-4, 2e-4, 50e-6
    noise, noise_at_s = 1e-4, 1e-6

    range_v = Stepped("[SENSe:]DIGitize:VOLTage:RANGe", (0.1, 1.0, 10.0, 100.0, 1000.0), 10.0, "V")
    rate_hz = Integer("[SENSe:]DIGitize:VOLTage:SRATe", 1000, 1_000_000, 1_000_000, "HZ")
    edge = Choice("TRIGger:EXTernal:IN:EDGE", ("FALLing", "RISing", "EITHer"), "FALL")
    byte_order = Choice("FORMat:BORDer", ("NORMal", "SWAPped"), "SWAP")
    data_format = Choice("FORMat[:DATA]", ("ASCii", "REAL", "SREal"), "ASC")

    def __init__(
        self,
        probe: Probe,
        clock: Clock,
        shunt_ohm: ShuntOhm,
        seed: Seed = 0,
        defects: MeterDefects = HEALTHY,
        language: str = "SCPI",
    ) -> None:
        self.language = language
        self._buffers: dict[str, int] = {}
        self._loop: tuple[str, int] | None = None  # buffer, percentage before the edge
        self._aperture_s: float | None = None  # None: AUTO
        super().__init__(probe, clock, shunt_ohm, seed, defects)

    def reset(self, now_s: float) -> None:
        """*RST: the settings; no buffer of the user's, no trigger model."""
        super().reset(now_s)
        self._buffers, self._loop, self._aperture_s = {}, None, None

    def find(self, header: str, path: Node[Target] | None) -> Found[Target]:
        """In TSP nearly everything is a syntax error."""
        if self.language == "TSP" and header.upper() not in KNOWN_IN_TSP:
            raise ScpiError(-285, header)
        return super().find(header, path)

    def next_error(self) -> str:
        """In this maker's form."""
        answer = super().next_error()
        if answer == '+0,"No error"':
            return '0,"No error;0;0 0"'
        return f'{answer[:-1]};1;2026/11/23 12:00:00.000"'

    def input_range(self) -> tuple[float, float]:
        """Range (V) and aperture (s)."""
        return self.range_v, self.aperture_s

    @property
    def aperture_s(self) -> float:
        """AUTO is the whole interval, in steps of a microsecond."""
        return self._aperture_s or math.floor(1e6 / self.rate_hz) * 1e-6

    def external_trigger(self, time_s: float) -> None:
        """The edge at EXT TRIG IN, if it is the one that was chosen."""
        if self.record and self.edge in ("RIS", "EITH"):
            self.record.trigger(time_s + TRIGGER_LATENCY_S)

    @command("*LANG?")
    def _language(self, call: Call) -> Answer:
        return self.language

    @command("[SENSe:]DIGitize:FUNCtion")
    def _set_function(self, call: Call) -> Answer:
        if not matches(_name(call.arg(0)), "VOLTage"):
            raise ScpiError(-224, call.arg(0))
        return None

    @command("[SENSe:]DIGitize:FUNCtion?")
    def _function(self, call: Call) -> Answer:
        return "VOLT"

    @command("[SENSe:]DIGitize:VOLTage:APERture")
    def _set_aperture(self, call: Call) -> Answer:
        call.at_most(1)
        if matches(call.arg(0), "AUTO"):
            self._aperture_s = None
            return None
        aperture_s = round(read_number(call.arg(0), "S") * 1e6) * 1e-6
        if not 1e-6 <= aperture_s <= 1 / self.rate_hz * (1 + 1e-9):
            raise ScpiError(-222, f"aperture {call.arg(0)}")
        self._aperture_s = aperture_s
        return None

    @command("[SENSe:]DIGitize:VOLTage:APERture?")
    def _aperture(self, call: Call) -> Answer:
        return float(self.aperture_s)

    @command("TRACe:MAKE")
    def _make(self, call: Call) -> Answer:
        call.at_most(3)
        name, size = _name(call.arg(0)), round(read_number(call.arg(1)))
        if name in self._buffers:
            raise ScpiError(1115, f"buffer {name} exists")
        if size < FEWEST_READINGS:
            raise ScpiError(-222, f"buffer of {size}")
        if size + sum(self._buffers.values()) > MOST_READINGS:
            raise ScpiError(-225, f"buffer of {size}")
        self._buffers[name] = size
        return None

    @command("TRACe:DELete")
    def _delete(self, call: Call) -> Answer:
        del self._buffers[self._buffer(call, 0)]
        return None

    @command("TRACe:POINts?")
    def _points(self, call: Call) -> Answer:
        return self._buffers[self._buffer(call, 0)]

    @command("TRACe:ACTual?")
    def _actual(self, call: Call) -> Answer:
        name = self._buffer(call, 0)
        return self.points(call.now_s) if self._loop and self._loop[0] == name else 0

    @command("TRIGger:LOAD")
    def _load(self, call: Call) -> Answer:
        """EMPTY, or LoopUntilEvent, event, position, clear, delay, buffer."""
        template = _name(call.arg(0)).upper()
        if template == "EMPTY":
            self._loop = None
            return None
        percent = read_number(call.arg(2))
        if template != "LOOPUNTILEVENT" or not matches(call.arg(1), "EXTernal") or not 0 <= percent <= 100:
            raise ScpiError(-224, ",".join(call.args))
        self._loop = (self._buffer(call, 5), round(percent))
        return None

    @command("TRIGger:STATe?")
    def _trigger_state(self, call: Call) -> Answer:
        if self._loop is None:
            return "EMPTY;EMPTY;0"
        if self.record is None or not self.busy(call.now_s):
            return "IDLE;IDLE;6" if self.record else "IDLE;IDLE;0"
        return "RUNNING;RUNNING;5" if self.record.triggered else "WAITING;WAITING;3"

    @command("INITiate[:IMMediate]")
    def _initiate(self, call: Call) -> Answer:
        self.require_idle(call.now_s)
        if self._loop is None or self._loop[0] not in self._buffers:
            raise ScpiError(-221, "no trigger model")
        count = self._buffers[self._loop[0]]
        self.begin(call.now_s, 1 / self.rate_hz, self.aperture_s, count, count * self._loop[1] // 100)
        return None

    @command("ABORt")
    def _abort(self, call: Call) -> Answer:
        return self.abandon(call.now_s)

    @command("TRACe:DATA?")
    def _data(self, call: Call) -> Answer:
        """First, last, buffer, elements."""
        self._buffer(call, 2)
        elements = [item.upper() for item in call.args[3:]] or ["READ"]
        binary = self.data_format != "ASC"
        allowed = ("READ", "READING", "REL", "RELATIVE")
        if bad := [item for item in elements if item not in allowed]:
            raise ScpiError(1133, f"expected valid name parameter, not {bad[0]}")
        record = self.complete_record(call.now_s)
        first, last = round(read_number(call.arg(0))), round(read_number(call.arg(1)))
        if not 1 <= first <= last <= record.points(call.now_s):
            raise ScpiError(-222, f"readings {first} to {last}")
        return Later(self.gathered, lambda now_s: self._encoded(first, last, elements, binary), self.due_s)

    def _encoded(self, first: int, last: int, elements: list[str], binary: bool) -> Answer:
        volts = self.volts()
        columns = [self.timestamps_s(len(volts)) if item.startswith("REL") else volts for item in elements]
        table = np.column_stack(columns)[first - 1 : last].ravel()
        if not binary:
            return ",".join(f"{value:.6E}" for value in table)
        kind = "f8" if self.data_format == "REAL" else "f4"
        return b"#0" + self.packed(table, kind, high_first=self.byte_order == "NORM")

    def timestamps_s(self, count: int) -> Samples:
        """Relative time stamps; its own clock does not see its own error."""
        return np.arange(count) / self.rate_hz

    def _buffer(self, call: Call, index: int) -> str:
        name = _name(call.arg(index))
        if name not in self._buffers:
            raise ScpiError(1115, f"no buffer {name}")
        return name


def _name(text: str) -> str:
    """What is between quotation marks."""
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        raise ScpiError(-104, text)
    return text[1:-1]
