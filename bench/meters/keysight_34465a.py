"""Driver of the Keysight 34465A and 34470A (with the digitizing option) as a DC current digitizer over a shunt.

The edge of the rig's sync line comes to the external trigger input. The meter gives no time stamps: sample k is at
trigger + latency + half an interval + half an aperture + (k - pre-trigger count) intervals. Half an interval, because
the sample grid runs free and the trigger takes effect at the next sample: that is also the jitter in `timing()`.
"""

import numpy as np
from numpy.typing import NDArray

from v2g_bench.meters.protocols import DigitizerTiming, Identity
from v2g_bench.meters.registry import driver
from v2g_bench.meters.session import ScpiSession
from v2g_bench.metrology.waveform import Waveform

MEASURING, WAITING_FOR_TRIGGER = 16, 32  # bits of STAT:OPER:COND?
SHORTEST_INTERVAL_S = 20e-6
SETTLING_S = 0.01  # from INIT to the first reading, generously
POLL_S = 0.002
EDGE_DOUBT_S = 0.01  # an edge is told with a half-width of its own: the told time may lie a little ahead of the clock
OVERLOAD_V = 9e37
TIME_BASE_REL = 25e-6

# One-year accuracy, DC volts, by range (V): half-widths relative to the reading and to the range.
ACCURACY = {
    0.1: (50e-6, 35e-6),
    1.0: (35e-6, 4e-6),
    10.0: (30e-6, 4e-6),
    100.0: (40e-6, 6e-6),
    1000.0: (40e-6, 6e-6),
}
SOURCE = (
    "34465A, one-year DC voltage accuracy as entered in this driver; time base ±25 ppm and a free-running sample grid "
    "are assumed until the rig's calibration says better"
)


