"""A measured value with the budget of its uncertainty, and the evidence that it stands on.

>>> from v2g_bench.metrology.budget import Component
>>> power = Reading("AC power", -2994.0, "W", Budget("AC power", "W", [Component.rectangular("gain", 10.0)]))
>>> print(power)
-2994 W ± 12 W
>>> power.judged(DecisionRule(), Limits(low=-3060, high=-2940, unit="W")).verdict
<Verdict.PASS: 'PASS'>
"""

import math
from dataclasses import dataclass, field

from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import Evidence, share_of
from v2g_bench.metrology.budget import Budget, Component, Uncertainty
from v2g_bench.metrology.decision import Decision, DecisionRule, Limits
from v2g_bench.metrology.waveform import Waveform


@dataclass(frozen=True)
class Reading:
    """One quantity. value: None where nothing could be measured, and `why` gives the reason.

    failed: why there is no value where what had to happen never did, which is a FAIL and nobody's doubt. record: the
    waveform that the evidence is about.
    """

    quantity: str
    value: float | None
    unit: str
    budget: Budget | None
    why: str = ""
    evidence: Evidence | None = None
    record: Waveform | None = field(default=None, repr=False, compare=False)
    failed: str = ""

    @property
    def uncertainty(self) -> Uncertainty | None:
        """The combined uncertainty of the budget."""
        return self.budget.combined() if self.budget else None

    def judged(self, rule: DecisionRule, limits: Limits) -> Decision:
        """The decision of the rule on this value: the one way from a value to a verdict, in a run and in `verify`."""
        return rule.decide(self.value, self.uncertainty, limits, self.failed)

    def share_of(self, whole: "Reading") -> "Reading":
        """This value in percent of another one; relative uncertainties add in quadrature."""
        name = f"{self.quantity} in % of before"
        if self.value is None or whole.value is None or not whole.value:
            return Reading(name, None, "%", None, self.why or whole.why or "nothing flowed before")
        share = 100.0 * self.value / whole.value
        parts = []
        for reading, role in ((self, "value"), (whole, "reference")):
            uncertainty = reading.uncertainty
            if uncertainty is None:
                return Reading(name, None, "%", None, f"the {role} has no uncertainty")
            sensitivity = (100.0 if role == "value" else -share) / whole.value
            parts.append(
                Component(role, "normal", uncertainty.u, sensitivity, uncertainty.dof, reading.quantity, reading.unit)
            )
        evidence = share_of(self.evidence, whole.evidence) if self.evidence and whole.evidence else None
        return Reading(name, share, "%", Budget(name, "%", parts), evidence=evidence)

    def __str__(self) -> str:
        if self.value is None or self.uncertainty is None:
            return self.why or "not measured"
        digits = _digits(self.uncertainty.expanded)
        return f"{self.value:z.{digits}f} {self.unit} ± {self.uncertainty.expanded:.{digits}f} {self.unit}"


def _digits(expanded: float) -> int:
    """Decimals that show U with two significant digits, at the most 4."""
    if not math.isfinite(expanded) or expanded <= 0:
        return 3
    return max(0, min(4, 1 - math.floor(math.log10(expanded))))


@dataclass(frozen=True)
class Latency(Reading):
    """From t0 (the frame on the bus) to t1 (the current gone), in ms.

    t1_s: None where the current never went (`failed`), or where the bench could not tell (`unclear`); t0_source: what
    stamped the frame; before_a: mean current before the fault; threshold_a: where it counts as gone. lost: what makes it
    unclear is the bench's own record, which does not have the fault; else it is what the current did.
    """

    t0_s: float = math.nan
    t1_s: float | None = None
    t0_source: str = ""
    before_a: float | None = None
    threshold_a: float | None = None
    lost: bool = False

    @property
    def unclear(self) -> str:
        """Why the bench cannot tell; "" where it can."""
        return self.why if self.value is None and not self.failed else ""

    @property
    def waveform(self) -> Waveform:
        """What the digitizer saw; BenchError where it is not here."""
        if self.record is None:
            raise BenchError(self.quantity, "has no waveform", "it comes from a trace: trace.isolation(after=...)")
        return self.record
