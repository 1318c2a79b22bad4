"""Do several independent values of one quantity agree? BMS, inverter and meter see the same power, each with its own U.

Two values agree when E_n = |a - b| / sqrt(U_a^2 + U_b^2) is at most 1 (ISO 13528:2022, 9.7). Witnesses that disagree do
not say who is wrong: the verdict that rests on them is INCONCLUSIVE.

>>> agree({"meter": (-2993.0, 12.0), "inverter": (-3010.0, 30.0)}, "W")
(True, 'meter -2993 W ± 12 W, inverter -3010 W ± 30 W: agree, E_n = 0.53')
"""

import itertools
import math
from collections.abc import Mapping

from v2g_bench.metrology.budget import Uncertainty

CrossCheckedValue = tuple[float, float | Uncertainty]


def e_n(a: float, expanded_a: float, b: float, expanded_b: float) -> float:
    """The E_n number of two values with expanded uncertainties; infinite when they differ and neither has any."""
    if min(expanded_a, expanded_b) < 0:
        raise ValueError(f"an expanded uncertainty is not negative: {expanded_a}, {expanded_b}")
    apart, combined = abs(a - b), math.hypot(expanded_a, expanded_b)
    if combined == 0:
        return 0.0 if apart == 0 else math.inf
    return apart / combined


def agree(values: Mapping[str, CrossCheckedValue], unit: str = "") -> tuple[bool, str]:
    """Whether all values agree pairwise, and one line with the figures.

    values: name -> (value, U), U as a number or an Uncertainty. One value alone cannot agree: False, as is a value
    that is no number.
    """
    suffix = f" {unit}" if unit else ""
    seen = {name: (value, u.expanded if isinstance(u, Uncertainty) else u) for name, (value, u) in values.items()}
    message = ", ".join(f"{name} {value:.5g}{suffix} ± {_figure(u)}{suffix}" for name, (value, u) in seen.items())
    if len(seen) < 2:
        return False, f"{message or 'nobody'}: no second witness"
    missing = [name for name, pair in seen.items() if not all(math.isfinite(x) for x in pair)]
    if missing:
        return False, f"{message}: no value from {', '.join(missing)}"
    pairs = [
        (e_n(a, u_a, b, u_b), name_a, name_b)
        for (name_a, (a, u_a)), (name_b, (b, u_b)) in itertools.combinations(seen.items(), 2)
    ]
    worst, one, other = max(pairs)
    if worst <= 1:
        return True, f"{message}: agree, E_n = {worst:.2f}"
    apart = abs(seen[one][0] - seen[other][0])
    combined = math.hypot(seen[one][1], seen[other][1])
    return (
        False,
        f"{one} and {other} disagree by {apart:.4g}{suffix}, combined U {_figure(combined)}{suffix}, E_n = {worst:.2f}",
    )


def _figure(expanded: float) -> str:
    """U with two digits, and never as a power of ten."""
    return f"{expanded:.2g}" if not expanded >= 100 else f"{expanded:.0f}"
