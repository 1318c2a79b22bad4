"""A run, worded once for every output: the HTML and the PDF both lay out this content, so they cannot disagree.

Everything is str, bool, list or dict. Text is as the run wrote it; each output makes it safe in its own way.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from v2g_bench.reports.model.account import load_accounts
from v2g_bench.reports.model.chain import heads_in
from v2g_bench.reports.model.run import BudgetTable, Requirement, Run, dumps
from v2g_bench.reports.model.verdicts import NOT_APPLICABLE, VERDICTS
from v2g_bench.reports.render import words
from v2g_bench.reports.render.cells import danger_matrix
from v2g_bench.reports.render.defects import seeded_defects
from v2g_bench.reports.render.drawn import place
from v2g_bench.reports.render.proof import proofs
from v2g_bench.reports.render.scope import (
    by_verdict,
    headline,
    title,
    tone,
    verdict_sentence,
)
from v2g_bench.reports.render.statements import (
    report_id,
    requirement_result,
    run_id,
    trials_text,
)
from v2g_bench.reports.render.tested import Sources, none_counts, tested

View = dict[str, Any]
_YES_NO = {"True": "yes", "False": "no"}


def view(run: Run, folder: Path, files: list[View] | None = None) -> tuple[View, list[str]]:
    """All that a report shows of `run`, and one line for everything beside it that could not be shown.

    folder: the run folder that the waveforms are relative to, and that holds the matrices of seeded defects; files: the
    evidence beside the report (name, size, sha256), for its list.
    """
    problems: list[str] = []
    sources = Sources(run, folder, load_accounts(folder, problems), problems)
    counts = Counter(requirement.verdict for requirement in run.requirements)
    shown = {
        "report_id": report_id(run),
        "title": title(run),
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
        "proofs": proofs(run, folder),
        "is_not": words.what_it_is_not(run),
        "marks": run.marks,
        "counts": [{"verdict": v, "css": words.slug(v), "count": str(counts[v])} for v in VERDICTS if counts[v]],
        "facts": _facts(run),
        "requirements": [_requirement(sources, r, n) for n, r in by_verdict(run)],
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
            ("environment", job.get("environment", "not stated")),
            ("operator", run.operator),
        ],
        "Run and evidence": [
            ("rig", run.rig),
            ("profile", run.profile.name if run.profile else ""),
            *_cited(run),
            ("evidence", run.evidence),
            ("clock", run.clock),
            ("started", run.started),
            ("ended", run.ended),
            ("trials", f"{run.trials}, of which {run.voids} void"),
            ("marks", "; ".join(run.marks) or "none"),
            *[("record", f"{head.number} of chain {name}") for name, head in heads_in(run.chain)],
            *[("its head", head.sha256) for _, head in heads_in(run.chain)],
            *([("run", run_id(run)), ("issued", run.issue.date), ("issued by", run.issue.signer)] if run.issue else []),
            *([("supersedes", run.issue.supersedes)] if run.issue and run.issue.supersedes else []),
        ],
        "Bench": [
            ("version", run.bench_version),
            ("commit", run.commit),
            ("source tree", _source(run)),
            ("dependencies", run.lock_sha256),
            ("seed", str(run.seed)),
            ("exit status", str(run.exit_status)),
        ],
    }
    return [{"title": title, "rows": [[k, v or "—"] for k, v in rows]} for title, rows in groups.items()]


def _cited(run: Run) -> list[tuple[str, str]]:
    """What the requirements were written from: edition and digest in a row each."""
    rows = []
    for key, text in run.host.items():
        if key.startswith("source: "):
            edition, _, digest = text.partition(", SHA-256 ")
            rows += [(key.removeprefix("source: "), edition), ("its SHA-256", digest)]
    return rows


def _source(run: Run) -> str:
    """Whether the bench ran as it was committed; without a commit that is not known."""
    if known := run.host.get("source tree"):
        return known
    as_committed = "as committed" if run.commit else "not known: no commit"
    return "with uncommitted changes" if run.dirty else as_committed


def _requirement(sources: Sources, requirement: Requirement, number: int) -> View:
    run = sources.run
    tests = [tested(sources, test) for test in requirement.tests]
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
        "limit": none_counts(run, result.limit) or requirement.limit or "—",
        "stated": words.typeset(stated) if result.limit else "",
        "trials": trials_text(trials),
        "facts": [[key, value] for key, value in facts.items() if value],
        "text": requirement.text.strip(),
        "reason": requirement.not_applicable_reason if requirement.verdict == NOT_APPLICABLE else "",
        "tests": tests,
        "measured": any(test["measurements"] for test in tests),
    }


def _voids(run: Run) -> list[list[str]]:
    """Every void trial of the run: requirement, test, trial, why."""
    return [
        [requirement.id, test.nodeid.rpartition("::")[2], place(trial), trial.void_reason or "no reason given"]
        for requirement in run.requirements
        for test in requirement.tests
        for m in test.measurements
        for trial in m.trials
        if trial.void
    ]


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
