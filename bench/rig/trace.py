"""A recording of the DC current around an event, and what it shows.

The digitizer is armed and started by an edge on the rig's sync line when the recording is entered; it runs by itself,
so nothing that the test does meanwhile can move its samples. It is fetched once, when somebody first asks.
"""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, cast

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.meters.protocols import CurrentDigitizer
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.crossing import Crossing, NoCrossing, NoCurrent, RecordTooShort, Undecided, isolation
from v2g_bench.metrology.extremes import least_mean
from v2g_bench.metrology.latency import ClockLink, RecordTiming, latency_budget
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.calibrated import UNCALIBRATED, Calibrated
from v2g_bench.rig.reading import Reading

RATE_HZ = 50_000.0
SMOOTHING_S = 0.002


@dataclass(frozen=True)
class Stamp:
    """When something was on the bus (bench clock, s). half_width_s: of a rectangle around it; source: what stamped it;
    shown: what the frame had to show, as JSON for whoever looks for it again in the capture (see `audit`).
    """

    time_s: float
    half_width_s: float
    source: str
    shown: str = ""


@dataclass(frozen=True)
class Edge:
    """When the sync line rose, within ± half_width_s."""

    time_s: float
    half_width_s: float


class SyncLine(Protocol):
    """Makes the edge that starts the digitizer, and knows when. seen: it shows in the samples as well."""

    def pulse(self, seen: bool = False) -> Edge: ...


@dataclass(frozen=True)
class Latency:
    """From t0 (the frame on the bus) to t1 (the current gone), as measured.

    reading: the latency in ms; its value is None where the current never went, which `failed` says, or where the bench
    could not tell (`unclear`). waveform: what the digitizer saw; before_a: mean current before the fault.
    """

    reading: Reading
    t0: Stamp
    t1_s: float | None
    waveform: Waveform
    before_a: float | None
    threshold_a: float | None
    failed: str = ""
    unclear: str = ""


@dataclass(frozen=True)
class Isolation:
    """Whether and when the pack was isolated."""

    latency: Latency


