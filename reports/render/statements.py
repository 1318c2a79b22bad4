"""The one-line statements that every output shows alike: of a run, a requirement, a measurement and its trials.

>>> trials_text([Trial(index=1), Trial(index=2, void=True)])
'1 trial, 1 void'
"""

import hashlib
import re
from dataclasses import dataclass, replace

from v2g_bench.reports.model.decisive import deciding
from v2g_bench.reports.model.run import SOURCES, Measurement, Requirement, Run, Trial, dumps
from v2g_bench.reports.model.verdicts import FAIL, NOT_APPLICABLE, PASS
from v2g_bench.reports.render import words

COUNTS_AS_NONE = "counts as none"  # of a current that there has to be none of
_SHOWN, _LONGEST = 3, 80  # observations of a requirement that its row shows, characters of what each has found
_CURRENTS = ("discharge", "charge")  # its kinds (`v2g_bench.evidence.record`)


def report_id(run: Run) -> str:
    """The report's number where it is issued, else the run's own name."""
    return run.issue.number if run.issue else run_id(run)


def run_id(run: Run) -> str:
    """A name that only this content has: start time, rig and the first digits of the digest of results.json.

    Issuing the report does not change it.
    """
    run = replace(run, issue=None)
    timestamp = "".join(c for c in run.started[:19] if c.isalnum())
    return f"V2G-{timestamp}-{words.slug(run.rig)}-{hashlib.sha256(dumps(run)).hexdigest()[:8]}"


def requirement_statement(requirement: Requirement) -> str:
    """The one line of the table: the run's own, or what the worst of its tests or measurements says."""
    if requirement.verdict == NOT_APPLICABLE:
        return requirement.statement or requirement.not_applicable_reason
    if requirement.statement:
        return requirement.statement
    if not requirement.tests:
        return "not tested"
    for test in requirement.tests:
        # What a test is about, before the comparison of its sources.
        for m in sorted(test.measurements, key=lambda m: m.name.startswith(SOURCES)):
            if m.verdict == requirement.verdict:
                return measurement_statement(m)
        if test.verdict == requirement.verdict and test.reason:
            return test.reason.strip().splitlines()[0]
    return ""


@dataclass(frozen=True)
class Result:
    """What the table of requirements shows of one. about: what was measured; limit: the one that this is judged against.

    observed: it rests on observations, of which `about` has the first few.
    """

    text: str
    about: str = ""
    limit: str = ""
    observed: bool = False


def requirement_result(requirement: Requirement) -> Result:
    """The measurement that is nearest to its limit, with this limit; a statement alone where nothing was measured."""
    message = requirement_statement(requirement)
    if requirement.statement and requirement.verdict not in (PASS, FAIL):
        return Result(message)
    every = [m for test in requirement.tests for m in test.measurements]
    found = deciding(every, requirement.verdict)
    if found is None:
        return Result(message)
    observed = [m for m in every if is_observation(m)]
    if requirement.verdict == PASS and observed and (is_observation(found) or _is_beside(found, requirement)):
        return _all_hold(observed)
    if not (found.expanded is not None or found.trials):
        return Result(_short(found) or message, limit=limit_of(found) if found.unit else "")
    return Result(_short(found), found.name, limit_of(found))


def is_observation(m: Measurement) -> bool:
    """Something that is so or is not, or how often it was found so: no quantity, and no comparison of sources."""
    figure = m.unit or (m.expanded is not None and not m.trials) or m.limit_high is not None
    return not figure and m.limit_low == 1.0 and not m.name.startswith(SOURCES)


def _is_beside(m: Measurement, requirement: Requirement) -> bool:
    """A power about what was asked for only shows that something flowed, unless it is power that the limit speaks of."""
    around = m.limit_low is not None and m.limit_high is not None
    return around and m.unit == "W" and not re.search(r"power|\d", requirement.limit)


def _all_hold(observed: list[Measurement]) -> Result:
    """How many observations there were, and of the first few what was found: those that count something come first."""
    by_count = sorted(observed, key=lambda m: -(m.value or 0.0))
    found = list(dict.fromkeys(_found(m) for m in by_count))
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    count = len(observed)
    return Result(f"{count} of {count} observations as required", "; ".join(found[:_SHOWN]) + more, observed=True)


def _found(m: Measurement) -> str:
    """`every checksum is right (24 frames)`: without the "yes" that all of them have, and without what would fill the row."""
    name, answer, detail = measurement_statement(m).partition(": yes")
    if answer:
        return name + (detail if len(detail) <= _LONGEST else "")
    return measurement_statement(m)[:_LONGEST].rstrip()


def limit_of(m: Measurement) -> str:
    """The limit that a measurement is judged against, as print has it; "" where there is none."""
    limits = (("≥", m.limit_low), ("≤", m.limit_high))
    texts = [f"{sign} {words.significant(limit, 4)} {m.unit}".rstrip() for sign, limit in limits if limit is not None]
    text = ", ".join(texts) if len(texts) == 1 else words.typeset(m.limit_text) or ", ".join(texts)
    return f"{text} {COUNTS_AS_NONE}" if m.kind in _CURRENTS and texts else text


def _short(m: Measurement) -> str:
    """The value, or what is so instead of one: without limit and number of trials, which have places of their own."""
    if m.value is not None and m.expanded is not None and (not m.statement or "   " in m.statement):
        return words.measured(m.value, m.expanded, m.unit)
    before, name, answer = measurement_statement(m).partition("   ")[0].partition(m.name)
    return before + name + (answer.partition(" (")[0] if name else "")


def measurement_statement(measurement: Measurement) -> str:
    """The measurement's own line, or its value with U."""
    return measurement.statement or words.measured(measurement.value, measurement.expanded, measurement.unit)


def trials_text(trials: list[Trial]) -> str:
    """`5 trials, 1 void`: the judged ones, then the void ones; empty without trials."""
    if not trials:
        return ""
    void = sum(trial.void for trial in trials)
    judged = len(trials) - void
    return f"{judged} trial{'' if judged == 1 else 's'}" + (f", {void} void" if void else "")
