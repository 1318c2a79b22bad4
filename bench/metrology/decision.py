"""From a value with its uncertainty and a limit to a verdict.

Rules of ILAC-G8:09/2019, clause 4.2, each with guard band w = U except the simple one:

    non-binary (4.2.3)   PASS | conditional pass | conditional fail | FAIL; both conditional zones are INCONCLUSIVE
    guarded (4.2.2)      PASS inside the acceptance limit, else FAIL
    simple (4.2.1)       PASS inside the limit, else FAIL: the risk is shared, up to 50 % at the limit

The probability of conformity is that of JCGM 106:2012, clause 7: the share of the distribution of the measurand
(normal, or Student's t for few degrees of freedom) that lies inside the limits.

>>> from v2g_bench.metrology.budget import Uncertainty
>>> d = DecisionRule().decide(49.6, Uncertainty.of(0.25), Limits(high=50, unit="ms"))
>>> d.verdict, round(d.p_conform, 3), d.zone
(<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, 0.945, 'conditional pass')
"""

import math
from dataclasses import dataclass
from typing import Literal, Self, get_args

from v2g_bench.metrology.budget import Uncertainty, share_below
from v2g_bench.metrology.verdict import Verdict

RuleKind = Literal["non-binary", "guarded", "simple"]
Zone = Literal["pass", "conditional pass", "conditional fail", "fail", "unknown"]

_RULES: dict[RuleKind, str] = {
    "non-binary": (
        "Non-binary statement with a guard band w = U (ILAC-G8:09/2019, 4.2.3): PASS when the value lies inside the "
        "limit by at least U, FAIL when it lies beyond the limit by more than U; in between the bench cannot tell "
        "(INCONCLUSIVE), and says on which side the value lies."
    ),
    "guarded": (
        "Binary statement with a guard band w = U (ILAC-G8:09/2019, 4.2.2): PASS when the value lies inside the limit "
        "by at least U, otherwise FAIL."
    ),
    "simple": (
        "Simple acceptance, w = 0 (ILAC-G8:09/2019, 4.2.1): PASS when the value lies inside the limit, otherwise FAIL. "
        "The uncertainty is not taken into account."
    ),
}


@dataclass(frozen=True)
class Limits:
    """What a value must lie between, the limits included; None: no limit on that side. It prints itself.

    ValueError where there is no limit at all, one is no finite number, or low is not below high.

    >>> print(Limits(high=50, unit="ms"), Limits(low=0, unit="A"), Limits(low=-3.1, high=-2.9, unit="kW"), sep="; ")
    <= 50 ms; >= 0 A; -3.1 to -2.9 kW
    """

    low: float | None = None
    high: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError("a decision needs a limit")
        if any(limit is not None and not math.isfinite(limit) for limit in (self.low, self.high)):
            raise ValueError(f"a limit is a finite number: low={self.low}, high={self.high}")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"lower limit {self.low} is not below upper limit {self.high}")

    @classmethod
    def around(cls, value: float, margin: float, unit: str = "") -> Self:
        """Both limits, this far from a value."""
        return cls(value - margin, value + margin, unit)

    @property
    def two_sided(self) -> bool:
        """Whether there is a limit on both sides."""
        return self.low is not None and self.high is not None

    def beyond(self, value: float) -> float:
        """How far a value lies beyond the nearer limit, in the unit; negative or 0 inside."""
        above = -math.inf if self.high is None else value - self.high
        below = -math.inf if self.low is None else self.low - value
        return max(above, below)

    def __contains__(self, value: float) -> bool:
        return self.beyond(value) <= 0

    def __str__(self) -> str:
        suffix = f" {self.unit}" if self.unit else ""
        if self.high is None:
            return f">= {self.low:g}{suffix}"
        return f"<= {self.high:g}{suffix}" if self.low is None else f"{self.low:g} to {self.high:g}{suffix}"


@dataclass(frozen=True)
class Decision:
    """A verdict and everything that a report must print beside it.

    p_conform: probability that the true value lies inside the limits (NaN when there is no uncertainty to judge by);
    zone: where the value lies; statement: one sentence about this value; risk_text: the risk that the rule leaves.
    """

    verdict: Verdict
    p_conform: float
    limits: Limits
    rule_text: str
    zone: Zone = "unknown"
    statement: str = ""
    risk_text: str = ""
    guard_band: float = 0.0


