"""What the calibrations of a rig's meters add to the budgets of what they measure.

A calibration record speaks for one instrument on one day; the maker's one-year specification, which the budgets hold as
well, speaks for its drift since. A record that does not count (another instrument's, expired) adds nothing: the grade
is blocked then, and the report says so.
"""

from dataclasses import dataclass

from v2g_bench.metrology.budget import Component
from v2g_bench.metrology.calibration import CalibrationRecord
from v2g_bench.metrology.latency import NOT_CALIBRATED, TimingCalibration


@dataclass(frozen=True)
class Calibrated:
    """One meter's calibration. quantity: what its record calls the meter's input; per_unit: input units (V) per unit of
    what is measured with it (A: the shunt's ohms)."""

    record: CalibrationRecord | None = None
    quantity: str = ""
    per_unit: float = 1.0
    timing: TimingCalibration = NOT_CALIBRATED

    def components(self, value: float) -> list[Component]:
        """The calibration's part in the budget of this value; none without a record. BenchError out of its ranges."""
        if self.record is None:
            return []
        return [self.record.component(self.quantity, abs(value) * self.per_unit, 1.0 / self.per_unit)]

    def where_known(self, quantity: str, value: float) -> list[Component]:
        """The same for another quantity of the instrument (in its own unit), if the record knows it at this value."""
        ranges = self.record.ranges if self.record is not None else []
        if self.record is None or not any(r.quantity == quantity and r.low <= abs(value) <= r.high for r in ranges):
            return []
        return [self.record.component(quantity, abs(value))]


def timing_calibration(
    record: CalibrationRecord | None, trigger_u_s: float | None = None, trigger_source: str = ""
) -> TimingCalibration:
    """The time base by the record; the trigger by the rig's own measurement where there is one, else by the record."""
    stated = record.timing if record is not None else None
    if record is None or stated is None:
        return TimingCalibration(trigger_u_s, trigger_source)
    if trigger_u_s is None:
        trigger_u_s, trigger_source = stated.trigger_expanded_s / stated.k, record.source
    return TimingCalibration(trigger_u_s, trigger_source, stated.time_base_rel_expanded / stated.k, record.source)


UNCALIBRATED = Calibrated()
