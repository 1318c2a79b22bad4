"""The five verdicts, and which of several counts.

The worst wins: FAIL > ERROR > INCONCLUSIVE > PASS. NOT APPLICABLE is no statement about the device and does not count. No
verdict at all is INCONCLUSIVE: a test that judged nothing has not passed.

>>> worst([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.PASS])
<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>
>>> worst([])
<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>
"""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The bench's decision on one requirement, or on one trial of it."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"  # the bench could not decide
    ERROR = "ERROR"  # the rig is faulty
    NOT_APPLICABLE = "NOT APPLICABLE"

    @property
    def ok(self) -> bool:
        """True where a run may still end with exit status zero: PASS or NOT APPLICABLE."""
        return self in (Verdict.PASS, Verdict.NOT_APPLICABLE)


_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of the whole; NOT APPLICABLE only if there is at least one and nothing else."""
    seen = set(verdicts)
    for verdict in _WORST_FIRST:
        if verdict in seen:
            return verdict
    return Verdict.NOT_APPLICABLE if seen else Verdict.INCONCLUSIVE
