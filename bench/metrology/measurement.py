"""What a run keeps of a measurement: the value that is judged, its uncertainty, the limit, the decision, every trial.

Plain data: `to_dict` gives strings, finite numbers, booleans, lists and dicts only, ready for JSON.

>>> m = Measurement("latency", "DC current off", 23.4, "ms", Uncertainty.of(0.15), upper=50.0)
>>> m = m.judged(DecisionRule())
>>> m.verdict, m.to_dict()["uncertainty"]["expanded"]
(<Verdict.PASS: 'PASS'>, 0.3)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from v2g_bench.metrology.budget import Budget, Uncertainty
from v2g_bench.metrology.decision import Decision, DecisionRule
from v2g_bench.metrology.verdict import Verdict, worst


@dataclass(frozen=True)
class Trial:
    """One repetition.

    index: place among the planned repetitions, from 0; attempt: count of all attempts, from 0; phase_s: random delay
    before the stimulus (s); value: None when nothing could be measured; void_reason: why the trial is not judged
    ("" when it is); note: what the bench saw, for example why there is no value; details: plain data for the report.
    """

    index: int
    attempt: int
    phase_s: float
    value: float | None = None
    uncertainty: Uncertainty | None = None
    void_reason: str = ""
    verdict: Verdict | None = None
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def void(self) -> bool:
        """True when the bench itself disturbed the trial."""
        return bool(self.void_reason)


@dataclass(frozen=True)
class Measurement:
    """One judged quantity. `value` is the worst of the valid trials where there are several."""

    name: str
    quantity: str
    value: float | None
    unit: str
    uncertainty: Uncertainty | None = None
    upper: float | None = None
    lower: float | None = None
    decision: Decision | None = None
    trials: Sequence[Trial] = ()
    budget: Budget | None = None
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> Verdict:
        """The decision's verdict, or a worse one of a valid trial; without a decision the bench has not told."""
        own = self.decision.verdict if self.decision is not None else Verdict.INCONCLUSIVE
        return worst([own, *(t.verdict for t in self.trials if t.verdict is not None and not t.void)])

    def judged(self, rule: DecisionRule) -> "Measurement":
        """The same measurement with the decision that `rule` takes."""
        value = math.nan if self.value is None else self.value
        return replace(self, decision=rule.decide(value, self.uncertainty, self.upper, self.lower, self.unit))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what is infinite or no number becomes None, a budget its table, an enum its value."""
        plain: dict[str, Any] = as_plain(self)
        plain["verdict"] = str(self.verdict)
        if self.budget is not None:
            plain["budget"] = {
                "quantity": self.budget.quantity,
                "unit": self.budget.unit,
                "combined": as_plain(self.budget.combined()),
                "rows": as_plain(self.budget.table()),
            }
        return plain


def as_plain(thing: Any) -> Any:
    """Dataclasses, enums, mappings, sequences and numbers as JSON takes them; TypeError for anything else."""
    if thing is None or (isinstance(thing, bool | str) and not isinstance(thing, Enum)):
        return thing
    if isinstance(thing, Enum):
        return as_plain(thing.value)
    if isinstance(thing, int):
        return int(thing)
    if isinstance(thing, float):  # numpy's float64 is one
        return float(thing) if math.isfinite(thing) else None
    if is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: as_plain(getattr(thing, f.name)) for f in fields(thing)}
    if isinstance(thing, Mapping):
        return {str(key): as_plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [as_plain(item) for item in thing]
    if hasattr(thing, "item") and getattr(thing, "ndim", None) == 0:
        return as_plain(thing.item())
    if hasattr(thing, "tolist"):
        return as_plain(thing.tolist())
    raise TypeError(f"no plain form of {type(thing).__name__}")