def p_conform(value: float, uncertainty: Uncertainty, limits: Limits) -> float:
    """Probability that the measurand lies within the limits (JCGM 106:2012, 7.3 and 7.4); 0 or 1 when u is zero."""
    if uncertainty.u == 0:
        return float(value in limits)
    u, dof = uncertainty.u, uncertainty.dof
    above = 1.0 if limits.high is None else share_below((limits.high - value) / u, dof)
    below = 0.0 if limits.low is None else share_below((limits.low - value) / u, dof)
    return max(0.0, above - below)


@dataclass(frozen=True)
class DecisionRule:
    """One of the three rules; it is agreed before the measurement, and its text is printed with every verdict."""

    kind: RuleKind = "non-binary"

    def __post_init__(self) -> None:
        if self.kind not in get_args(RuleKind):
            raise ValueError(f"unknown decision rule {self.kind!r}: one of {', '.join(get_args(RuleKind))}")

    @property
    def rule_text(self) -> str:
        """The rule in words, as the report prints it."""
        return _RULES[self.kind]

    def decide(
        self, value: float | None, uncertainty: Uncertainty | None, limits: Limits, failed: str = ""
    ) -> Decision:
        """Judge a value (None: none was measured) against its limits.

        No uncertainty, or no finite value, is INCONCLUSIVE. failed: what had to happen and did not, which leaves no
        value; that is a FAIL by every rule.
        """
        if failed or value is None or uncertainty is None or not math.isfinite(value):
            why = "no uncertainty is known" if uncertainty is None else "no value was measured"
            return Decision(
                Verdict.FAIL if failed else Verdict.INCONCLUSIVE,
                math.nan,
                limits,
                self.rule_text,
                zone="fail" if failed else "unknown",
                statement=failed or f"{why}: no statement of conformity",
            )
        guard = 0.0 if self.kind == "simple" else uncertainty.expanded
        zone = _zone(value, guard, limits)
        p = p_conform(value, uncertainty, limits)
        return Decision(
            verdict=self._verdict(zone),
            p_conform=p,
            limits=limits,
            rule_text=self.rule_text,
            zone=zone,
            statement=_statement(zone, value, uncertainty, p, limits),
            risk_text=self._risk(uncertainty, limits.two_sided),
            guard_band=guard,
        )

    def _verdict(self, zone: Zone) -> Verdict:
        if zone == "pass":
            return Verdict.PASS
        if zone == "fail" or self.kind != "non-binary":
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE

    def _risk(self, uncertainty: Uncertainty, two_sided: bool) -> str:
        if self.kind == "simple":
            return "Risk of a false PASS or a false FAIL: up to 50 %, for a value at the limit."
        tail = _tail(uncertainty)
        sides = " at each limit" if two_sided else ""
        false_pass = f"Risk of a false PASS: at most {100 * tail:.1f} %{sides} (k = {uncertainty.k:.2f})."
        if self.kind == "guarded":
            return f"{false_pass} Risk of a false FAIL: up to {100 * (1 - tail):.1f} %, for a value at the guard band."
        return f"{false_pass} Risk of a false FAIL: at most {100 * tail:.1f} %."


def _tail(uncertainty: Uncertainty) -> float:
    """Probability that the measurand lies more than U above the value."""
    return share_below(-uncertainty.k, uncertainty.dof)


def _zone(value: float, guard: float, limits: Limits) -> Zone:
    # The limits themselves belong to the better side, as in ILAC-G8.
    beyond = limits.beyond(value)
    if beyond <= -guard:
        return "pass"
    if beyond <= 0:
        return "conditional pass"
    return "conditional fail" if beyond <= guard else "fail"


def _statement(zone: Zone, value: float, uncertainty: Uncertainty, p: float, limits: Limits) -> str:
    suffix = f" {limits.unit}" if limits.unit else ""
    measured = f"{value:.5g}{suffix} ± {uncertainty.expanded:.2g}{suffix} (k = {uncertainty.k:.2f})"
    chance = f"probability of conformity {100 * p:.1f} %"
    if zone in ("pass", "fail"):
        return f"{zone.upper()}: {measured} against {limits}; {chance}"
    side = "inside" if zone == "conditional pass" else "beyond"
    return f"{zone}: {measured} lies {side} the limit {limits} by less than U; {chance}"
