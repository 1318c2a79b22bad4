"""How a recording of the DC current is made on this rig: its digitizer, its sync line, its calibration, its bus."""

from v2g_bench.rig.measuring.aftermath import Aftermath
from v2g_bench.rig.measuring.comparisons import Comparisons
from v2g_bench.rig.measuring.trace import RATE_HZ, Known, Span, Trace
from v2g_bench.rig.parts.protocol import Parts


class Recordings:
    """Makes recordings; `recordings(after_s=1.0)` is one that has not been started yet."""

    def __init__(self, parts: Parts, comparisons: Comparisons) -> None:
        self._parts, self._comparisons = parts, comparisons

    def __call__(
        self, *, rate_hz: float = RATE_HZ, before_s: float = 0.05, after_s: float = 0.35, seen: bool = False
    ) -> Trace:
        """See `Bench.recording`."""
        rig = self._parts.loaded.rig
        known = Known(
            fraction=rig.judging.isolation_fraction,
            ripple_hz=rig.inverter.ripple_hz,
            calibrated=self._parts.instruments.calibrated("dc_current"),
            doubt=lambda: self._comparisons.doubt("DC current"),
        )
        instruments, span = self._parts.instruments, Span(rate_hz, before_s, after_s, seen)
        return Trace(
            instruments.digitizer,
            instruments.sync,
            span,
            known,
            hold=self._parts.bus.capture.hold,
            aftermath=Aftermath(self._parts),
        )
