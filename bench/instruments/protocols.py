"""What meters do, whoever made them: three small protocols and the plain data that they give."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from v2g_bench.metrology.waveform import Waveform


@dataclass(frozen=True)
class Identity:
    """Who answers: the four fields of *IDN?."""

    maker: str
    model: str
    serial: str
    firmware: str

    def __str__(self) -> str:
        return f"{self.maker} {self.model}, serial {self.serial}, firmware {self.firmware}"


@dataclass(frozen=True)
class DigitizerTiming:
    """What a digitizer's data sheet states about it, for the uncertainty budget. Half-widths are of a rectangle.

    sample_interval_s: between two samples; aperture_s: what one sample is averaged over;
    trigger_half_width_s: of the sample grid against the trigger; time_base_rel: half-width of the relative error of the
    sample interval; gain_rel, offset_a: half-widths of the errors of one sample, relative to it and in amperes;
    source: where these numbers come from.
    """

    sample_interval_s: float
    aperture_s: float
    trigger_half_width_s: float
    time_base_rel: float
    gain_rel: float
    offset_a: float
    source: str


@dataclass(frozen=True)
class PowerReading:
    """AC quantities, each a mean over the `window_s` before `time_s` (bench clock, s). + is into the battery."""

    power_w: float
    voltage_v: float
    current_a: float
    frequency_hz: float
    time_s: float
    window_s: float


class CurrentDigitizer(Protocol):
    """Records the DC current around an edge of the rig's sync line. Times are seconds on the bench clock."""

    max_sample_rate_hz: float

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        ...

    def arm(self, *, sample_rate_hz: float, before_s: float, after_s: float) -> None:
        """Be ready for the edge: returns when `before_s` of signal are already in memory."""

    def fetch(self, trigger_s: float) -> Waveform:
        """The record around the edge that came at `trigger_s`; waits until it is complete. Never a partial one."""
        ...

    def timing(self) -> DigitizerTiming:
        """For the settings of the last `arm`."""
        ...

    def abort(self) -> None:
        """Leave the wait for the edge; the record is lost."""
        ...

    def close(self) -> None:
        """Give the resource back."""
        ...


class PowerAnalyzer(Protocol):
    """Measures AC power. Slow: evidence of how much, never of when."""

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        ...

    def read(self, *, fresh: bool = True) -> PowerReading:
        """`fresh`: the window of the reading began after this call."""
        ...

    def series(self, count: int) -> Iterator[PowerReading]:
        """So many readings, one window after the other, the first of them begun after this call."""
        ...

    def power_accuracy(self, power_w: float) -> tuple[float, str]:
        """Half-width (W) of the rectangle about a power reading, and where that number comes from."""
        ...

    def most_w(self, voltage_v: float) -> float:
        """The largest power (W) that its ranges are made for at this RMS voltage: it shows somewhat more."""
        ...

    def rms_accuracy(self, voltage_v: float, current_a: float) -> tuple[float, float, str]:
        """Half-widths (V, A) about readings of RMS voltage and current, and where these numbers come from."""
        ...

    def close(self) -> None:
        """Give the resource back."""
        ...


Pending: TypeAlias = Callable[[], float]  # a measurement that has begun: waits for its end, and gives its value


class Multimeter(Protocol):
    """Measures at the inverter's AC terminals, true RMS, one quantity at a time."""

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        ...

    def ac_voltage(self) -> Pending:
        """Begin to measure the RMS voltage (V)."""
        ...

    def ac_current(self) -> Pending:
        """Begin to measure the RMS current (A)."""
        ...

    def rms_accuracy(self, voltage_v: float, current_a: float) -> tuple[float, float, str]:
        """Half-widths (V, A) about such readings, and where these numbers come from."""
        ...

    def close(self) -> None:
        """Give the resource back."""
        ...


SERVES: dict[str, type] = {"dc_current": CurrentDigitizer, "ac_power": PowerAnalyzer, "multimeter": Multimeter}
"""What a meter has to be, by its name in a rig file."""
