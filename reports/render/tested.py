"""What a report shows of one test: its measurements with figures and trials, what it drew, what it observed, and of what
failed the whole story.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.account import Account
from v2g_bench.reports.model.record import load_record
from v2g_bench.reports.model.run import Measurement, Run, TestResult, Trial
from v2g_bench.reports.model.verdicts import FAIL, PASS
from v2g_bench.reports.render import words
from v2g_bench.reports.render.contributions import contributions
from v2g_bench.reports.render.drawn import drawn_table, drawn_words, place
from v2g_bench.reports.render.explain import SHOWN, left_out, section
from v2g_bench.reports.render.figure import describe, figure_svg
from v2g_bench.reports.render.statements import COUNTS_AS_NONE, limit_of, measurement_statement, trials_text

View = dict[str, Any]
# Which instruments a kind of evidence rests on (`v2g_bench.evidence.record`).
_PARTS_OF = {
    **dict.fromkeys(("latency", "least share", "discharge", "charge"), ("meters.dc_current",)),
    **dict.fromkeys(("mean", "share"), ("meters.ac_power",)),
    "witnesses": ("meters.ac_power", "inverter"),
}
_RULE_ABOVE = "as on the first page."


@dataclass
class Sources:
    """What a report is made from. folder: of the run; accounts: of its failures; problems: one line for what is lost."""

    run: Run
    folder: Path
    accounts: list[Account] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def accounts_of(self, test: TestResult, m: Measurement) -> list[Account]:
        """By the waveforms of its trials; by its name where it has none."""
        mine = [one for one in self.accounts if one.test == test.nodeid]
        pictures = {trial.waveform for trial in m.trials if trial.waveform and not trial.void}
        if pictures:
            return [one for one in mine if one.waveform in pictures]
        return [one for one in mine if not one.waveform and one.measurement == m.name]


def tested(sources: Sources, test: TestResult) -> View:
    """One test."""
    measurements = [_measurement(sources, test, m) for m in test.measurements if not _is_observation(m)]
    stories = [one for m in measurements for one in m.pop("stories")]
    failed = {m.name: m for m in test.measurements if _is_observation(m) and m.verdict != PASS}
    stories += [section(one, name) for name, m in failed.items() for one in sources.accounts_of(test, m)[:SHOWN]]
    if test.verdict == FAIL and not any(m.verdict == FAIL for m in test.measurements):
        own = [one for one in sources.accounts if one.test == test.nodeid and not one.measurement]
        stories += [section(one, "The test") for one in own[:SHOWN]]
    return {
        "nodeid": test.nodeid,
        "title": test.title or test.nodeid.rpartition("::")[2],
        "variant": test.nodeid.partition("[")[2].removesuffix("]") if test.title else "",
        "verdict": test.verdict,
        "css": words.slug(test.verdict),
        "reason": test.reason.strip(),
        "duration": f"{test.duration_s:.1f} s",
        "log": test.log.strip("\n"),
        "drawn": drawn_table(sources.run, test),
        "measurements": measurements,
        "observations": [
            {
                "text": words.typeset(measurement_statement(m)) or m.name,
                "verdict": m.verdict,
                "css": words.slug(m.verdict),
            }
            for m in test.measurements
            if _is_observation(m)
        ],
        "stories": stories,
    }


def _is_observation(m: Measurement) -> bool:
    """What was seen to be so or not, or could not be measured: there is no uncertainty and no waveform to show."""
    return m.expanded is None and not m.trials


def none_counts(run: Run, limit: str) -> str:
    """The limit; of a current that there has to be none of, with the power that it was computed from."""
    power_w = run.thresholds.get("judging.no_discharge_w", "")
    return f"{limit}, {power_w} W at the pack's voltage" if power_w and limit.endswith(COUNTS_AS_NONE) else limit


def _measurement(sources: Sources, test: TestResult, m: Measurement) -> View:
    run, accounts = sources.run, sources.accounts_of(test, m)
    figures = _figures(m, sources)
    stories = _stories(test, m, accounts[:SHOWN], figures)
    told = [story["figure"] for story in stories]
    k = f", k = {m.k:.2f}" if m.k else ""
    return {
        "name": m.name,
        "quantity": m.name if m.quantity in ("", m.name) else f"{m.name}: {m.quantity}",
        "unit": m.unit or "1",
        "verdict": m.verdict,
        "css": words.slug(m.verdict),
        "value": words.measured(m.value, m.expanded, m.unit) + (k if m.expanded is not None else ""),
        "statement": measurement_statement(m),
        "limit": none_counts(run, limit_of(m)) or "—",
        "rule": _rule(run, m),
        "why": words.typeset(m.statement) if m.verdict != PASS else "",
        "p_conform": words.probability(m.p_conform),
        "claim": words.typeset(m.claim),
        "instruments": _instruments(run, m),
        "trials_text": trials_text(m.trials),
        "trials": _trial_table(m),
        "contributions": contributions(m),
        "figures": [one for one in figures if one not in told],
        "stories": stories,
        "untold": left_out(len(accounts)),
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


def _stories(test: TestResult, m: Measurement, accounts: list[Account], figures: list[View]) -> list[View]:
    """One section for each failed trial, with its figure."""
    found = []
    for account in accounts:
        trial = next((one for one in m.trials if one.waveform and one.waveform == account.waveform), None)
        figure = next((one for one in figures if one["waveform"] and one["waveform"] == account.waveform), None)
        if figure is not None:
            figure["large"] = True
        title = f"Trial {place(trial)}" if trial is not None and trial.phase_s is not None else m.name
        found.append(section(account, title, drawn_words(test, trial), figure))
    return found


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
        "Trial": place(trial),
        "Value": "" if trial.value is None else words.number(trial.value, places),
        "U": "" if trial.expanded is None else words.number(trial.expanded, places),
        "t0 / s": "" if trial.t0_s is None else f"{trial.t0_s:.6f}",
        "t1 / s": "" if trial.t1_s is None else f"{trial.t1_s:.6f}",
        "Phase / ms": "" if trial.phase_s is None else f"{1e3 * trial.phase_s:.2f}",
        "t0 taken from": trial.t0_source,
        "Remark": "; ".join(part for part in remarks if part),
    }


def _figures(m: Measurement, sources: Sources) -> list[View]:
    """The deciding trial large and first, the others small; a waveform that cannot be read is reported, never omitted."""
    pictured = [trial for trial in m.trials if trial.waveform]
    deciding = _deciding(m, pictured)
    figures = []
    for trial in sorted(pictured, key=lambda each: each is not deciding):
        name = f"trial {trial.index}" + (f", attempt {trial.attempt}" if trial.attempt > 1 else "")
        name += ", void" if trial.void else ""
        figure = {
            "name": name,
            "large": _large(m, trial, deciding),
            "void": trial.void,
            "svg": "",
            "alt": "",
            "problem": "",
        }
        figure["waveform"] = trial.waveform or ""
        try:
            record = load_record(sources.folder, trial.waveform or "")
            figure["svg"] = figure_svg(record, name, small=not _large(m, trial, deciding))
            figure["alt"] = f"{name}: {describe(record)}"
        except BenchError as error:
            figure["problem"] = f"{error.what} ({trial.waveform})"
            sources.problems.append(str(error))
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


def _large(m: Measurement, trial: Trial, deciding: Trial | None) -> bool:
    """The one that decides, and each that failed."""
    return trial is deciding or (m.verdict != PASS and bool(trial.note) and not trial.void)
