"""One input of an uncertainty budget, and the names by which an input is found again.

An input is looked up by its name where a budget is recomputed: what the samples themselves say of it (a crossing, a
noise, a spread) is then estimated anew, and the rest stays as it was kept. Those names are `Term`; any other is for
the reader alone.

>>> Component.rectangular(Term.FRAME_STAMP, 0.030, source="software timestamp").name == "frame timestamp"
True
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from v2g_bench.inputs.ranges import Within

Distribution = Literal["normal", "rectangular", "triangular", "arcsine"]
_FROM_ZERO = Within(0, math.inf, under=True)
_FINITE = Within(-math.inf, math.inf, over=True, under=True)
_DOF = Within(0, math.inf, over=True)


class Term(StrEnum):
    """The inputs that are looked up by name; a run keeps the words."""

    # of a latency
    CROSSING = "crossing in the record"
    FRAME_STAMP = "frame stamp"
    CLOCK_LINK = "clock link"
    TRIGGER = "trigger of the record"
    TRIGGER_LATENCY = "latency of the trigger"
    TIME_BASE = "time base"
    DIGITIZER_ZERO = "zero of the digitizer"
    # of a current
    NOISE = "noise of the mean"
    ZERO = "zero offset"
    GAIN = "gain"
    # of a mean of readings
    REPEATABILITY = "repeatability"


@dataclass(frozen=True)
class Component:
    """One input of a budget.

    u: standard uncertainty of the input in its own `unit` ("": the budget's); sensitivity: d(result)/d(input);
    dof: degrees of freedom of u; source: where the number comes from, as the report prints it.
    """

    name: str
    distribution: Distribution
    u: Annotated[float, _FROM_ZERO]
    sensitivity: Annotated[float, _FINITE] = 1.0
    dof: Annotated[float, _DOF] = math.inf
    source: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if self.distribution not in get_args(Distribution):
            raise ValueError(f"{self.name}: unknown distribution {self.distribution!r}")
        if not (self.u in _FROM_ZERO and self.sensitivity in _FINITE and self.dof in _DOF):
            raise ValueError(f"{self.name}: u={self.u}, sensitivity={self.sensitivity}, dof={self.dof}")

    @classmethod
    def rectangular(
        cls, name: str, half_width: float, sensitivity: float = 1.0, source: str = "", unit: str = ""
    ) -> Self:
        """All values within ± half_width are equally likely: u = a / sqrt(3) (GUM 4.3.7)."""
        return cls(name, "rectangular", half_width / math.sqrt(3), sensitivity, source=source, unit=unit)

    @classmethod
    def resolution(cls, name: str, step: float, sensitivity: float = 1.0, source: str = "", unit: str = "") -> Self:
        """A reading rounded to `step`: u = step / (2 sqrt(3)) (GUM F.2.2.1)."""
        return cls.rectangular(name, step / 2, sensitivity, source, unit)

    @classmethod
    def of_samples(
        cls, name: str, values: Sequence[float], sensitivity: float = 1.0, source: str = "", unit: str = ""
    ) -> Self:
        """The mean of repeated readings, type A: u = s / sqrt(n), n - 1 degrees of freedom (GUM 4.2.3); n >= 2."""
        if len(values) < 2:
            raise ValueError(f"{name}: one reading has no spread, {len(values)} given")
        u = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        return cls(name, "normal", u, sensitivity, len(values) - 1, source, unit)

    @property
    def contribution(self) -> float:
        """Standard uncertainty of the result that is due to this input, in the budget's unit."""
        return abs(self.sensitivity) * self.u

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """`n` random errors of the input (JCGM 101:2008, 6.4): zero mean, in the input's unit.

        A normal input of finite dof is a scaled t (6.4.9); a rectangular one of finite dof has an inexactly known
        width (6.4.3: curvilinear trapezoid), whose relative spread follows from dof after GUM G.4.2.
        """
        if self.distribution == "normal":
            unit = rng.standard_normal(n) if math.isinf(self.dof) else rng.standard_t(self.dof, n)
            return self.u * unit
        if self.distribution == "triangular":
            return self.u * math.sqrt(6) * (rng.random(n) - rng.random(n))
        if self.distribution == "arcsine":
            return self.u * math.sqrt(2) * np.sin(rng.uniform(0, 2 * np.pi, n))
        half = self.u * math.sqrt(3)
        inexact = 0.0 if math.isinf(self.dof) else min(1.0, math.sqrt(1.5 / self.dof))
        return half * (1 + inexact * rng.uniform(-1, 1, n)) * rng.uniform(-1, 1, n)
