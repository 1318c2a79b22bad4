"""What the trials of a run prove, and what the bench is known to find: sentences for the first page.

>>> f"{slower_at_most(59):.4f} {slower_at_most(5):.3f} {slower_at_most(59, 1):.3f}"
'0.0495 0.451 0.078'
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_json
from v2g_bench.reports.model.run import Measurement, Requirement, Run
from v2g_bench.reports.render.scope import partial, ranges

CONFIDENCE = 0.95
NOT_MEASURED = "Which share of seeded defects a run of this length finds was not measured"


def slower_at_most(n: int, late: int = 0, confidence: float = CONFIDENCE) -> float:
    """The largest share (0..1) of late reactions that n trials, `late` of them late, leave possible: the one-sided bound of
    Clopper and Pearson.
    """
    if late >= n:
        return 1.0
    low, high = late / n, 1.0
    while high - low > 1e-9:
        share = (low + high) / 2
        seen = math.fsum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(late + 1))
        low, high = (share, high) if seen > 1 - confidence else (low, share)
    return high


def proofs(run: Run, folder: Path) -> list[str]:
    """One sentence for each number of trials, with the requirements that it stands for, and one on seeded defects."""
    found: dict[tuple[float, int, int], list[str]] = {}
    for requirement in run.requirements:
        if (weakest := _weakest(requirement)) is not None:
            found.setdefault(weakest, []).append(requirement.id)
    sentences = [
        f"With {100 * CONFIDENCE:.0f} % confidence at most {_percent(bound)} % of reactions are slower than the limit: "
        f"{ranges(ids)} ({n} trial{'' if n == 1 else 's'} of each measurement at the fewest{_late(late)})."
        for (bound, n, late), ids in sorted(found.items())
    ]
    return [*sentences, _defects(run, folder)]


def _weakest(requirement: Requirement) -> tuple[float, int, int] | None:
    """(bound, trials, late ones) of the measurement that proves least; None without latencies of drawn trials."""
    bounds = []
    for m in (m for test in requirement.tests for m in test.measurements):
        if m.kind == "latency" and m.limit_high is not None and any(trial.phase_s is not None for trial in m.trials):
            n, late = _counted(m, m.limit_high)
            if n:
                bounds.append((slower_at_most(n, late), n, late))
    return max(bounds, default=None)


def _counted(m: Measurement, limit: float) -> tuple[int, int]:
    """The valid trials, and those of them that are not below the limit by their U: what could not be told counts as late."""
    valid = [trial for trial in m.trials if not trial.void]
    late = sum(trial.value is None or trial.value + (trial.expanded or 0.0) > limit for trial in valid)
    return len(valid), late


def _late(late: int) -> str:
    return f", {late} of them late or undecided" if late else ""


def _percent(share: float) -> str:
    """Rounded up: it never says less than what remains possible."""
    return f"{math.ceil(1000 * share - 1e-6) / 10:.1f}"


def _defects(run: Run, folder: Path) -> str:
    """What the measured matrix says of a run of this length; why there is no such figure where it says nothing."""
    matrix = _matrix(folder, run.rig)
    if matrix is None:
        return f"{NOT_MEASURED} (v2g-bench qualify --rig={run.rig} --defects)."
    needed, own, of = int(matrix.get("trials", 0)), _fewest(run.requirements), f"the qualification of {matrix['date']}"
    if partial(run):
        return f"{NOT_MEASURED}: it is a part of the suite."
    if not needed or own < needed:
        return f"{NOT_MEASURED}: {of} had {needed or 'unknown'} trials."
    outcomes = [str(one.get("outcome")) for one in matrix["defects"] if one.get("kind") == "controller"]
    outcomes = [one for one in outcomes if one not in ("passed", "rejected")]  # near misses
    if not outcomes:
        return f"{NOT_MEASURED}: {of} tried no broken controller."
    killed, number = outcomes.count("killed"), len(outcomes)
    least = math.floor(1000 * (1 - slower_at_most(number, number - killed))) / 10
    return (
        f"A run with {needed} trials finds {killed} of {number} controllers with a seeded defect, {100 * killed / number:.1f} "
        f"% (with {100 * CONFIDENCE:.0f} % confidence at least {least:.1f} % of such), each under {matrix.get('seeds', 1)} "
        f"seeds: {of}, rig {matrix['rig']}. It is no probability that a controller without FAIL has no defect."
    )


def _matrix(folder: Path, rig: str) -> dict[str, Any] | None:
    """The matrix of this rig in the run folder; None where there is none, or it cannot be read (`render.defects` says so)."""
    for path in sorted(folder.glob("defects-*.json")):
        try:
            data = read_json(path)
            if Path(str(data["rig"])).stem == rig and isinstance(data["defects"], list) and data["date"]:
                return dict(data)
        except (BenchError, ValueError, LookupError, TypeError):
            continue
    return None


def _fewest(requirements: Iterable[Requirement]) -> int:
    """The fewest valid trials of any latency with drawn trials; 0 without any."""
    return min((weakest[1] for one in requirements if (weakest := _weakest(one)) is not None), default=0)
