"""The one-line statements that every output shows alike: of a run, a requirement, a measurement and its trials.

>>> trials_text([Trial(index=1), Trial(index=2, void=True)])
'1 trial, 1 void'
"""

import hashlib
from dataclasses import replace

from v2g_bench.reports.model.run import SOURCES, Measurement, Requirement, Run, Trial, dumps
from v2g_bench.reports.model.verdicts import NOT_APPLICABLE, PASS
from v2g_bench.reports.render import words


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


def requirement_result(requirement: Requirement) -> str:
    """What the matrix shows: the value alone where the statement is that of a measurement that passed, for limit and
    trials have places of their own; else the whole statement.
    """
    message = requirement_statement(requirement)
    for test in requirement.tests:
        for m in test.measurements:
            if (
                m.statement == message
                and requirement.verdict == PASS
                and m.value is not None
                and m.expanded is not None
            ):
                return words.measured(m.value, m.expanded, m.unit)
    return message


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
