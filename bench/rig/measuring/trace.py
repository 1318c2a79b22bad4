"""A recording of the DC current around an event, and what it shows.

The digitizer is armed and started by an edge on the rig's sync line when the recording is entered; it runs by itself,
so nothing that the test does meanwhile can move its samples. It is fetched once, when somebody first asks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np

from v2g_bench.can.columns import Columns, Held, nothing_held
from v2g_bench.errors import BenchError
from v2g_bench.evidence.basis import GAIN, NOISE, ZERO, of_waveform, stated
from v2g_bench.instruments.protocols import CurrentDigitizer
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.crossing import Crossing, NoCrossing, NoCurrent, RecordTooShort, Undecided, isolation
from v2g_bench.metrology.extremes import least_mean, least_share, turned
from v2g_bench.metrology.latency import TERMS, ClockLink, RecordTiming, latency_budget
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.measuring.reading import Reading
from v2g_bench.rig.parts.calibrated import UNCALIBRATED, Calibrated
from v2g_bench.rig.parts.timing import Edge, Stamp, SyncLine

RATE_HZ = 50_000.0
BESIDE_S = 0.1  # of the bus before and after the samples: a digitizer may take some more than it was asked for


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


@dataclass(frozen=True, kw_only=True)
class TraceSettings:
    """How one recording is made and evaluated.

    rate_hz, before_s, after_s: of the samples, around the edge that starts them; fraction: of the current before a fault,
    below which it has ended; ripple_hz: of the inverter, None where it is not known; seen: the edge shows in the samples as
    well; doubt: what sources that disagree add to a budget; hold: keeps the bus's frames of a time (s, bench clock).
    """

    rate_hz: float = RATE_HZ
    before_s: float = 0.05
    after_s: float = 0.35
    fraction: float = 0.05
    ripple_hz: float | None = None
    seen: bool = False
    calibrated: Calibrated = UNCALIBRATED
    doubt: Callable[[], list[Component]] = list
    hold: Callable[[float, float], Held] = nothing_held


class Trace:
    """One recording; see the module's text. `with` arms and starts it, leaving the block aborts it if nobody asked."""

    def __init__(
        self,
        digitizer: CurrentDigitizer,
        sync: SyncLine,
        settings: TraceSettings = TraceSettings(),
    ) -> None:
        self._digitizer, self._sync, self._settings = digitizer, sync, settings
        self._held = nothing_held()
        self._edge: Edge | None = None
        self._waveform: Waveform | None = None

    def __enter__(self) -> "Trace":
        self._digitizer.arm(
            sample_rate_hz=self._settings.rate_hz, before_s=self._settings.before_s, after_s=self._settings.after_s
        )
        self._edge = self._sync.pulse(seen=self._settings.seen)
        self._held = self._settings.hold(
            self._edge.time_s - self._settings.before_s - BESIDE_S,
            self._edge.time_s + self._settings.after_s + BESIDE_S,
        )
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

    def frames(self) -> Columns:
        """What was on the bus meanwhile: the recording's own, however long ago that is."""
        return self._held.frames()

    def zero_offset_a(self) -> float:
        """How far from zero the digitizer may be when nothing flows (A)."""
        return self._digitizer.timing().offset_a

    def complete(self) -> None:
        """Wait until all samples are there, for a trace that is judged after its block."""
        self.waveform  # noqa: B018

    def isolation(self, after: Stamp) -> Isolation:
        """When the current fell below the rig's fraction of its value before `after`, and stayed there."""
        waveform = self.waveform
        try:
            crossing = isolation(waveform, after.time_s, self._settings.fraction, self._settings.ripple_hz)
        except (NoCurrent, RecordTooShort, Undecided) as error:
            return self._none(after, unclear=str(error))
        except NoCrossing as error:  # it never went, or it came back
            return self._none(after, failed=str(error))
        budget = self._budget(crossing, after)
        if lacking := set(TERMS) - {part.name for part in budget.components}:
            raise BenchError("budget of the latency", f"lacks {', '.join(sorted(lacking))}", "it would be too small")
        value_ms = 1000.0 * (crossing.time_s - after.time_s)
        reading = Reading("time to isolation", value_ms, "ms", budget)
        return Isolation(Latency(reading, after, crossing.time_s, waveform, crossing.before, crossing.level))

    def least_share(self, since: Stamp) -> Reading:
        """The smallest current from `since` to the end, in % of that before, in the direction it flowed before.

        The samples are averaged over 2 ms (ripple and noise are not a loss of current).
        """
        name = "least share of the current"
        found = least_share(self.waveform, since.time_s)
        if found is None:
            return Reading(name, None, "%", None, "no current flowed before the fault")
        timing = self._digitizer.timing()
        of_zero = found.per_ampere_pct * abs(1 - found.share_pct / 100.0)
        parts = [
            Component(NOISE, "normal", found.u_a, found.per_ampere_pct, source="2 ms means before the fault", unit="A"),
            Component.rectangular(ZERO, timing.offset_a, of_zero, timing.source, "A"),
        ]
        budget = Budget(name, "%", parts)
        basis = of_waveform("least share", budget, since_s=since.time_s)
        return Reading(name, found.share_pct, "%", budget, basis=basis, record=self.waveform)

    def accuracy(self) -> tuple[float, float, str]:
        """Half-widths of its zero (A) and of its gain, and where they come from."""
        timing = self._digitizer.timing()
        return timing.offset_a, timing.gain_rel, timing.source

    def worst_discharge(self) -> Reading:
        """The largest discharge current (A, positive) anywhere in the recording."""
        return self._worst("discharge", self.waveform)

    def worst_charge(self) -> Reading:
        """The largest charge current (A, positive) anywhere in the recording."""
        return self._worst("charge", turned(self.waveform))

    def mean(self) -> Reading:
        """The mean current of the recording (A, charge positive)."""
        return self.of("DC current", float(np.mean(self.waveform.samples)), self.waveform)

    def of(self, name: str, value_a: float, part: Waveform) -> Reading:
        """A current (A) that stands for this part of the recording, with the digitizer's accuracy."""
        noise_a = float(np.std(part.samples)) / len(part.samples) ** 0.5
        noise = Component(NOISE, "normal", noise_a, source="this recording")
        budget = Budget(name, "A", [noise, *self._accuracy(value_a)])
        return Reading(name, value_a, "A", budget, basis=stated(value_a, budget))

    def _worst(self, kind: str, waveform: Waveform) -> Reading:
        worst = least_mean(waveform)
        noise = Component(NOISE, "normal", worst.u, source="this recording")
        name = f"{kind} current"
        budget = Budget(name, "A", [noise, *self._accuracy(worst.value)])
        return Reading(name, -worst.value, "A", budget, basis=of_waveform(kind, budget), record=self.waveform)

    def _accuracy(self, value_a: float) -> list[Component]:
        timing = self._digitizer.timing()
        return [
            Component.rectangular(ZERO, timing.offset_a, source=timing.source),
            Component.rectangular(GAIN, timing.gain_rel * abs(value_a), source=timing.source),
            *self._settings.calibrated.components(value_a),
            *self._settings.doubt(),
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
            calibration=self._settings.calibrated.timing,
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
