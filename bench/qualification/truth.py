"""The true times of a trial by the plant, compared with what the bench measured; the bench's verdict comes first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from v2g_bench.qualification.score import Outcome

# A send() that took longer leaves the truth itself too vague to judge the bench by.
VAGUE_S = 0.000_2
MS = 1000.0


@dataclass(frozen=True)
class Truth:
    """Bench-clock times (s). frame: before and after the send() of the dangerous frame; gone_s: when the current had
    gone for good within ± gone_half_s, None if it has not until now_s; reaction: the responder's own times, None or zeros
    where it has none.
    """

    frame: tuple[float, float]
    gone_s: float | None
    now_s: float
    reaction: Mapping[str, float] | None = None
    gone_half_s: float = 0.0

    def beside(self, outcome: Outcome, t0_s: float, t1_s: float | None, record_end_s: float) -> Outcome:
        """The outcome with the truth and the errors. t0_s, t1_s: as measured; record_end_s: the last sample.

        Void where the truth is vague, and where a bench that saw no end of the current is right: then the responder,
        not the bench, was late. A bench that saw an end where there was none stays valid, and is wrong.
        """
        sent_s, vague_s = sum(self.frame) / 2, (self.frame[1] - self.frame[0]) / 2 + self.gone_half_s
        gone_s = self.now_s if self.gone_s is None else self.gone_s
        void = outcome.void
        if not void and vague_s > VAGUE_S:
            void = f"truth known to ±{MS * vague_s:.2f} ms only"
        if not void and t1_s is None and gone_s > record_end_s:
            void = "the responder had not isolated when the record ended"
        written_s = (self.reaction or {}).get("written_s", 0.0)
        answered_s = (self.reaction or {}).get("answered_s", 0.0)
        known = self.gone_s is not None
        return replace(
            outcome,
            void=void,
            true_ms=MS * (gone_s - sent_s),
            t0_error_ms=MS * (t0_s - sent_s),
            t1_error_ms=MS * (t1_s - gone_s) if t1_s is not None and known else None,
            control_ms=MS * (answered_s - written_s) if written_s else None,
            plant_ms=MS * (gone_s - written_s) if written_s and known else None,
        )
