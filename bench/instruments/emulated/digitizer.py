"""What all emulated digitizers have in common: one record of the voltage over a shunt, with errors of the instrument's own.

A subclass defines its commands; here are the record (the time of each sample), the edge at the trigger input, and
the samples: mean over the aperture, gain, offset and time base drawn once from the seed (evenly within ± the half-width),
Gaussian noise, and the converter's steps.
"""

import math

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import Seed, ShuntOhm
from v2g_bench.instruments.emulated.acquisition import Acquisition
from v2g_bench.instruments.emulated.calls import Answer
from v2g_bench.instruments.emulated.meter import HEALTHY, EmulatedMeter, MeterDefects, Probe, Samples
from v2g_bench.instruments.emulated.syntax import ScpiError

SUB_SAMPLES = 4  # points of the signal that represent one aperture
CHUNK = 4096  # readings that are computed in one go, so that others of the same loop are not held up
SETTLING_S = 1e-3  # from the start to the first reading
TRIGGER_LATENCY_S = 1e-6


class EmulatedDigitizer(EmulatedMeter):
    """Volts over `shunt_ohm` (or out of a probe of that many V/A). Half-widths are relative; noise is of the range."""

    gain_half, offset_half, time_base_half = 50e-6, 35e-6, 25e-6
    noise, noise_at_s = 30e-6, 20e-6  # standard deviation at this aperture; less at longer ones, as 1/sqrt
    steps, span = 2**16, 2.4  # the converter's steps over `span` times the range
    headroom = 1.2  # beyond this many ranges it overflows

    def __init__(
        self, probe: Probe, clock: Clock, shunt_ohm: ShuntOhm, seed: Seed = 0, defects: MeterDefects = HEALTHY
    ) -> None:
        self.shunt_ohm = shunt_ohm
        self.record: Acquisition | None = None
        self.readings: list[Samples] = []
        super().__init__(probe, clock, seed, defects)
        self.gain_error = self.error_within(self.gain_half)
        self.offset_of_range = self.error_within(self.offset_half)
        self.time_base_error = self.error_within(self.time_base_half)

    def reset(self, now_s: float) -> None:
        """*RST: the settings, and no record."""
        super().reset(now_s)
        self.drop()

    def drop(self) -> None:
        """No record any more, and none under way."""
        self.record, self.readings = None, []

    def begin(self, now_s: float, interval_s: float, aperture_s: float, count: int, pre: int) -> Acquisition:
        """Start a record on a sample grid that begins at any moment."""
        true_s = interval_s * (1 + self.time_base_error + self.defects.time_base)
        start_s = now_s + SETTLING_S + float(self.rng.uniform(0, true_s))
        self.record, self.readings = Acquisition(start_s, true_s, count, pre, aperture_s), []
        return self.record

    def require_idle(self, now_s: float) -> None:
        """ScpiError -213 while a record is under way."""
        if self.busy(now_s):
            raise ScpiError(-213)

    def abandon(self, now_s: float) -> Answer:
        """Give up a record that is under way; a complete one stays. No answer."""
        if self.busy(now_s):
            self.drop()
        return None

    def complete_record(self, now_s: float) -> Acquisition:
        """The record with all its samples taken. ScpiError -230: there is none."""
        if self.record is None or self.busy(now_s):
            raise ScpiError(-230)
        return self.record

    def points(self, now_s: float) -> int:
        """Samples in memory."""
        return self.record.points(now_s) if self.record else 0

    def volts(self) -> Samples:
        """All readings that were computed."""
        return np.concatenate(self.readings)

    @staticmethod
    def packed(values: Samples, kind: str, *, high_first: bool) -> bytes:
        """Numbers of this numpy kind ("f8", "u2" …) as bytes; high_first: the most significant byte leads."""
        return values.astype((">" if high_first else "<") + kind).tobytes()

    def busy(self, now_s: float) -> bool:
        """Is a record running, or waiting for its trigger?"""
        return self.record is not None and not self.record.complete(now_s)

    def done_s(self, now_s: float) -> float:
        """When the record will be complete."""
        return self.record.end_s() if self.record else now_s

    def due_s(self, now_s: float) -> float:
        """When the samples can be there."""
        return max(now_s, self.record.end_s()) if self.record else now_s

    def gathered(self, now_s: float) -> bool:
        """Compute the next readings of a complete record; True when all are there."""
        if not self.record:
            raise ScpiError(-230)
        if not self.record.complete(now_s):
            return False
        times_s = self.record.times_s()
        have = sum(map(len, self.readings))
        if have < len(times_s):
            self.readings.append(self.sample(times_s[have : have + CHUNK]))
        return have + CHUNK >= len(times_s)

    def input_range(self) -> tuple[float, float]:
        """The range (V) and the aperture (s) that now hold."""
        raise NotImplementedError

    def sample(self, opens_s: Samples) -> Samples:
        """Readings (V) whose apertures open at these times; a subclass defines the value for an overflow."""
        range_v, aperture_s = self.input_range()
        if self.defects.stuck:
            return np.full(len(opens_s), 0.25 * range_v)
        within_s = aperture_s * (np.arange(SUB_SAMPLES) + 0.5) / SUB_SAMPLES
        times_s = (opens_s[:, None] + within_s).ravel()
        current_a = self.probe.dc_current(times_s).reshape(-1, SUB_SAMPLES).mean(axis=1)
        volts = current_a * self.shunt_ohm * self.defects.scale * (1 + self.gain_error)
        sigma_v = self.noise * range_v * math.sqrt(self.noise_at_s / aperture_s)
        volts += self.offset_of_range * range_v + self.rng.normal(0.0, sigma_v, len(volts))
        step_v = self.span * range_v / self.steps
        volts = np.asarray(np.round(volts / step_v) * step_v)
        over = np.abs(volts) > self.headroom * range_v
        volts[over] = np.sign(volts[over]) * self.overflow_v()
        return volts

    def overflow_v(self) -> float:
        """The value that marks a reading beyond the range."""
        return 9.9e37
