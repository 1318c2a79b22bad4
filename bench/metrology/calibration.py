"""Calibration records: one TOML file per instrument, checked against the instrument that answers.

    maker = "Keysight Technologies"
    model = "34465A"
    serial = "MY54000001"
    certificate = "DKD-2026-0815"
    laboratory = "Example Calibration Ltd, D-K-12345"
    calibrated = 2026-03-01
    due = 2027-03-01

    [[range]]                       # one per calibrated range
    quantity = "dc_voltage"
    unit = "V"
    low = -0.1
    high = 0.1
    relative_expanded = 3.5e-5      # of the reading
    absolute_expanded = 3.5e-6      # in the unit; the two add up, as in a specification
    k = 2.0

    [timing]                        # optional: external trigger and time base
    trigger_latency_s = 4.0e-6
    trigger_expanded_s = 1.0e-6
    time_base_rel_expanded = 2.5e-5
    k = 2.0

A record that is missing, not yet valid, expired or of another instrument does not stop a run: it blocks the grade
`hardware`, and the report gives the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import ANY, LatencyS, Within
from v2g_bench.inputs.text import read_toml
from v2g_bench.metrology.budget import Component

Relative = Annotated[float, Within(0, 1, under=True)]  # an error of 100 % is no measurement
Absolute = Annotated[float, Within(0, 1e9)]
Bound = Annotated[float, ANY]  # of a range, in its unit
CoverageFactor = Annotated[float, Within(1, 10)]  # u to U: from the standard uncertainty itself to far beyond 99.9 %
Freedom = Annotated[float, Within(0, 1e9, over=True)]
LatencyErrorS = Annotated[float, Within(0, 0.5)]
Text = Annotated[str, Field(min_length=1)]


class Identified(Protocol):
    """What an instrument reports about itself."""

    @property
    def maker(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def serial(self) -> str: ...


class CalibratedRange(Checked):
    """Expanded uncertainty relative_expanded * |reading| + absolute_expanded from `low` to `high`, in `unit`."""

    quantity: Text
    unit: Text
    low: Bound
    high: Bound
    relative_expanded: Relative = 0.0
    absolute_expanded: Absolute = 0.0
    k: CoverageFactor = 2.0
    dof: Freedom | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.relative_expanded == 0 and self.absolute_expanded == 0:
            raise ValueError("a calibrated range has an uncertainty")
        return self


class CalibratedTiming(Checked):
    """Delay from the trigger's edge to the first sample, and the relative error of the time base."""

    trigger_latency_s: LatencyS = 0.0
    trigger_expanded_s: LatencyErrorS
    time_base_rel_expanded: Relative
    k: CoverageFactor = 2.0


class CalibrationRecord(Checked):
    """The content of a certificate; see the module's text. `timing` is None when only amplitudes were calibrated."""

    maker: Text
    model: Text
    serial: Text
    certificate: Text
    laboratory: Text = "not stated"
    calibrated: date
    due: date
    ranges: Annotated[list[CalibratedRange], Field(alias="range", min_length=1)]
    timing: CalibratedTiming | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.calibrated < self.due:
            raise ValueError(f"due {self.due} is not after calibrated {self.calibrated}")
        return self

    @property
    def source(self) -> str:
        """As a budget prints it."""
        return f"certificate {self.certificate} of {self.calibrated}"

    def component(self, quantity: str, reading: float, sensitivity: float = 1.0) -> Component:
        """The uncertainty of a reading, from the narrowest calibrated range that holds it; BenchError when none does."""
        fitting = [r for r in self.ranges if r.quantity == quantity and r.low <= reading <= r.high]
        if not fitting:
            known = ", ".join(f"{r.quantity} {r.low:g} to {r.high:g} {r.unit}" for r in self.ranges)
            raise BenchError(
                f"calibration {self.certificate}: {quantity}",
                f"no calibrated range holds {reading:g}; calibrated: {known}",
                "measure inside a calibrated range, or have this one calibrated",
            )
        one = min(fitting, key=lambda r: r.high - r.low)
        u = (one.relative_expanded * abs(reading) + one.absolute_expanded) / one.k
        dof = float("inf") if one.dof is None else one.dof
        return Component(f"calibration of {quantity}", "normal", u, sensitivity, dof, self.source, one.unit)


@dataclass(frozen=True)
class CalibrationState:
    """Whether an instrument's results may carry the grade `hardware`. problems: why not, one sentence each."""

    instrument: str
    record: CalibrationRecord | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when nothing speaks against the grade `hardware`."""
        return self.record is not None and not self.problems

    @property
    def text(self) -> str:
        """One line for the report."""
        if self.problems:
            return f"{self.instrument}: {'; '.join(self.problems)}"
        assert self.record is not None
        return f"{self.instrument}: certificate {self.record.certificate}, valid until {self.record.due}"


def load(path: Path) -> CalibrationRecord:
    """Read a record; BenchError naming the file and the key when it cannot be read or does not fit."""
    if not path.exists():
        raise BenchError(str(path), "no such file", "give the instrument's calibration record")
    hint = "see the example in the calibration room"
    return validated(CalibrationRecord, read_toml(path, hint), str(path), hint, root="record")


def check(
    identity: Identified,
    record: CalibrationRecord | None,
    today: date,
    needs: Sequence[str] = (),
    *,
    needs_timing: bool = False,
) -> CalibrationState:
    """Compare a record with the instrument that answers. needs: quantities that the run measures with it."""
    name = f"{identity.maker} {identity.model}, serial {identity.serial}"
    if record is None:
        return CalibrationState(name, None, ("no calibration record",))
    problems = []
    for what in ("maker", "model", "serial"):
        own, theirs = getattr(identity, what), getattr(record, what)
        if own.strip().casefold() != theirs.strip().casefold():
            problems.append(f"the record is of {what} {theirs!r}, the instrument says {own!r}")
    if today > record.due:
        problems.append(f"calibration expired on {record.due}")
    if today < record.calibrated:
        problems.append(f"calibration dated {record.calibrated}, which is after today")
    covered = {r.quantity for r in record.ranges}
    problems += [f"{quantity} is not calibrated" for quantity in needs if quantity not in covered]
    if needs_timing and record.timing is None:
        problems.append("trigger and time base are not calibrated")
    return CalibrationState(name, record, tuple(problems))


def state_of(
    path: Path | None, identity: Identified, today: date, needs: Sequence[str] = (), *, needs_timing: bool = False
) -> CalibrationState:
    """`check` with the record in a file; None, or a file that cannot be used, is a problem and not an error."""
    if path is None:
        return check(identity, None, today, needs, needs_timing=needs_timing)
    try:
        return check(identity, load(path), today, needs, needs_timing=needs_timing)
    except BenchError as error:
        name = f"{identity.maker} {identity.model}, serial {identity.serial}"
        return CalibrationState(name, None, (str(error).replace("\n ", ":"),))
