"""A measured value with the budget of its uncertainty, before anybody has judged it.

>>> from v2g_bench.metrology.budget import Component
>>> power = Reading("AC power", -2994.0, "W", Budget("AC power", "W", [Component.rectangular("gain", 10.0)]))
>>> print(power)
-2994 W ± 12 W
"""

import math
from dataclasses import dataclass, field

from v2g_bench.evidence.basis import Basis, share_of
from v2g_bench.metrology.budget import Budget, Component, Uncertainty
from v2g_bench.metrology.waveform import Waveform


@dataclass(frozen=True)
class Reading:
    """One quantity. value: None where nothing could be measured, and `why` gives the reason.

    basis: what the value was computed from (see `v2g_bench.evidence.basis`); record: the waveform that it needs for that.
    """

    quantity: str
    value: float | None
    unit: str
    budget: Budget | None
    why: str = ""
    basis: Basis | None = None
    record: Waveform | None = field(default=None, repr=False, compare=False)

    @property
    def uncertainty(self) -> Uncertainty | None:
        """The combined uncertainty of the budget."""
        return self.budget.combined() if self.budget else None

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
        basis = share_of(self.basis, whole.basis) if self.basis and whole.basis else None
        return Reading(name, share, "%", Budget(name, "%", parts), basis=basis)

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
