"""A recording of the DC current around an event, and what it shows.

The digitizer is armed and started by an edge on the rig's sync line when the recording is entered; it runs by itself,
so nothing that the test does meanwhile can move its samples. It is fetched once, when somebody first asks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np

from v2g_bench.can.columns import Columns, Held, nothing_held
from v2g_bench.errors import BenchError
from v2g_bench.evidence.compute import latency_of, of_share
from v2g_bench.evidence.reading import Latency, Reading
from v2g_bench.evidence.record import Evidence, Fall, Kind, Sequence, stated
from v2g_bench.evidence.shutdown import (
    ASKED,
    BRIDGE_FIRST,
    CLOSINGS,
    LOAD,
    MOVES,
    OPENED,
    STOPPED,
    Shutdown,
    components_of,
    load,
    quantity,
)
from v2g_bench.instruments.protocols import CurrentDigitizer
from v2g_bench.metrology.budget import Budget, Component, Term
from v2g_bench.metrology.crossing import Crossing
from v2g_bench.metrology.extremes import least_mean, least_share, turned
from v2g_bench.metrology.latency import TERMS, ClockLink, RecordTiming, latency_budget
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.measuring.aftermath import ORDER_STAMP_S, Aftermath
from v2g_bench.rig.parts.calibrated import UNCALIBRATED, Calibrated
from v2g_bench.rig.parts.timing import Edge, SyncLine, Timestamp

RATE_HZ = 50_000.0
BESIDE_S = 0.1  # of the bus before and after the samples: a digitizer may take some more than it was asked for


@dataclass(frozen=True)
class Span:
    """What the digitizer records around the sync line's edge. seen: the edge shows in the samples too, where it can."""

    rate_hz: float = RATE_HZ
    before_s: float = 0.05
    after_s: float = 0.35
    seen: bool = False


@dataclass(frozen=True)
class Known:
    """What the rig knows of its DC current.

    fraction: of the current before, below which it counts as gone; ripple_hz: of the power stage, where known; doubt: the
    components that sources which disagree add.
    """

    fraction: float = 0.05
    ripple_hz: float | None = None
    calibrated: Calibrated = UNCALIBRATED
    doubt: Callable[[], list[Component]] = list


