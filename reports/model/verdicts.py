"""The six verdicts as words, and which one wins.

The same words as the bench's own verdicts: a report must be readable without the bench that wrote it.

>>> worst(["PASS", "INCONCLUSIVE", "FAIL"]), worst([])
('FAIL', 'INCONCLUSIVE')
"""

from collections.abc import Iterable

from v2g_bench.errors import BenchError

PASS, FAIL, INCONCLUSIVE, ERROR = "PASS", "FAIL", "INCONCLUSIVE", "ERROR"
NOT_TESTED, NOT_APPLICABLE = "NOT TESTED", "NOT APPLICABLE"
VERDICTS = (FAIL, ERROR, INCONCLUSIVE, NOT_TESTED, PASS, NOT_APPLICABLE)  # worst first; the last is no judgement at all
UNDECIDED = (ERROR, INCONCLUSIVE, NOT_TESTED)  # these say nothing of the controller


def worst(verdicts: Iterable[str]) -> str:
    """The worst verdict, FAIL > ERROR > INCONCLUSIVE > NOT TESTED > PASS; NOT APPLICABLE does not count, and nothing
    at all is INCONCLUSIVE. BenchError for a word that is no verdict.
    """
    seen = {member("verdict", verdict, VERDICTS) for verdict in verdicts}
    return next((verdict for verdict in VERDICTS[:-1] if verdict in seen), INCONCLUSIVE)


def member(where: str, word: str, known: tuple[str, ...]) -> str:
    """`word` as a plain str if it is one of `known`; else BenchError at `where`."""
    if word not in known:
        raise BenchError(where, f"no such word: {word!r}", f"known: {', '.join(known)}")
    return str(word)


def no_better(own: str, found: list[str]) -> str:
    """`own`, or the worst of `found` where that is worse; an empty `own` follows `found`."""
    if not own:
        return NOT_APPLICABLE if found and set(found) == {NOT_APPLICABLE} else worst(found)
    judged = [verdict for verdict in found if verdict != NOT_APPLICABLE]
    return worst([own, *judged]) if judged else own
