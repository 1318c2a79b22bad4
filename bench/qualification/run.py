"""A qualification from beginning to end: open the rig with the responder, take the trials, score them, keep the result.

result = qualify(load_rig("virtual"), QualificationPlan(trials=5), folder)
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.qualification.floor import floor
from v2g_bench.qualification.responder_config import By, truth_of, with_responder
from v2g_bench.qualification.responder_rig import ResponderRig
from v2g_bench.qualification.result import QualificationResult, rig_hash, this_bench
from v2g_bench.qualification.score import Outcome, score
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.real import OpenRig

# The responder's delays. The plant takes some 8 ms to stop after it, so the true latencies are dense around 50 ms twice:
# where the delay is 50 ms, and where frame to current gone is.
DELAYS_MS = (
    *(5.0, 10.0, 20.0, 30.0, 38.0, 39.0, 39.5, 40.0, 40.5, 41.0, 41.5, 42.0, 42.5, 43.0, 44.0, 45.0),
    *(48.0, 49.0, 49.5, 50.0, 50.5, 51.0, 52.0, 55.0, 60.0),
)
POWER_W = 3000.0
PHASE_S = 0.1  # as in a certification: any phase against the frames' cycles
MOST_ERRORS = 5  # in a row

TRUTHS: dict[By, str] = {
    "plant": "the emulated world's own record",
    "mark": "a step of the sync line's mark at the digitizer's input, dropped by the responder",
}

Show = Callable[[int, int, Outcome], None]


@dataclass(frozen=True)
class QualificationPlan:
    """What to do. trials: valid ones per delay; a void one is repeated, until as many are void as valid ones wanted."""

    trials: int = 5
    delays_ms: Sequence[float] = DELAYS_MS
    seed: int = 1
    strict: bool = False
    by: By | None = None  # the truth; None: what fits the rig, `truth_of`

    def __post_init__(self) -> None:
        if self.trials < 1 or not self.delays_ms or not all(0 <= one <= 1000 for one in self.delays_ms):
            raise BenchError("qualify", "needs at least one trial, and delays from 0 to 1000 ms")

    @property
    def wanted(self) -> int:
        """Valid trials in all."""
        return self.trials * len(self.delays_ms)

    @property
    def most_voids(self) -> int:
        """More than these, and the bench could not decide."""
        return max(20, self.wanted)


def qualify(
    loaded: LoadedRig,
    plan: QualificationPlan,
    folder: Path,
    *,
    note: Callable[[str], None],
    show: Show | None = None,
    temporary: bool = False,
) -> QualificationResult:
    """Take all trials and score them. `folder` keeps the capture and the logs; temporary: not beyond a killed run.

    BenchError when the rig is faulty.
    """
    started = datetime.now(UTC)
    begun_s = time.monotonic()
    by = plan.by or truth_of(loaded)
    rig = with_responder(loaded, folder, by)
    with OpenRig(rig, folder, plan.seed, strict=plan.strict, note=note, temporary=temporary) as parts:
        with ResponderRig(parts, str(parts.runtime / "ems"), by) as responder_rig:
            outcomes = take(responder_rig.trial, plan, show)
        floors = floor(parts, outcomes)
        bus = str(parts.bus.timestamp(0.0).source)
    return QualificationResult.of(
        score(outcomes, plan.wanted),
        rig=loaded.rig.name,
        rig_sha256=rig_hash(loaded),
        date=started.isoformat(timespec="seconds"),
        duration_s=time.monotonic() - begun_s,
        seed=plan.seed,
        stamps=bus,
        truth=TRUTHS[by],
        bench=this_bench(),
        floor=tuple(map(str, floors)),
        outcomes=tuple(outcomes),
    )


def take(
    trial: Callable[[float, float, float], Outcome], plan: QualificationPlan, show: Show | None = None
) -> list[Outcome]:
    """The outcomes of `trial(delay_ms, power_w, phase_s)`, in random order and both directions of power.

    A void trial is repeated at the end. A trial that the rig breaks is void; MOST_ERRORS of them in a row are a BenchError.
    """
    rng = random.Random(plan.seed)
    todo = [(delay, POWER_W if number % 2 else -POWER_W) for delay in plan.delays_ms for number in range(plan.trials)]
    rng.shuffle(todo)
    outcomes: list[Outcome] = []
    valid = errors = 0
    while todo and len(outcomes) - valid <= plan.most_voids:
        delay_ms, power_w = todo.pop(0)
        phase_s = rng.uniform(0.0, PHASE_S)
        try:
            outcome, errors = trial(delay_ms, power_w, phase_s), 0
        except BenchError as error:
            errors += 1
            if errors >= MOST_ERRORS:
                raise
            message = " ".join(str(error).split())
            outcome = Outcome(delay_ms=delay_ms, power_w=power_w, phase_s=phase_s, void=message)
        outcomes.append(outcome)
        valid += not outcome.void
        if outcome.void:
            todo.append((delay_ms, power_w))
        if show is not None:
            show(valid, plan.wanted, outcome)
    return outcomes
