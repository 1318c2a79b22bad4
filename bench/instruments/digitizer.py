"""What all digitizers of the DC current have in common: a voltage over a shunt (or out of a probe), recorded around an edge.

A driver is a subclass with a handful of facts and four small methods, each a few commands; arming, waiting, judging and
the time axis are here, so that no driver can forget a check.

    idle --arm: _configure, _start--> WAITING --the edge--> RUNNING --the last sample--> DONE --fetch: _read--> idle

`max_sample_rate_hz`, `accuracy`, `source` and `time_base_rel` are of the instrument; a record that is short, overloaded,
stuck, or that repeats the last one, is a BenchError, never a waveform.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from v2g_bench.inputs.ranges import LatencyS, ShuntOhm, VoltageV
from v2g_bench.instruments.protocols import DigitizerTiming, Identity
from v2g_bench.instruments.session import ScpiSession
from v2g_bench.metrology.waveform import Waveform

SETTLING_S = 0.01  # from the start to the first sample, generously
POLL_S = 0.002
EDGE_DOUBT_S = 0.01  # the time of an edge has a half-width: it may be a little ahead of the clock
SYNC_HINT = "is the sync line connected to the external trigger input?"


class State(Enum):
    """What the instrument does."""

    WAITING = "waiting for the edge"
    RUNNING = "recording"
    DONE = "done"


@dataclass(frozen=True)
class AcquisitionPlan:
    """A record as it is asked for, and as the instrument took it: `pre` samples before the edge, `count` in all."""

    interval_s: float
    aperture_s: float
    pre: int
    count: int


@dataclass(frozen=True)
class Record:
    """What came: volts at the input; first_s: the middle of the first sample, from when the trigger took effect."""

    volts: NDArray[np.float64]
    first_s: float


class ShuntDigitizer(ABC):
    """shunt_ohm: calibrated value of the shunt, or V/A of a probe; range_v: a fixed range, one of `accuracy`.

    trigger_latency_s: from the edge at the connector to its effect, from the rig's calibration. Raises BenchError.
    """

    expected: ClassVar[str]  # regular expression of *IDN?
    max_sample_rate_hz: float
    shortest_aperture_s: ClassVar[float]
    accuracy: ClassVar[Mapping[float, tuple[float, float]]]  # range (V) -> half-widths: of the reading, of the range
    offset_v: ClassVar[float] = 0.0  # half-width of an offset that no range makes smaller
    time_base_rel: ClassVar[float]
    grid_rel: ClassVar[float] = 0.5  # half-width of the sample grid against the trigger, in sample intervals
    source: ClassVar[str]
    overload_v: ClassVar[float] = 9e37

    def __init__(
        self, session: ScpiSession, shunt_ohm: ShuntOhm, range_v: VoltageV, trigger_latency_s: LatencyS = 0.0
    ) -> None:
        if shunt_ohm <= 0 or range_v not in self.accuracy:
            raise session.error(
                f"shunt_ohm={shunt_ohm}, range_v={range_v}", f"shunt > 0; range of {list(self.accuracy)}"
            )
        self._session = session
        self._shunt_ohm = shunt_ohm
        self._range_v = range_v
        self._latency_s = trigger_latency_s
        shortest_s = 1 / self.max_sample_rate_hz
        self._plan = AcquisitionPlan(shortest_s, min(shortest_s, self.shortest_aperture_s), 0, 0)
        self._armed_s: float | None = None
        self._last: NDArray[np.float64] | None = None
        self._identity = session.identify(self.expected)
        session.write("*RST")
        session.write("*CLS")
        session.check_errors("*RST")

    # What a driver adds

    @abstractmethod
    def _configure(self, wanted: AcquisitionPlan) -> AcquisitionPlan:
        """Set everything and read back what the record's time axis and scale depend on; the accepted plan."""

    @abstractmethod
    def _start(self) -> None:
        """Begin to record."""

    @abstractmethod
    def _state(self) -> State:
        """What it does now."""

    @abstractmethod
    def _read(self) -> Record:
        """All samples of the finished record; BenchError for less than `self._plan.count`."""

    def _stop(self) -> None:
        """End a record, or the wait for its edge."""
        self._session.write("ABOR")

    # What the bench asks for

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        return self._identity

    def timing(self) -> DigitizerTiming:
        """For the settings of the last `arm` (the fastest ones before it)."""
        gain, of_range = self.accuracy[self._range_v]
        return DigitizerTiming(
            sample_interval_s=self._plan.interval_s,
            aperture_s=self._plan.aperture_s,
            trigger_half_width_s=self._plan.interval_s * self.grid_rel,
            time_base_rel=self.time_base_rel,
            gain_rel=gain,
            offset_a=(of_range * self._range_v + self.offset_v) / self._shunt_ohm,
            source=self.source,
        )

    def arm(self, *, sample_rate_hz: float, before_s: float, after_s: float) -> None:
        """Configure, start, and return when `before_s` of readings are in memory. BenchError also if it triggers."""
        if not 0 < sample_rate_hz <= self.max_sample_rate_hz * (1 + 1e-9) or before_s < 0 or after_s <= 0:
            raise self._session.error(
                f"cannot record {before_s:g} s + {after_s:g} s at {sample_rate_hz:g} Hz",
                f"at most {self.max_sample_rate_hz:g} Hz; positive times",
            )
        self.abort()
        interval_s = max(1 / sample_rate_hz, 1 / self.max_sample_rate_hz)
        pre = int(np.ceil(before_s / interval_s))
        count = pre + int(np.ceil(after_s / interval_s)) + 1
        self._plan = self._configure(AcquisitionPlan(interval_s, min(interval_s, self.shortest_aperture_s), pre, count))
        self._start()
        self._armed_s = self._session.clock.now_s()
        self._session.check_errors("its start")
        self._armed_s = self._session.clock.now_s()  # it has answered, so it has begun: a busy one takes a start late
        self._await_pre_trigger()

    def fetch(self, trigger_s: float) -> Waveform:
        """The record in amperes around the edge at `trigger_s`; waits for its end. BenchError: anything less."""
        if self._armed_s is None:
            raise self._session.error("fetch without arm", "arm before each record")
        if not self._armed_s <= trigger_s <= self._session.clock.now_s() + EDGE_DOUBT_S:
            raise self._session.error(f"no edge can have been at {trigger_s} s: armed at {self._armed_s} s")
        self._await_end(trigger_s)
        record = self._read()
        self._session.check_errors("the record was read")
        self._armed_s = None
        self._judge(record.volts)
        first_s = trigger_s + self._latency_s + record.first_s
        return Waveform(first_s, self._plan.interval_s, record.volts / self._shunt_ohm)

    def abort(self) -> None:
        """Leave the wait for a trigger; the record is lost."""
        self._stop()
        self._armed_s = None

    def close(self) -> None:
        """Abort and give the resource back; an instrument that no longer answers is an error, and closed as well."""
        try:
            if self._armed_s is not None:
                self.abort()
        finally:
            self._session.close()

    # Help for drivers

    def _set(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Set each header, then read each back; BenchError where one is not what was asked for."""
        for header, value in wanted.items():
            self._session.write(f"{header} {value:.9g}")
        self._session.check_errors("its configuration")
        read = {header: self._session.query_float(f"{header}?") for header in wanted}
        for header, value in wanted.items():
            if abs(read[header] - value) > 1e-3 * abs(value):
                raise self._session.doubt(f"{header} is {read[header]:g} after it was set to {value:g}")
        return read

    def _in_memory(self, query: str) -> int:
        """How many readings the memory has, as the answer to `query`; never more than were asked for."""
        points = self._session.query_int(query)
        if points < 1:
            raise self._session.doubt("the reading memory is empty")
        if points > self._plan.count:
            raise self._session.doubt(f"{points} readings are in memory, {self._plan.count} were asked for")
        return points

    def _on_free_grid(self, volts: NDArray[np.float64], points: int) -> Record:
        """A record whose sample grid runs free: the trigger takes effect at the next sample, half an interval later.

        points: how many readings the memory has. How many lie before the edge follows from how many came.
        """
        plan = self._plan
        if len(volts) != points or len(volts) < plan.count:
            raise self._session.doubt(
                f"{len(volts)} readings came, {points} are in memory, {plan.count} were asked for",
                "did the edge come before the pre-trigger readings were taken?",
            )
        return Record(volts, (plan.interval_s + plan.aperture_s) / 2 - plan.pre * plan.interval_s)

    def _await_pre_trigger(self) -> None:
        assert self._armed_s is not None
        filled_s = self._armed_s + SETTLING_S + self._plan.pre * self._plan.interval_s * (1 + 1e-3)
        while (now_s := self._session.clock.now_s()) < filled_s:
            self._session.pause(min(filled_s - now_s, 0.1))
        if self._state() is not State.WAITING:
            self._armed_s = None
            raise self._session.doubt(
                "triggered before the pre-trigger readings were taken", "is the sync line quiet while arming?"
            )

    def _await_end(self, trigger_s: float) -> None:
        post_s = (self._plan.count - self._plan.pre) * self._plan.interval_s
        # It cannot be ready before: until then it is left alone.
        running_s = trigger_s + post_s - self._session.clock.now_s()
        if running_s > 0:
            self._session.pause(running_s)
        end_s = trigger_s + post_s * (1 + 1e-3) + SETTLING_S
        deadline_s = max(end_s, self._session.clock.now_s()) + self._session.timeout_s
        while (state := self._state()) is not State.DONE:
            if self._session.clock.now_s() > deadline_s:
                self.abort()
                what = "no edge came" if state is State.WAITING else "the record does not end"
                raise self._session.doubt(f"{what} within {self._session.timeout_s:g} s of its time", SYNC_HINT)
            self._session.pause(POLL_S)

    def _judge(self, volts: NDArray[np.float64]) -> None:
        """BenchError unless the record is inside the range, and alive."""
        if not np.isfinite(volts).all() or np.abs(volts).max() >= self.overload_v:
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