@driver("keysight-34465a")
class Keysight34465A:
    """shunt_ohm: calibrated value of the shunt; range_v: fixed range, one of 0.1, 1, 10, 100, 1000 V.

    trigger_latency_s: from the edge at the connector to its effect, from the rig's calibration. Raises BenchError.
    """

    max_sample_rate_hz = 1 / SHORTEST_INTERVAL_S

    def __init__(
        self, session: ScpiSession, shunt_ohm: float, range_v: float = 0.1, trigger_latency_s: float = 0.0
    ) -> None:
        if shunt_ohm <= 0 or range_v not in ACCURACY:
            raise session.error(f"shunt_ohm={shunt_ohm}, range_v={range_v}", f"shunt > 0; range of {list(ACCURACY)}")
        self._session = session
        self._shunt_ohm = shunt_ohm
        self._range_v = range_v
        self._latency_s = trigger_latency_s
        self._interval_s = self._aperture_s = SHORTEST_INTERVAL_S
        self._count = self._pre = 0
        self._armed_s: float | None = None
        self._last: NDArray[np.float64] | None = None
        self._identity = session.identify(r"^(Keysight|Agilent) Technologies,344(65|70)A,")
        session.write("*RST")
        session.write("*CLS")
        session.check_errors("*RST")

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        return self._identity

    def timing(self) -> DigitizerTiming:
        """For the settings of the last `arm` (the fastest ones before it)."""
        gain, of_range = ACCURACY[self._range_v]
        return DigitizerTiming(
            sample_interval_s=self._interval_s,
            aperture_s=self._aperture_s,
            trigger_half_width_s=self._interval_s / 2,
            time_base_rel=TIME_BASE_REL,
            gain_rel=gain,
            offset_a=of_range * self._range_v / self._shunt_ohm,
            source=SOURCE,
        )

    def arm(self, *, sample_rate_hz: float, before_s: float, after_s: float) -> None:
        """Configure, start, and return when `before_s` of readings are in memory. BenchError also if it triggers."""
        if not 0 < sample_rate_hz <= self.max_sample_rate_hz * (1 + 1e-9) or before_s < 0 or after_s <= 0:
            raise self._session.error(
                f"cannot record {before_s:g} s + {after_s:g} s at {sample_rate_hz:g} Hz",
                f"at most {self.max_sample_rate_hz:g} Hz; positive times",
            )
        self.abort()
        interval_s = max(1 / sample_rate_hz, SHORTEST_INTERVAL_S)
        self._pre = int(np.ceil(before_s / interval_s))
        self._count = self._pre + int(np.ceil(after_s / interval_s)) + 1
        self._configure(interval_s)
        self._session.write("INIT")
        self._armed_s = self._session.clock.now_s()
        self._session.check_errors("INIT")
        self._await_pre_trigger()

    def fetch(self, trigger_s: float) -> Waveform:
        """The record in amperes around the edge at `trigger_s`; waits for its end. BenchError: anything less."""
        if self._armed_s is None:
            raise self._session.error("fetch without arm", "each record needs an arm of its own")
        if not self._armed_s <= trigger_s <= self._session.clock.now_s() + EDGE_DOUBT_S:
            raise self._session.error(f"no edge can have been at {trigger_s} s: armed at {self._armed_s} s")
        self._await_end(trigger_s)
        points = self._session.query_int("DATA:POIN?")
        if points == 0:
            raise self._session.error("the reading memory is empty")
        volts = self._session.query_block("FETC?", "f8", self._session.timeout_s + 2.0)
        self._session.check_errors("FETC?")
        self._armed_s = None
        self._judge(volts, points)
        # Real pre-trigger count: what was taken beyond the readings that follow the trigger.
        pre = len(volts) - (self._count - self._pre)
        first_s = self._latency_s + (self._interval_s + self._aperture_s) / 2 - pre * self._interval_s
        return Waveform(trigger_s + first_s, self._interval_s, volts / self._shunt_ohm)

    def abort(self) -> None:
        """Leave the wait for a trigger; the record is lost."""
        self._session.write("ABOR")
        self._armed_s = None

    def close(self) -> None:
        """Abort and give the resource back; an instrument that no longer answers is an error, and closed as well."""
        try:
            if self._armed_s is not None:
                self.abort()
        finally:
            self._session.close()

    def _configure(self, interval_s: float) -> None:
        """Set everything, then read back what the record's time axis and scale depend on."""
        wanted = {
            "VOLT:DC:RANG": self._range_v,
            "VOLT:DC:APER": SHORTEST_INTERVAL_S,
            "SAMP:TIM": interval_s,
            "SAMP:COUN": self._count,
            "SAMP:COUN:PRET": self._pre,
        }
        for command in ("*CLS", f"CONF:VOLT:DC {self._range_v:g}", "VOLT:DC:ZERO:AUTO OFF", "SAMP:SOUR TIM"):
            self._session.write(command)
        for command in ("TRIG:SOUR EXT", "TRIG:SLOP POS", "TRIG:DEL 0", "TRIG:COUN 1", "FORM:DATA REAL,64"):
            self._session.write(command)
        self._session.write("FORM:BORD NORM")
        self._session.write("SAMP:COUN:PRET 0")  # so that the new count cannot be below an old pre-trigger count
        for header, value in wanted.items():
            self._session.write(f"{header} {value:.9g}")
        self._session.check_errors("its configuration")
        read = {header: self._session.query_float(f"{header}?") for header in wanted}
        for header, value in wanted.items():
            if abs(read[header] - value) > 1e-3 * abs(value):
                raise self._session.error(f"{header} is {read[header]:g} after it was set to {value:g}")
        self._interval_s, self._aperture_s = read["SAMP:TIM"], read["VOLT:DC:APER"]

    def _await_pre_trigger(self) -> None:
        assert self._armed_s is not None
        filled_s = self._armed_s + SETTLING_S + self._pre * self._interval_s * (1 + 1e-3)
        while (now_s := self._session.clock.now_s()) < filled_s:
            self._session.pause(min(filled_s - now_s, 0.1))
        if not self._session.query_int("STAT:OPER:COND?") & WAITING_FOR_TRIGGER:
            self._armed_s = None
            raise self._session.error(
                "triggered before the pre-trigger readings were taken", "is the sync line quiet while arming?"
            )

    def _await_end(self, trigger_s: float) -> None:
        post_s = (self._count - self._pre) * self._interval_s * (1 + 1e-3) + SETTLING_S
        # It cannot be ready before: until then it is left alone.
        running_s = trigger_s + (self._count - self._pre) * self._interval_s - self._session.clock.now_s()
        if running_s > 0:
            self._session.pause(running_s)
        deadline_s = max(trigger_s + post_s, self._session.clock.now_s()) + self._session.timeout_s
        while (condition := self._session.query_int("STAT:OPER:COND?")) & (MEASURING | WAITING_FOR_TRIGGER):
            if self._session.clock.now_s() > deadline_s:
                self.abort()
                what = "no edge came" if condition & WAITING_FOR_TRIGGER else "the record does not end"
                raise self._session.error(
                    f"{what} within {self._session.timeout_s:g} s of its time",
                    "is the sync line connected to the external trigger input?",
                )
            self._session.pause(POLL_S)

    def _judge(self, volts: NDArray[np.float64], points: int) -> None:
        """BenchError unless the record is whole, inside the range, and alive."""
        if len(volts) != points or len(volts) < self._count:
            raise self._session.error(
                f"{len(volts)} readings came, {points} are in memory, {self._count} were asked for",
                "did the edge come before the pre-trigger readings were taken?",
            )
        if len(volts) > self._count:
            raise self._session.error(f"{len(volts)} readings came, {self._count} were asked for")
        if not np.isfinite(volts).all() or np.abs(volts).max() >= OVERLOAD_V:
            raise self._session.error(
                f"overload: more than the {self._range_v:g} V range at {self._shunt_ohm:g} ohm",
                "a larger range_v, or a smaller shunt",
            )
        # A real converter shows its noise; readings that are all the same, or the last record's, come from no input.
        if len(volts) >= 100 and np.ptp(volts) == 0:
            raise self._session.error(f"all {len(volts)} readings are the same: the reading is stuck")
        if self._last is not None and np.array_equal(volts, self._last):
            raise self._session.error("these are the readings of the record before")
        self._last = volts