class Trace:
    """One recording; see the module's text. `with` arms and starts it, leaving the block aborts it if nobody asked."""

    def __init__(
        self,
        digitizer: CurrentDigitizer,
        sync: SyncLine,
        clock: Clock,
        *,
        rate_hz: float = RATE_HZ,
        before_s: float = 0.05,
        after_s: float = 0.35,
        fraction: float = 0.05,
        ripple_hz: float | None = None,
        seen: bool = False,
        calibrated: Calibrated = UNCALIBRATED,
    ) -> None:
        self._seen, self._calibrated = seen, calibrated
        self._digitizer, self._sync, self._clock = digitizer, sync, clock
        self._rate_hz, self._before_s, self._after_s = rate_hz, before_s, after_s
        self._fraction, self._ripple_hz = fraction, ripple_hz
        self._edge: Edge | None = None
        self._waveform: Waveform | None = None

    def __enter__(self) -> "Trace":
        self._digitizer.arm(sample_rate_hz=self._rate_hz, before_s=self._before_s, after_s=self._after_s)
        self._edge = self._sync.pulse(seen=self._seen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._waveform is None:
            self._digitizer.abort()

    @property
    def edge(self) -> Edge:
        """The edge that started the recording."""
        if self._edge is None:
            raise BenchError("recording", "was not started", "use it in a with statement")
        return self._edge

    @property
    def waveform(self) -> Waveform:
        """All samples; waits until the recording is complete."""
        if self._waveform is None:
            self._waveform = self._digitizer.fetch(self.edge.time_s)
        return self._waveform

    def complete(self) -> None:
        """Wait until all samples are there, for a trace that is judged after its block."""
        self.waveform  # noqa: B018

    def isolation(self, after: Stamp) -> Isolation:
        """When the current fell below the rig's fraction of its value before `after`, and stayed there."""
        waveform = self.waveform
        try:
            crossing = isolation(waveform, after.time_s, self._fraction, self._ripple_hz)
        except (NoCurrent, RecordTooShort, Undecided) as error:
            return self._none(after, unclear=str(error))
        except NoCrossing as error:  # it never went, or it came back
            return self._none(after, failed=str(error))
        budget = self._budget(crossing, after)
        value_ms = 1000.0 * (crossing.time_s - after.time_s)
        reading = Reading("time to isolation", value_ms, "ms", budget)
        return Isolation(Latency(reading, after, crossing.time_s, waveform, crossing.before, crossing.level))

    def least_share(self, since: Stamp) -> Reading:
        """The smallest current from `since` to the end, in % of that before, in the direction it flowed before.

        The samples are averaged over 2 ms (ripple and noise are not a loss of current).
        """
        width = max(1, round(SMOOTHING_S / self.waveform.dt_s))
        smooth = np.convolve(self.waveform.samples, np.full(width, 1.0 / width), mode="valid")
        waveform = Waveform(self.waveform.start_s + (width - 1) / 2 * self.waveform.dt_s, self.waveform.dt_s, smooth)
        before = waveform.between(waveform.start_s, since.time_s)
        after = waveform.between(since.time_s, waveform.end_s)
        mean_a, sigma = float(np.mean(before.samples)), float(np.std(before.samples))
        if abs(mean_a) < 10 * sigma:
            return Reading("least share of the current", None, "%", None, "no current flowed before the fault")
        least = float(np.min(after.samples / mean_a)) * 100.0
        timing = self._digitizer.timing()
        parts = [
            Component("noise of a 2 ms mean", "normal", sigma, 100.0 / abs(mean_a), source="this recording", unit="A"),
            Component.rectangular(
                "zero offset", timing.offset_a, 100.0 / abs(mean_a) * abs(1 - least / 100.0), timing.source, "A"
            ),
        ]
        return Reading("least share of the current", least, "%", Budget("least share of the current", "%", parts))

    def worst_discharge(self) -> tuple[Reading, Waveform]:
        """The largest discharge current (A, positive) anywhere in the recording, and the recording."""
        return self._worst("discharge current", self.waveform), self.waveform

    def worst_charge(self) -> tuple[Reading, Waveform]:
        """The largest charge current (A, positive) anywhere in the recording, and the recording."""
        seen = self.waveform
        return self._worst("charge current", Waveform(seen.start_s, seen.dt_s, -seen.samples)), seen

    def mean(self) -> Reading:
        """The mean current of the recording (A, charge positive)."""
        samples = self.waveform.samples
        parts = [
            Component(
                "noise of the mean", "normal", float(np.std(samples)) / len(samples) ** 0.5, source="this recording"
            ),
            *self._accuracy(float(np.mean(samples))),
        ]
        return Reading("DC current", float(np.mean(samples)), "A", Budget("DC current", "A", parts))

    def _worst(self, name: str, waveform: Waveform) -> Reading:
        worst = least_mean(waveform)
        noise = Component("noise of the mean", "normal", worst.u, source="this recording")
        return Reading(name, -worst.value, "A", Budget(name, "A", [noise, *self._accuracy(worst.value)]))

    def _accuracy(self, value_a: float) -> list[Component]:
        timing = self._digitizer.timing()
        return [
            Component.rectangular("zero offset", timing.offset_a, source=timing.source),
            Component.rectangular("gain", timing.gain_rel * abs(value_a), source=timing.source),
            *self._calibrated.components(value_a),
        ]

    def _budget(self, crossing: Crossing, after: Stamp) -> Budget:
        """The budget of the latency, in ms."""
        edge, timing = self.edge, self._digitizer.timing()
        return latency_budget(
            crossing,
            RecordTiming(timing.trigger_half_width_s, timing.time_base_rel, timing.offset_a, timing.source),
            ClockLink(edge.half_width_s, "edge on the sync line, stamped before and after by the bench"),
            since_trigger_s=crossing.time_s - edge.time_s,
            stamp_half_width_s=after.half_width_s,
            stamp_source=after.source,
            calibration=self._calibrated.timing,
        )

    def _none(self, after: Stamp, failed: str = "", unclear: str = "") -> Isolation:
        reading = Reading("time to isolation", None, "ms", None, failed or unclear)
        return Isolation(Latency(reading, after, None, self.waveform, None, None, failed, unclear))


def save(path: Path, waveform: Waveform, **marks: float | str) -> None:
    """Write a waveform with its marks as the report reads it; BenchError if the disk refuses."""
    try:
        np.savez_compressed(
            path,
            samples=waveform.samples.astype(np.float32),
            start_s=waveform.start_s,
            dt_s=waveform.dt_s,
            unit=waveform.unit,
            **cast(Any, {key: np.asarray(value) for key, value in marks.items()}),
        )
    except OSError as error:
        raise BenchError(str(path), f"cannot be written: {error.strerror}", "is the disk full?") from None
