"""The six verdicts, and which of several counts.

The worst wins: FAIL > ERROR > INCONCLUSIVE > NOT TESTED > PASS. NOT APPLICABLE is no statement about the device and does not
count. No verdict at all is INCONCLUSIVE: a test that judged nothing has not passed.

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
    NOT_TESTED = "NOT TESTED"  # it applies, but this rig, database, bench or run did not show it
    NOT_APPLICABLE = "NOT APPLICABLE"  # the controller does not claim it

    @property
    def ok(self) -> bool:
        """True where nothing speaks against the controller or the rig: PASS, NOT TESTED or NOT APPLICABLE."""
        return self in (Verdict.PASS, Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE)


_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.PASS)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of the whole; NOT APPLICABLE only if there is at least one and nothing else."""
    seen = set(verdicts)
    for verdict in _WORST_FIRST:
        if verdict in seen:
            return verdict
    return Verdict.NOT_APPLICABLE if seen else Verdict.INCONCLUSIVE
