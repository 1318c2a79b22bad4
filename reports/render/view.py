"""A run, worded once for every output: the HTML and the PDF both lay out this content, so they cannot disagree.

Everything is str, bool, list or dict. Text is as the run wrote it; each output makes it safe in its own way.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.record import load_record
from v2g_bench.reports.model.run import BudgetTable, Drawn, Measurement, Requirement, Run, TestResult, Trial, dumps
from v2g_bench.reports.model.verdicts import NOT_APPLICABLE, PASS, VERDICTS
from v2g_bench.reports.render import words
from v2g_bench.reports.render.cells import danger_matrix
from v2g_bench.reports.render.defects import seeded_defects
from v2g_bench.reports.render.figure import describe, figure_svg
from v2g_bench.reports.render.scope import PARTIAL, by_verdict, headline, partial, tone, verdict_sentence
from v2g_bench.reports.render.statements import (
    COUNTS_AS_NONE,
    limit_of,
    measurement_statement,
    report_id,
    requirement_result,
    run_id,
    trials_text,
)

View = dict[str, Any]
_YES_NO = {"True": "yes", "False": "no"}
# Which instruments a kind of evidence rests on (`v2g_bench.evidence.record`).
_PARTS_OF = {
    **dict.fromkeys(("latency", "least share", "discharge", "charge"), ("meters.dc_current",)),
    **dict.fromkeys(("mean", "share"), ("meters.ac_power",)),
    "witnesses": ("meters.ac_power", "inverter"),
}
_RULE_ABOVE = "as on the first page."


def view(run: Run, folder: Path, files: list[View] | None = None) -> tuple[View, list[str]]:
    """All that a report shows of `run`, and one line for everything beside it that could not be shown.

    folder: the run folder that the waveforms are relative to, and that holds the matrices of seeded defects; files: the
    evidence beside the report (name, size, sha256), for its list.
    """
    problems: list[str] = []
    counts = Counter(requirement.verdict for requirement in run.requirements)
    shown = {
        "report_id": report_id(run),
        "title": f"{PARTIAL}: {run.title}" if partial(run) else run.title,
        "verdict": headline(run),
        "css": words.slug(tone(run)),
        "sentence": words.typeset(verdict_sentence(run)),
        "complete": run.complete,
        "certifiable": words.certifiable(run),
        "grade": words.grade_mark(run),
        "certified": words.certified_mark(run),
        "page_mark": words.page_mark(run),
        "issue": words.issue_line(run),
        "issued": run.issue is not None,
        "is_not": words.what_it_is_not(run),
        "marks": run.marks,
        "counts": [{"verdict": v, "css": words.slug(v), "count": str(counts[v])} for v in VERDICTS if counts[v]],
        "facts": _facts(run),
        "requirements": [_requirement(run, r, n, folder, problems) for n, r in by_verdict(run)],
        "matrix": danger_matrix(run),
        "voids": _voids(run),
        "budgets": [_budget(budget) for budget in run.budgets],
        "decision_rule": run.decision_rule,
        "thresholds": _pairs(run.thresholds),
        "pics": _pairs({key: _YES_NO.get(value, value) for key, value in run.pics.items()}),
        "host": _pairs(run.host),
        "instruments": [
            [i.part, i.identity, i.resource, "emulated" if i.emulated else "hardware", i.calibration or "none"]
            for i in run.instruments
        ],
        "deviations": run.deviations,
        "qualification": _qualification(run),
        "defects": seeded_defects(folder, problems),
        "rig": run.rig,
        "rig_file": run.rig_file_text.rstrip(),
        "results_sha256": hashlib.sha256(dumps(run)).hexdigest(),
        "files": files or [],
        "started": run.started,
    }
    return shown, problems


def _facts(run: Run) -> list[View]:
    """The groups of the first page; an empty value shows as a dash, so that a reader sees that it is not known."""
    dut = run.controller
    job = run.job
    groups = {
        "Controller under test": [
            *([("item", job["item"])] if "item" in job else []),
            ("name", dut.name),
            ("version", dut.version),
            ("kind", dut.kind),
            ("command", dut.command),
            ("SHA-256", dut.sha256),
            ("condition", job.get("item_condition", "")),
            ("received", job.get("item_received", "")),
            *([("sampling", job["sampling"])] if "sampling" in job else []),
        ],
        "Laboratory and customer": [
            ("laboratory", ", ".join(job[key] for key in ("laboratory", "address") if key in job)),
            ("customer", ", ".join(job[key] for key in ("customer", "customer_address") if key in job)),
            ("order", job.get("order", "")),
            ("place", run.place),
            ("environment", job.get("environment", "")),
            ("operator", run.operator),
        ],
        "Run and evidence": [
            ("rig", run.rig),
            ("profile", run.profile.name if run.profile else ""),
            ("evidence", run.evidence),
            ("clock", run.clock),
            ("started", run.started),
            ("ended", run.ended),
            ("trials", f"{run.trials}, of which {run.voids} void"),
            ("marks", "; ".join(run.marks) or "none"),
            *([("run", run_id(run)), ("issued", run.issue.date), ("issued by", run.issue.signer)] if run.issue else []),
            *([("supersedes", run.issue.supersedes)] if run.issue and run.issue.supersedes else []),
        ],
        "Bench": [
            ("version", run.bench_version),
            ("commit", run.commit),
            ("source tree", "with uncommitted changes" if run.dirty else "as committed"),
            ("dependencies", run.lock_sha256),
            ("seed", str(run.seed)),
            ("exit status", str(run.exit_status)),
        ],
    }
    return [{"title": title, "rows": [[k, v or "—"] for k, v in rows]} for title, rows in groups.items()]


def _requirement(run: Run, requirement: Requirement, number: int, folder: Path, problems: list[str]) -> View:
    tests = [_test(run, test, folder, problems) for test in requirement.tests]
    trials = [trial for test in requirement.tests for m in test.measurements for trial in m.trials]
    result = requirement_result(requirement)
    stated = "" if result.limit.endswith(requirement.limit) else requirement.limit
    facts = {
        "limit": requirement.limit,
        "source": requirement.source,
        "method": requirement.method,
        "family": requirement.family,
        "mandatory": ""
        if run.profile is None
        else f"{'yes' if requirement.mandatory else 'no'}, by profile {run.profile.name}",
        "left out": ", ".join(name.rpartition("::")[2] for name in requirement.left_out),
        "SHA-256 of the text": requirement.text_sha256,
    }
    return {
        "id": requirement.id,
        "anchor": words.anchor(number, requirement.id),
        "title": requirement.title,
        "verdict": requirement.verdict,
        "css": words.slug(requirement.verdict),
        "statement": words.typeset(result.text),
        "about": words.typeset(result.about),
        "limit": _none_counts(run, result.limit) or requirement.limit or "—",
        "stated": words.typeset(stated) if result.limit else "",
        "trials": trials_text(trials),
        "facts": [[key, value] for key, value in facts.items() if value],
        "text": requirement.text.strip(),
        "reason": requirement.not_applicable_reason if requirement.verdict == NOT_APPLICABLE else "",
        "tests": tests,
        "measured": any(test["measurements"] for test in tests),
    }


def _none_counts(run: Run, limit: str) -> str:
    """The limit; of a current that there has to be none of, with the power that it was computed from."""
    power_w = run.thresholds.get("judging.no_discharge_w", "")
    return f"{limit}, {power_w} W at the pack's voltage" if power_w and limit.endswith(COUNTS_AS_NONE) else limit


def _voids(run: Run) -> list[list[str]]:
    """Every void trial of the run: requirement, test, trial, why."""
    return [
        [requirement.id, test.nodeid.rpartition("::")[2], _place(trial), trial.void_reason or "no reason given"]
        for requirement in run.requirements
        for test in requirement.tests
        for m in test.measurements
        for trial in m.trials
        if trial.void
    ]


def _is_observation(m: Measurement) -> bool:
    """What was seen to be so or not, or could not be measured: there is no uncertainty and no waveform to show."""
    return m.expanded is None and not m.trials


def _test(run: Run, test: TestResult, folder: Path, problems: list[str]) -> View:
    return {
        "nodeid": test.nodeid,
        "title": test.title or test.nodeid.rpartition("::")[2],
        "variant": test.nodeid.partition("[")[2].removesuffix("]") if test.title else "",
        "verdict": test.verdict,
        "css": words.slug(test.verdict),
        "reason": test.reason.strip(),
        "duration": f"{test.duration_s:.1f} s",
        "log": test.log.strip("\n"),
        "drawn": _drawn_table(run, test),
        "measurements": [_measurement(run, m, folder, problems) for m in test.measurements if not _is_observation(m)],
        "observations": [
            {
                "text": words.typeset(measurement_statement(m)) or m.name,
                "verdict": m.verdict,
                "css": words.slug(m.verdict),
            }
            for m in test.measurements
            if _is_observation(m)
        ],
    }


def _drawn_table(run: Run, test: TestResult) -> View:
    """The world of each trial, and how to have the same ones again."""
    again = f"pytest --rig={run.rig} --seed={run.seed} '{test.nodeid}' draws the same worlds again."
    return {
        "columns": [{"title": "Trial", "text": True}, {"title": "Drawn", "text": True}],
        "rows": [
            {
                "void": False,
                "cells": [_place(one), ", ".join(f"{name} {words.typeset(text)}" for name, text in one.values.items())],
            }
            for one in test.drawn
        ],
        "note": again if test.drawn else "",
    }


def _measurement(run: Run, m: Measurement, folder: Path, problems: list[str]) -> View:
    k = f", k = {m.k:.2f}" if m.k else ""
    return {
        "name": m.name,
        "quantity": m.name if m.quantity in ("", m.name) else f"{m.name}: {m.quantity}",
        "unit": m.unit or "1",
        "verdict": m.verdict,
        "css": words.slug(m.verdict),
        "value": words.measured(m.value, m.expanded, m.unit) + (k if m.expanded is not None else ""),
        "statement": measurement_statement(m),
        "limit": _none_counts(run, limit_of(m)) or "—",
        "rule": _rule(run, m),
        "why": words.typeset(m.statement) if m.verdict != PASS else "",
        "p_conform": words.probability(m.p_conform),
        "claim": words.typeset(m.claim),
        "instruments": _instruments(run, m),
        "trials_text": trials_text(m.trials),
        "trials": _trial_table(m),
        "figures": _figures(m, folder, problems),
    }


def _rule(run: Run, m: Measurement) -> str:
    """The rule, which the first page holds in full, with what is special to this measurement: the risk it leaves."""
    if run.decision_rule and m.rule.startswith(run.decision_rule):
        return words.typeset(f"{_RULE_ABOVE} {m.rule.removeprefix(run.decision_rule).strip()}")
    return m.rule or "—"


def _instruments(run: Run, m: Measurement) -> str:
    """The instruments that the measurement was made with, as far as its evidence or its waveforms show."""
    parts = _PARTS_OF.get(m.kind, ())
    return "; ".join(f"{i.part}, {i.identity}" for i in run.instruments if i.part in parts)


def _place(trial: Trial | Drawn) -> str:
    return f"{trial.index}" + (f" (attempt {trial.attempt})" if trial.attempt > 1 else "")


_TRIAL_COLUMNS = ("Trial", "Value", "U", "t0 / s", "t1 / s", "Phase / ms", "t0 taken from", "Remark")
_TEXT_COLUMNS = ("Trial", "t0 taken from", "Remark")


def _trial_table(m: Measurement) -> View:
    """All trials, void ones too. A column that no trial fills is left out; one source of t0 for all becomes a note."""
    if len(m.trials) == 1 and m.trials[0].t0_s is None and not m.trials[0].void:
        return {"columns": [], "rows": [], "note": m.trials[0].note}  # its value is that of the measurement
    rows = [_trial(trial, m) for trial in m.trials]
    sources = {row["t0 taken from"] for row in rows}
    note = f"t0 taken from: {sources.pop()}." if len(sources) == 1 and "" not in sources else ""
    omitted = {"t0 taken from"} if note else set()
    columns = [name for name in _TRIAL_COLUMNS if name not in omitted and any(row[name] for row in rows)]
    units = {"Value": f"Value / {m.unit or '1'}", "U": f"U / {m.unit or '1'}"}
    return {
        "columns": [{"title": units.get(name, name), "text": name in _TEXT_COLUMNS} for name in columns],
        "rows": [
            {"void": trial.void, "cells": [row[name] or ("" if name == "Remark" else "—") for name in columns]}
            for trial, row in zip(m.trials, rows, strict=True)
        ],
        "note": note,
    }


def _trial(trial: Trial, m: Measurement) -> dict[str, str]:
    places = words.places_for(trial.expanded if trial.expanded is not None else m.expanded, trial.value)
    remarks = [f"void: {trial.void_reason or 'no reason given'}" if trial.void else "", trial.note]
    return {
        "Trial": _place(trial),
        "Value": "" if trial.value is None else words.number(trial.value, places),
        "U": "" if trial.expanded is None else words.number(trial.expanded, places),
        "t0 / s": "" if trial.t0_s is None else f"{trial.t0_s:.6f}",
        "t1 / s": "" if trial.t1_s is None else f"{trial.t1_s:.6f}",
        "Phase / ms": "" if trial.phase_s is None else f"{1e3 * trial.phase_s:.2f}",
        "t0 taken from": trial.t0_source,
        "Remark": "; ".join(part for part in remarks if part),
    }


def _figures(m: Measurement, folder: Path, problems: list[str]) -> list[View]:
    """The deciding trial large and first, the others small; a waveform that cannot be read is reported, never omitted."""
    pictured = [trial for trial in m.trials if trial.waveform]
    deciding = _deciding(m, pictured)
    figures = []
    for trial in sorted(pictured, key=lambda each: each is not deciding):
        name = f"trial {trial.index}" + (f", attempt {trial.attempt}" if trial.attempt > 1 else "")
        name += ", void" if trial.void else ""
        figure = {"name": name, "large": trial is deciding, "void": trial.void, "svg": "", "alt": "", "problem": ""}
        figure["waveform"] = trial.waveform or ""
        try:
            record = load_record(folder, trial.waveform or "")
            figure["svg"] = figure_svg(record, name, small=trial is not deciding)
            figure["alt"] = f"{name}: {describe(record)}"
        except BenchError as error:
            figure["problem"] = f"{error.what} ({trial.waveform})"
            problems.append(str(error))
        figures.append(figure)
    return figures


def _deciding(m: Measurement, pictured: list[Trial]) -> Trial | None:
    """The trial that decides: one without a value, else the one nearest to (or furthest beyond) its limit."""
    judged = [trial for trial in pictured if not trial.void]
    if not judged:
        return pictured[0] if pictured else None

    def margin(trial: Trial) -> float:
        if trial.value is None:
            return -float("inf")
        room = []
        if m.limit_high is not None:
            room.append(m.limit_high - trial.value)
        if m.limit_low is not None:
            room.append(trial.value - m.limit_low)
        return min(room, default=0.0)

    return min(judged, key=margin)


def _budget(budget: BudgetTable) -> View:
    total = sum(row.contribution**2 for row in budget.rows)
    rows = []
    for row in budget.rows:
        share = f"{100 * row.contribution**2 / total:.0f} %" if total else "—"
        numbers = [words.significant(n) for n in (row.u, row.sensitivity, row.contribution)]
        rows.append([row.name, row.distribution, *numbers, share, words.freedom(row.dof), row.source])
    return {
        "title": budget.title,
        "unit": budget.unit,
        "rows": rows,
        "u": f"{words.significant(budget.u)}\u00a0{budget.unit}",
        "dof": words.freedom(budget.dof),
        "k": f"{budget.k:.2f}",
        "expanded": f"{words.significant(budget.expanded)}\u00a0{budget.unit}",
    }


def _qualification(run: Run) -> View | None:
    q = run.qualification
    if q is None:
        return None
    columns = list(dict.fromkeys(key for row in q.rows for key in row))
    rows = [[row.get(column, "—") for column in columns] for row in q.rows]
    return {"date": q.date, "verdict": q.verdict, "css": words.slug(q.verdict), "text": q.text.strip(),
            "columns": columns, "rows": rows}  # fmt: skip


def _pairs(mapping: dict[str, str]) -> list[list[str]]:
    return [[key, value or "—"] for key, value in mapping.items()]
