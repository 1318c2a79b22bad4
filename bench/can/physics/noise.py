"""What disturbs the line, as a voltage or a bit error rate at any moment.

    BitErrors        a bit error rate, always the same
    GilbertElliott   a quiet state and a bad one, each with its bit error rate, left at random (Gilbert, "Capacity of a
                     burst-noise channel", BSTJ 1960; Elliott, BSTJ 1963), here in continuous time
    SwitchingNoise   volts while the inverter's bridge switches, twice in each period, growing with its power

Each is asked for times that never go backwards by more than one frame.
"""

import random
from dataclasses import dataclass, field
from typing import Protocol


class NoiseSource(Protocol):
    """One disturbance. The peaks bound what `at` gives from now on."""

    def at(self, time_s: float, power_w: float) -> tuple[float, float]:
        """(volts rms on a terminated line, bit error rate) at that time, with the inverter at this power."""
        ...

    def peak(self, power_w: float) -> tuple[float, float]:
        """The largest of both."""
        ...


@dataclass(frozen=True)
class BitErrors:
    """Each bit is wrong with this probability."""

    rate: float

    def at(self, time_s: float, power_w: float) -> tuple[float, float]:
        return 0.0, self.rate

    def peak(self, power_w: float) -> tuple[float, float]:
        return 0.0, self.rate


@dataclass
class GilbertElliott:
    """gap_s, burst_s: mean stay in the quiet and in the bad state, exponential; the bit error rates in them."""

    gap_s: float
    burst_s: float
    burst_rate: float
    gap_rate: float = 0.0
    seed: int = 0
    _bad: bool = field(default=False, init=False)
    _until_s: float = field(default=float("-inf"), init=False)
    _before: tuple[float, bool] = field(default=(float("-inf"), False), init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def at(self, time_s: float, power_w: float) -> tuple[float, float]:
        if self._until_s == float("-inf"):
            self._bad = self._rng.random() < self.burst_s / (self.burst_s + self.gap_s)
            self._until_s = time_s + self._stay_s()
        while time_s >= self._until_s:
            self._bad = not self._bad
            self._until_s += self._stay_s()
        return 0.0, self.burst_rate if self._bad else self.gap_rate

    def peak(self, power_w: float) -> tuple[float, float]:
        return 0.0, max(self.burst_rate, self.gap_rate)

    def _stay_s(self) -> float:
        return self._rng.expovariate(1.0 / (self.burst_s if self._bad else self.gap_s))


@dataclass(frozen=True)
class SwitchingNoise:
    """Volts rms at rated power for `ring_s` after every edge of the bridge; an edge comes every half period.

    The coupled voltage follows dv/dt, which is there without load, and di/dt, which grows with the current: a tenth of
    it stays at no load (`IDLE_SHARE`, an assumption), the rest is proportional to the power.
    """

    volts: float
    switching_hz: float = 20_000.0
    ring_s: float = 2e-6
    rated_w: float = 11_000.0

    IDLE_SHARE = 0.1

    def at(self, time_s: float, power_w: float) -> tuple[float, float]:
        return (self._volts(power_w) if time_s % (0.5 / self.switching_hz) < self.ring_s else 0.0), 0.0

    def peak(self, power_w: float) -> tuple[float, float]:
        return self._volts(power_w), 0.0

    def _volts(self, power_w: float) -> float:
        if power_w == 0:
            return 0.0  # the bridge does not switch
        return self.volts * (self.IDLE_SHARE + (1 - self.IDLE_SHARE) * abs(power_w) / self.rated_w)
