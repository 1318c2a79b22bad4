"""The meters of an open rig, with what is known of each: its calibration, and what the digitizer's trigger takes."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import SERVES, CurrentDigitizer, PowerAnalyzer
from v2g_bench.instruments.registry import open_meter
from v2g_bench.metrology.calibration import CalibrationRecord, CalibrationState, state_of
from v2g_bench.metrology.calibration import load as read_record
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts import trigger_timing
from v2g_bench.rig.parts.calibrated import Calibrated, timing_calibration
from v2g_bench.rig.parts.exchanges import Note
from v2g_bench.rig.parts.opening import Later, opened
from v2g_bench.rig.parts.sync import NoSync
from v2g_bench.rig.parts.timing import SyncLine

if TYPE_CHECKING:
    from v2g_bench.instruments.trigger_timing import MeasuredTiming

# What a meter's calibration record must cover.
MEASURES = {"dc_current": "dc_voltage", "ac_power": "ac_power", "multimeter": "ac_voltage"}


class Instruments:
    """All meters of one rig, and its sync line. meters: name -> driver, of those that are open; timing: the trigger as
    measured on this rig.
    """

    def __init__(self, loaded: LoadedRig, clock: Clock) -> None:
        self._loaded, self._clock = loaded, clock
        self.meters: dict[str, Any] = {}
        self.sync: SyncLine = NoSync()
        self.timing: MeasuredTiming | None = None
        self._calibrated: dict[str, Calibrated] = {}

    def open(self, name: str, resource: str, log: Note, later: Later) -> str:
        """Open one at its resource, and return its identity; `later` receives the function that closes it."""
        stated = self._loaded.rig.meters.named()[name]
        options: dict[str, Any] = dict(stated.options) | ({"shunt_ohm": stated.shunt_ohm} if stated.shunt_ohm else {})
        options |= {"backend": stated.backend, "timeout_s": stated.timeout_s}
        where = f"{self._loaded.path}: meters.{name}"
        if name == "dc_current":
            self.timing = trigger_timing.timing_of(self._loaded)
            if (latency_s := self.trigger_latency_s()) is not None:
                options["trigger_latency_s"] = latency_s
        options |= {"log": log, "serves": SERVES[name]}
        self.meters[name] = meter = open_meter(stated.driver, resource, where=where, clock=self._clock, **options)
        later(f"meters.{name}", meter.close)
        if (
            name == "dc_current"
            and self.timing
            and (problem := self.timing.problem(meter.identity(), datetime.now(UTC)))
        ):
            raise BenchError(f"{where}: trigger", problem, f"run: v2g-bench calibrate --rig={self._loaded.argument}")
        self._calibrated[name] = self._calibration_of(name)
        return str(meter.identity())

    @property
    def digitizer(self) -> CurrentDigitizer:
        """The meter that records the DC current."""
        return cast(CurrentDigitizer, opened(self.meters.get("dc_current"), "meters.dc_current"))

    @property
    def analyzer(self) -> PowerAnalyzer:
        """The meter of the AC power."""
        return cast(PowerAnalyzer, opened(self.meters.get("ac_power"), "meters.ac_power"))

    def calibrated(self, name: str) -> Calibrated:
        """What a meter's calibration adds to the budgets; nothing where none counts."""
        return self._calibrated[name]

    def calibration(self, name: str) -> CalibrationState:
        """Whether a meter's calibration supports the grade `hardware`."""
        meter = self._loaded.rig.meters.named()[name]
        path = self._loaded.path.parent / meter.calibration if meter.calibration else None
        needs_timing = name == "dc_current" and self.timing is None
        return state_of(path, self.meters[name].identity(), date.today(), (MEASURES[name],), needs_timing=needs_timing)

    def trigger_latency_s(self) -> float | None:
        """From the edge to its effect in the record: as measured on this rig, else as the record states it, else None."""
        if self.timing is not None:
            return self.timing.offset_s
        record = self._record("dc_current")
        return record.timing.trigger_latency_s if record is not None and record.timing is not None else None

    def _record(self, name: str) -> CalibrationRecord | None:
        """The calibration record that the rig file names; None where it names none, or one that cannot be used: what is
        wrong with it is `calibration`'s to say."""
        named = self._loaded.rig.meters.named()[name].calibration
        try:
            return read_record(self._loaded.path.parent / named) if named else None
        except BenchError:
            return None

    def _calibration_of(self, name: str) -> Calibrated:
        meter = self._loaded.rig.meters.named()[name]
        state = self.calibration(name)
        record = state.record if state.ok else None
        if name != "dc_current":
            return Calibrated(record, MEASURES[name])
        measured = (self.timing.expanded_s / self.timing.k, "v2g-bench calibrate") if self.timing else (None, "")
        return Calibrated(record, MEASURES[name], meter.shunt_ohm or 1.0, timing_calibration(record, *measured))
