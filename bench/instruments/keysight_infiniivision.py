"""Driver of Keysight's InfiniiVision oscilloscopes (DSOX and MSOX 1000 to 6000) as a digitizer of the DC current.

Channel 1 measures a shunt, or a current probe: `shunt_ohm` is then the probe's V/A. The edge of the rig's sync line
comes to EXT TRIG. A scope has few bits and much speed: it records in high-resolution mode as fast as its memory allows,
and this driver averages its points down to the rate that was asked for, so that nothing is aliased. Time zero of its
record is the trigger; its preamble gives the time of each point.
"""

import math

import numpy as np

from v2g_bench.inputs.ranges import LatencyS, ShuntOhm, SignedV, VoltageV
from v2g_bench.instruments.digitizer import AcquisitionPlan, Record, ShuntDigitizer, State
from v2g_bench.instruments.registry import driver
from v2g_bench.instruments.session import ScpiSession

RUNNING = 8  # bit of OPER:COND?
MARGIN = 1.01  # a record is that much longer than asked for
CLIPPED_LOW, CLIPPED_HIGH = 0x01FF, 0xFF00  # outermost words: a hole in the data, or beyond the screen
X_INCREMENT, X_ORIGIN, X_REFERENCE, Y_INCREMENT, Y_ORIGIN, Y_REFERENCE = range(4, 10)  # fields of WAV:PRE?
HIGHEST_RATE_HZ = 1e6  # nothing here needs more
READ_S = 5.0


@driver("keysight-infiniivision")
class KeysightInfiniiVision(ShuntDigitizer):
    """See ShuntDigitizer; range_v is the whole screen of 8 divisions, zero in its middle. trigger_v: level of the edge."""

    expected = r"^(KEYSIGHT|AGILENT) TECHNOLOGIES,[DM]SO-?X ?[1-6]\d{3}[AGTX],"
    max_sample_rate_hz = HIGHEST_RATE_HZ
    shortest_aperture_s = 1.0  # averaged: the whole interval
    # DC vertical gain, and offset of 0.1 division; 5 mV to 10 V per division.
    accuracy = dict.fromkeys((0.04, 0.08, 0.16, 0.4, 0.8, 1.6, 4.0, 8.0, 16.0, 40.0, 80.0), (0.03, 0.0125))
    offset_v = 0.002
    time_base_rel = 50e-6
    source = (
        "InfiniiVision, vertical accuracy (3 %, 0.1 division, 2 mV) and time base ±50 ppm as entered in this driver; where in "
        "its interval a high-resolution point lies is not stated: ± half an interval, until the rig's calibration says better"
    )

    def __init__(
        self,
        session: ScpiSession,
        shunt_ohm: ShuntOhm,
        range_v: VoltageV = 8.0,
        trigger_v: SignedV = 1.5,
        trigger_latency_s: LatencyS = 0.0,
    ) -> None:
        self._trigger_v = trigger_v
        self._rate_hz, self._group, self._triggered = 0.0, 1, False
        super().__init__(session, shunt_ohm, range_v, trigger_latency_s)

    def _configure(self, wanted: AcquisitionPlan) -> AcquisitionPlan:
        before_s, after_s = wanted.pre * wanted.interval_s, (wanted.count - wanted.pre) * wanted.interval_s
        # The attenuation comes first: at *RST it is 10, and it scales the range.
        for command in ("*CLS", ":CHAN1:PROB 1", ":CHAN1:COUP DC", ":CHAN1:OFFS 0", ":CHAN1:DISP 1", ":ACQ:TYPE HRES"):
            self._session.write(command)
        for command in (":TIM:MODE MAIN", ":TIM:REF CENT", ":TRIG:MODE EDGE", ":TRIG:SWE NORM"):
            self._session.write(command)
        self._session.write(f":TRIG:EDGE:SOUR EXT;SLOP POS;LEV {self._trigger_v:g}")
        read = self._set(
            {
                ":CHAN1:RANG": self._range_v,
                ":TIM:RANG": MARGIN * (before_s + after_s),
                ":TIM:POS": (after_s - before_s) / 2,
            }
        )
        self._rate_hz = self._session.query_float(":ACQ:SRAT?")
        if self._rate_hz < (1 - 1e-3) / wanted.interval_s:
            raise self._session.doubt(
                f"takes {self._rate_hz:g} samples/s over {read[':TIM:RANG']:g} s, not {1 / wanted.interval_s:g}",
                "its memory is too short for this record",
            )
        self._group = max(1, math.floor(self._rate_hz * wanted.interval_s * (1 + 1e-6)))
        interval_s = self._group / self._rate_hz
        left_s = read[":TIM:POS"] - read[":TIM:RANG"] / 2
        count = math.floor(read[":TIM:RANG"] / interval_s)
        return AcquisitionPlan(interval_s, interval_s, math.floor(-left_s / interval_s), count)

    def _start(self) -> None:
        self._session.query_int(":TER?")  # forgets the trigger of the record before
        self._triggered = False
        self._session.write(":SING")

    def _stop(self) -> None:
        self._session.write(":STOP")

    def _state(self) -> State:
        if not self._session.query_int(":OPER:COND?") & RUNNING:
            return State.DONE
        self._triggered = bool(self._session.query_int(":TER?")) or self._triggered  # reading it clears it
        return State.RUNNING if self._triggered else State.WAITING

    def _read(self) -> Record:
        # The number of points before their mode: the other way round it gives a thousand points of the screen.
        for command in (":WAV:SOUR CHAN1;FORM WORD;BYT MSBF;UNS 1", ":WAV:POIN MAX", ":WAV:POIN:MODE RAW"):
            self._session.write(command)
        self._session.check_errors("the choice of a waveform")
        preamble = self._session.query_floats(":WAV:PRE?", 10)
        points, taken = round(preamble[2]), self._session.query_int(":ACQ:POIN?")
        step_s = preamble[X_INCREMENT]
        if points != taken or abs(step_s * self._rate_hz - 1) > 1e-3:
            raise self._session.doubt(
                f"offers {points} points {step_s:g} s apart, and took {taken} at {self._rate_hz:g} Hz",
                "was something changed on its front panel?",
            )
        words = self._session.query_block(":WAV:DATA?", "u2", self._session.timeout_s + READ_S, count=points)
        volts = (words - preamble[Y_REFERENCE]) * preamble[Y_INCREMENT] + preamble[Y_ORIGIN]
        volts[(words <= CLIPPED_LOW) | (words >= CLIPPED_HIGH)] = math.inf
        groups = points // self._group
        means = volts[: groups * self._group].reshape(groups, self._group).mean(axis=1)
        if groups < self._plan.count:
            raise self._session.doubt(f"{groups} samples came, {self._plan.count} were asked for")
        first_s = preamble[X_ORIGIN] + ((self._group - 1) / 2 - preamble[X_REFERENCE]) * step_s
        return Record(np.asarray(means[: self._plan.count]), first_s)
