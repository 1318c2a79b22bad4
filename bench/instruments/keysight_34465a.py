"""Driver of the Keysight 34465A and 34470A (with the digitizing option) as a DC current digitizer over a shunt.

The edge of the rig's sync line comes to the external trigger input. The meter gives no time stamps: sample k is at
trigger + latency + half an interval + half an aperture + (k - pre-trigger count) intervals. Half an interval, because
the sample grid runs free and the trigger takes effect at the next sample: that is also the jitter in `timing()`.
"""

from v2g_bench.inputs.ranges import LatencyS, ShuntOhm, VoltageV
from v2g_bench.instruments.digitizer import AcquisitionPlan, Record, ShuntDigitizer, State
from v2g_bench.instruments.registry import driver
from v2g_bench.instruments.session import ScpiSession

MEASURING, WAITING_FOR_TRIGGER = 16, 32  # bits of STAT:OPER:COND?


@driver("keysight-34465a")
class Keysight34465A(ShuntDigitizer):
    """See ShuntDigitizer; ranges of 0.1 to 1000 V."""

    expected = r"^(Keysight|Agilent) Technologies,344(65|70)A,"
    max_sample_rate_hz = 50e3
    shortest_aperture_s = 20e-6
    # One-year accuracy, DC volts.
    accuracy = {  # noqa: RUF012  never changed
        0.1: (50e-6, 35e-6),
        1.0: (35e-6, 4e-6),
        10.0: (30e-6, 4e-6),
        100.0: (40e-6, 6e-6),
        1000.0: (40e-6, 6e-6),
    }
    time_base_rel = 25e-6
    source = (
        "34465A, one-year DC voltage accuracy as entered in this driver; time base ±25 ppm and a free-running sample grid "
        "are assumed until the rig's calibration says better"
    )

    def __init__(
        self, session: ScpiSession, shunt_ohm: ShuntOhm, range_v: VoltageV = 0.1, trigger_latency_s: LatencyS = 0.0
    ) -> None:
        super().__init__(session, shunt_ohm, range_v, trigger_latency_s)

    def _configure(self, wanted: AcquisitionPlan) -> AcquisitionPlan:
        for command in ("*CLS", f"CONF:VOLT:DC {self._range_v:g}", "VOLT:DC:ZERO:AUTO OFF", "SAMP:SOUR TIM"):
            self._session.write(command)
        for command in ("TRIG:SOUR EXT", "TRIG:SLOP POS", "TRIG:DEL 0", "TRIG:COUN 1", "FORM:DATA REAL,64"):
            self._session.write(command)
        self._session.write("FORM:BORD NORM")
        self._session.write("SAMP:COUN:PRET 0")  # so that the new count cannot be below an old pre-trigger count
        read = self._set(
            {
                "VOLT:DC:RANG": self._range_v,
                "VOLT:DC:APER": self.shortest_aperture_s,
                "SAMP:TIM": wanted.interval_s,
                "SAMP:COUN": wanted.count,
                "SAMP:COUN:PRET": wanted.pre,
            }
        )
        return AcquisitionPlan(read["SAMP:TIM"], read["VOLT:DC:APER"], wanted.pre, wanted.count)

    def _start(self) -> None:
        self._session.write("INIT")

    def _state(self) -> State:
        condition = self._session.query_int("STAT:OPER:COND?")
        if condition & WAITING_FOR_TRIGGER:
            return State.WAITING
        return State.RUNNING if condition & MEASURING else State.DONE

    def _read(self) -> Record:
        points = self._in_memory("DATA:POIN?")
        volts = self._session.query_block("FETC?", "f8", self._session.timeout_s + 2.0, count=points)
        return self._on_free_grid(volts, points)