class Trace:
    """One recording; see the module's text. `with` arms and starts it, leaving the block aborts it if nobody asked."""

    def __init__(
        self,
        digitizer: CurrentDigitizer,
        sync: SyncLine,
        span: Span | None = None,
        known: Known | None = None,
        *,
        hold: Callable[[float, float], Held] = nothing_held,
        aftermath: Aftermath | None = None,
    ) -> None:
        self._digitizer, self._sync = digitizer, sync
        self._span, self._known = span or Span(), known or Known()
        self._hold, self._held, self._aftermath = hold, nothing_held(), aftermath
        self._edge: Edge | None = None
        self._waveform: Waveform | None = None

    def __enter__(self) -> "Trace":
        span = self._span
        self._digitizer.arm(sample_rate_hz=span.rate_hz, before_s=span.before_s, after_s=span.after_s)
        self._edge = self._sync.pulse(seen=span.seen)
        self._held = self._hold(
            self._edge.time_s - span.before_s - BESIDE_S, self._edge.time_s + span.after_s + BESIDE_S
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

    def isolation(self, after: Timestamp) -> Latency:
        """From `after` until the current is below the rig's fraction of its value before, and stays there."""
        fall = Fall(
            t0_s=after.time_s, fraction=self._known.fraction, ripple_hz=self._known.ripple_hz, shown=after.shown
        )

        def components(crossing: Crossing) -> list[Component]:
            parts = self._budget(crossing, after).components
            if lacking := set(TERMS) - {part.name for part in parts}:
                raise BenchError(
                    "budget of the latency", f"lacks {', '.join(sorted(lacking))}", "it would be too small"
                )
            return list(parts)

        return latency_of(fall, self.waveform, components, after.source)

    def shutdown(self, after: Timestamp, watch_s: float = 1.0) -> Shutdown:
        """What became of bridge, current and contactors from `after` on; waits until `watch_s` after it.

        NotTested where the database has no request and no report of the contactors.
        """
        if self._aftermath is None:
            raise BenchError("recording", "knows no bus and no inverter", "record with bench.recording()")
        seen = self._aftermath.until(after.time_s, after.time_s + watch_s, self._known.fraction)
        between = components_of([(Term.FRAME_STAMP, after.half_width_s, after.source)] * 2)
        ordered = components_of([("stamp of the order", ORDER_STAMP_S * (after.half_width_s > 0), "the inverter")])

        def of(name: str, parts: list[Component]) -> Reading:
            found = quantity(Evidence(kind=Kind.SEQUENCE, name=name, sequence=seen, components=parts))
            return replace(found, record=self.waveform)

        return Shutdown(
            sequence=seen,
            isolation=self.isolation(after),
            bridge_first=of(BRIDGE_FIRST, [*between[:1], *ordered]),
            stopped=of(STOPPED, [*between[:1], *ordered]),
            asked=of(ASKED, between),
            load=self._load(seen),
            opened=replace(of(OPENED, between), record=None),  # one picture is enough
            closings=of(CLOSINGS, [Component.rectangular("counted", 0.0, source="frames of the capture")]),
        )

    def _load(self, seen: Sequence) -> Reading:
        """The current when the contactors are asked to open."""
        rest_a = max(abs(float(self.waveform.samples.min())), abs(float(self.waveform.samples.max())))
        terms = [self._noise(0.0), Component.rectangular(MOVES, 0.0, source="this recording", unit="A")]
        parts = [*terms, *self._accuracy(rest_a)]
        return load(Evidence(kind=Kind.LOAD, name=LOAD, sequence=seen, components=parts), self.waveform)

    def least_share(self, since: Timestamp) -> Reading:
        """The smallest current from `since` to the end, in % of that before, in the direction it flowed before.

        The samples are averaged over 2 ms (ripple and noise are not a loss of current).
        """
        name = "least share of the current"
        found = least_share(self.waveform, since.time_s)
        if found is None:
            return Reading(name, None, "%", None, "no current flowed before the fault")
        timing = self._digitizer.timing()
        parts = [
            of_share(Component(Term.NOISE, "normal", 0.0, source="2 ms means before the fault", unit="A"), found),
            of_share(Component.rectangular(Term.ZERO, timing.offset_a, source=timing.source, unit="A"), found),
        ]
        evidence = Evidence(kind=Kind.LEAST_SHARE, since_s=since.time_s, components=parts)
        return Reading(name, found.share_pct, "%", Budget(name, "%", parts), evidence=evidence, record=self.waveform)

    def accuracy(self) -> tuple[float, float, str]:
        """Half-widths of its zero (A) and of its gain, and where they come from."""
        timing = self._digitizer.timing()
        return timing.offset_a, timing.gain_rel, timing.source

    def worst_discharge(self) -> Reading:
        """The largest discharge current (A, positive) anywhere in the recording."""
        return self._worst(Kind.DISCHARGE, self.waveform)

    def worst_charge(self) -> Reading:
        """The largest charge current (A, positive) anywhere in the recording."""
        return self._worst(Kind.CHARGE, turned(self.waveform))

    def mean(self) -> Reading:
        """The mean current of the recording (A, charge positive)."""
        return self.of("DC current", float(np.mean(self.waveform.samples)), self.waveform)

    def of(self, name: str, value_a: float, part: Waveform) -> Reading:
        """A current (A) that stands for this part of the recording, with the digitizer's accuracy."""
        noise_a = float(np.std(part.samples)) / len(part.samples) ** 0.5
        parts = [self._noise(noise_a), *self._accuracy(value_a)]
        return Reading(name, value_a, "A", Budget(name, "A", parts), evidence=stated(value_a, parts))

    def _worst(self, kind: Kind, waveform: Waveform) -> Reading:
        worst, name = least_mean(waveform), f"{kind} current"
        parts = [self._noise(worst.u), *self._accuracy(worst.value)]
        evidence = Evidence(kind=kind, components=parts)
        return Reading(name, -worst.value, "A", Budget(name, "A", parts), evidence=evidence, record=self.waveform)

    def _noise(self, noise_a: float) -> Component:
        return Component(Term.NOISE, "normal", noise_a, source="this recording")

    def _accuracy(self, value_a: float) -> list[Component]:
        timing = self._digitizer.timing()
        return [
            Component.rectangular(Term.ZERO, timing.offset_a, source=timing.source),
            Component.rectangular(Term.GAIN, timing.gain_rel * abs(value_a), source=timing.source),
            *self._known.calibrated.components(value_a),
            *self._known.doubt(),
        ]

    def _budget(self, crossing: Crossing, after: Timestamp) -> Budget:
        """The budget of the latency, in ms."""
        edge, timing = self.edge, self._digitizer.timing()
        return latency_budget(
            crossing,
            RecordTiming(timing.trigger_half_width_s, timing.time_base_rel, timing.offset_a, timing.source),
            ClockLink(edge.half_width_s, "edge on the sync line, stamped before and after by the bench"),
            since_trigger_s=crossing.time_s - edge.time_s,
            timestamp_half_width_s=after.half_width_s,
            timestamp_source=after.source,
            calibration=self._known.calibrated.timing,
        )


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
