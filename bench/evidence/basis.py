"""What a judged value was computed from, as plain data stored with it; and the value recomputed from that.

A run keeps a basis with every reading that it judges. `again` uses nothing of the run's own result: it starts
from the raw samples or the raw readings and uses the same estimators as the run.

| kind        | computed from                                                                     |
| ----------- | --------------------------------------------------------------------------------- |
| mean        | `samples`: the raw readings of an instrument                                      |
| share       | `value` and `reference`, each a basis of its own: the one in percent of the other |
| least share | a waveform: the least current from `since_s` on, in percent of that before        |
| discharge   | a waveform: its largest discharge current over any 20 ms                          |
| charge      | a waveform: its largest charge current over any 20 ms                             |
| stated      | `value`: what an instrument said of itself                                        |

`parts`: the components of the budget, as `audit.basis_marks` keeps them. Times are bench-clock seconds.

>>> power = Budget("AC power", "W", [Component("repeatability", "normal", 1.0), Component.rectangular("accuracy", 6.0)])
>>> again(mean_of([2990.0, 3000.0, 3010.0], power)).value
3000.0
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.metrology.agree import agree
from v2g_bench.metrology.budget import Budget, Component, Uncertainty
from v2g_bench.metrology.decision import DecisionRule, RuleKind, p_conform
from v2g_bench.metrology.extremes import least_mean, least_share, turned
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.metrology.waveform import Waveform

Basis = Mapping[str, Any]
REPEATABILITY = "repeatability"
NOISE, ZERO, GAIN = "noise of the mean", "zero offset", "gain"
FROM_WAVEFORM = ("least share", "discharge", "charge")


@dataclass(frozen=True)
class Again:
    """One recomputed value, in its unit.

    value None: a latency without a lasting fall (`failed`), or it cannot be told (`unclear`).
    """

    value: float | None
    uncertainty: Uncertainty | None
    t1_s: float | None
    failed: str = ""
    unclear: str = ""

    def verdict(self, rule: RuleKind, upper: float | None, lower: float | None = None) -> Verdict:
        """The decision of the rule on it."""
        value = math.nan if self.value is None else self.value
        return DecisionRule(rule).decide(value, self.uncertainty, upper, lower).verdict


def mean_of(samples: Sequence[float], budget: Budget) -> Basis:
    """The basis of a mean of readings, whose spread is the part REPEATABILITY."""
    return {"kind": "mean", "samples": [float(sample) for sample in samples], "parts": _kept(budget)}


def stated(value: float, budget: Budget) -> Basis:
    """The basis of a value as an instrument stated it, without raw data."""
    return {"kind": "stated", "value": float(value), "parts": _kept(budget)}


def share_of(value: Basis, reference: Basis) -> Basis:
    """The basis of one reading in percent of another."""
    return {"kind": "share", "value": value, "reference": reference}


def of_waveform(kind: str, budget: Budget, **marks: float) -> Basis:
    """The basis of an extreme of a waveform, which is kept in a file beside it."""
    return {"kind": kind, "parts": _kept(budget), **marks}


def again(basis: Basis, record: Waveform | None = None) -> Again:
    """Value and uncertainty from this basis. record: the waveform, where the kind needs one. BenchError if it lacks."""
    kind = basis.get("kind")
    if kind == "share":
        return _share(again(basis["value"]), again(basis["reference"]))
    parts = [Component(**{**part, "dof": float(part["dof"])}) for part in basis.get("parts", [])]
    if kind == "mean":
        samples = [float(sample) for sample in basis["samples"]]
        fresh = [Component.of_samples(p.name, samples, p.sensitivity) if p.name == REPEATABILITY else p for p in parts]
        return _said(float(np.mean(samples)), fresh)
    if kind == "stated":
        return _said(float(basis["value"]), parts)
    if kind not in FROM_WAVEFORM:
        raise BenchError("basis", f"is of an unknown kind: {kind!r}", "was it written by another version of the bench?")
    if record is None:
        raise BenchError("basis", f"a {kind} is of a waveform, and there is none")
    if kind in ("discharge", "charge"):
        worst = least_mean(record if kind == "discharge" else turned(record))
        fresh = [replace(p, u=worst.u) if p.name == NOISE else p for p in parts]
        return _said(-worst.value, fresh)
    found = least_share(record, float(basis["since_s"]))
    if found is None:
        return Again(None, None, None, unclear="no current flowed before the fault")
    return _said(found.share_pct, [_of_share(p, found.per_ampere_pct, found.share_pct, found.u_a) for p in parts])


def witnesses_again(values: Mapping[str, Basis], unit: str) -> Verdict:
    """Whether these values agree, each recomputed from its own basis."""
    found = {name: again(basis) for name, basis in values.items()}
    pairs = {name: (one.value, one.uncertainty) for name, one in found.items()}
    known = {name: (value, u) for name, (value, u) in pairs.items() if value is not None and u is not None}
    agreed = len(known) == len(pairs) and agree(known, unit)[0]
    return Verdict.PASS if agreed else Verdict.INCONCLUSIVE


def decided(
    value: float, expanded: float, k: float, rule: RuleKind, upper: float | None, lower: float | None
) -> Verdict:
    """The decision of the rule on a value with its U only."""
    stated_u = Uncertainty(expanded / k, math.inf, k, expanded)
    return DecisionRule(rule).decide(value, stated_u, upper, lower).verdict


def conformity(found: Again, upper: float | None, lower: float | None) -> float | None:
    """The probability of conformity of a recomputed value; None where there is no uncertainty."""
    if found.value is None or found.uncertainty is None:
        return None
    return p_conform(found.value, found.uncertainty, upper, lower)


def _share(value: Again, reference: Again) -> Again:
    if value.value is None or not reference.value or value.uncertainty is None or reference.uncertainty is None:
        return Again(None, None, None, unclear="one of the two has no value")
    share = 100.0 * value.value / reference.value
    u, v = value.uncertainty, reference.uncertainty
    parts = [
        Component("value", "normal", u.u, 100.0 / reference.value, u.dof),
        Component("reference", "normal", v.u, -share / reference.value, v.dof),
    ]
    return _said(share, parts)


def _of_share(part: Component, per_ampere_pct: float, share_pct: float, u_a: float) -> Component:
    if part.name == ZERO:  # it moves the current before the fault as well
        return replace(part, sensitivity=per_ampere_pct * abs(1 - share_pct / 100.0))
    return replace(part, u=u_a, sensitivity=per_ampere_pct) if part.name == NOISE else part


def _said(value: float, parts: Sequence[Component]) -> Again:
    uncertainty: Uncertainty | None = Budget("value", "", list(parts)).combined() if parts else None
    return Again(value if math.isfinite(value) else None, uncertainty, None)


def _kept(budget: Budget) -> list[dict[str, Any]]:
    return [asdict(part) | {"dof": str(part.dof)} for part in budget.components]
