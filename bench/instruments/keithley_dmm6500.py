"""Driver of the Keithley DMM6500 (and DAQ6510, DMM7510) as a DC current digitizer over a shunt.

Its trigger model records without end until the edge comes to EXT TRIG IN, and then fills the rest of a buffer that is
exactly as long as the record. How much of the buffer lies before the edge is a whole percentage: the record becomes a
little longer than asked for, never shorter. The relative time stamps show whether a reading is missing.
"""

import math

import numpy as np

from v2g_bench.inputs.ranges import LatencyS, ShuntOhm, VoltageV
from v2g_bench.instruments.digitizer import AcquisitionPlan, Record, ShuntDigitizer, State
from v2g_bench.instruments.registry import driver
from v2g_bench.instruments.session import ScpiSession

BUFFER = '"bench"'
FEWEST_READINGS = 10  # that a buffer can hold
STATES = {"WAITING": State.WAITING, "RUNNING": State.RUNNING, "IDLE": State.DONE}
READ_S = 5.0


@driver("keithley-dmm6500")
class KeithleyDMM6500(ShuntDigitizer):
    """See ShuntDigitizer; ranges of 0.1 to 1000 V. Must be set to SCPI, not to TSP."""

    expected = r"^KEITHLEY INSTRUMENTS,MODEL (DMM6500|DAQ6510|DMM7510),"
    max_sample_rate_hz = 1e6
    shortest_aperture_s = 1.0  # AUTO: the whole interval
    # Digitize voltage, one year.
    accuracy = dict.fromkeys((0.1, 1.0, 10.0, 100.0, 1000.0), (0.0003, 0.0003))
    time_base_rel = 50e-6
    source = (
        "DMM6500, digitize voltage accuracy as entered in this driver; time base ±50 ppm and a free-running sample grid "
        "are assumed until the rig's calibration says better"
    )

    def __init__(
        self, session: ScpiSession, shunt_ohm: ShuntOhm, range_v: VoltageV = 0.1, trigger_latency_s: LatencyS = 0.0
    ) -> None:
        language = session.query("*LANG?")
        if language != "SCPI":
            raise session.doubt(
                f"its command set is {language[:20]!r}, not SCPI", "send *LANG SCPI and switch it off and on"
            )
        self._made = False
        super().__init__(session, shunt_ohm, range_v, trigger_latency_s)

    def _configure(self, wanted: AcquisitionPlan) -> AcquisitionPlan:
        percent, count = buffer_of(wanted.pre, wanted.count - wanted.pre)
        # Deletes the buffer of the record before; where it is not known whether there is one, a reset clears everything.
        for command in ('TRIG:LOAD "EMPTY"', f"TRAC:DEL {BUFFER}" if self._made else "*RST"):
            self._session.write(command)
        self._made = False
        for command in (
            "*CLS",
            'DIG:FUNC "VOLT"',
            f"DIG:VOLT:RANG {self._range_v:g}",
            "FORM:DATA REAL",
            "FORM:BORD NORM",
        ):
            self._session.write(command)
        read = self._set({"DIG:VOLT:SRAT": round(1 / wanted.interval_s)})
        for command in ("DIG:VOLT:APER AUTO", f"TRAC:MAKE {BUFFER},{count}", "TRIG:EXT:IN:EDGE RIS"):
            self._session.write(command)
        self._session.write(f'TRIG:LOAD "LoopUntilEvent",EXT,{percent},ENT,0,{BUFFER}')
        self._session.check_errors("its configuration")
        aperture_s = self._session.query_float("DIG:VOLT:APER?")
        for query, value in {"DIG:VOLT:RANG?": self._range_v, f"TRAC:POIN? {BUFFER}": count}.items():
            if (found := self._session.query_float(query)) != value:
                raise self._session.doubt(f"{query} answers {found:g} after {value:g} was set")
        self._made = True
        return AcquisitionPlan(1 / read["DIG:VOLT:SRAT"], aperture_s, count * percent // 100, count)

    def _start(self) -> None:
        self._session.write("INIT")

    def _state(self) -> State:
        answer = self._session.query("TRIG:STAT?")
        state = answer.split(";")[0]
        if state not in STATES:
            raise self._session.doubt(
                f"its trigger model is {answer[:40]!r}", "was something pressed on its front panel?"
            )
        return STATES[state]

    def _read(self) -> Record:
        points = self._in_memory(f"TRAC:ACT? {BUFFER}")
        query = f"TRAC:DATA? 1,{points},{BUFFER},REL,READ"
        pairs = self._session.query_block(query, "f8", self._session.timeout_s + READ_S, count=2 * points)
        at_s, volts = pairs[0::2], pairs[1::2]
        gaps_s = np.abs(np.diff(at_s) - self._plan.interval_s)
        if len(gaps_s) and not gaps_s.max() <= 0.5 * self._plan.interval_s:  # NaN is no time either
            raise self._session.doubt(
                f"its time stamps jump at reading {int(gaps_s.argmax()) + 1}: a reading is missing"
            )
        return self._on_free_grid(volts, points)


def buffer_of(pre: int, post: int) -> tuple[int, int]:
    """The trigger's place (whole %) and the size of the smallest buffer that has `pre` readings before it and `post` after.

    >>> buffer_of(2500, 17501)
    (13, 20117)
    """
    percent = min(99, math.ceil(100 * pre / (pre + post)))
    count = max(FEWEST_READINGS, math.ceil(100 * post / (100 - percent)), math.ceil(100 * pre / max(percent, 1)))
    while count * percent // 100 < pre or count - count * percent // 100 < post:
        count += 1
    return percent, count
