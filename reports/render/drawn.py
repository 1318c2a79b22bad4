"""What the trials of a test drew: a column for each value, beside what was measured in that world."""

from typing import Any

from v2g_bench.reports.model.run import Drawn, Measurement, Run, TestResult, Trial
from v2g_bench.reports.render import words

View = dict[str, Any]
COLUMNS = 9  # more do not fit on a page
_SHORT = {"soc": "SoC", "pack": "pack temperature"}


def drawn_table(run: Run, test: TestResult) -> View:
    """The world of each trial with the measured value, what all have in common below it, and how to have them again."""
    names = list(dict.fromkeys(name for one in test.drawn for name in one.values))
    common = {
        name: test.drawn[0].values[name]
        for name in names
        if len(test.drawn) > 1 and len({one.values.get(name) for one in test.drawn}) == 1
    }
    shown = [name for name in names if name not in common]
    m = next((one for one in test.measurements if any(trial.phase_s is not None for trial in one.trials)), None)
    values = _values(m) if m is not None else {}
    wide = len(shown) > COLUMNS
    columns = ["Trial", *([f"Value / {m.unit or '1'}"] if m is not None and values else [])]
    columns += ["Drawn"] if wide else [_SHORT.get(name, name) for name in shown]
    rows = []
    for one in test.drawn:
        texts = {name: words.typeset(one.values.get(name, "—")) for name in shown}
        cells = [place(one), *([values.get((one.index, one.attempt), "—")] if values else [])]
        cells += [", ".join(f"{name} {text}" for name, text in texts.items())] if wide else list(texts.values())
        rows.append({"void": False, "cells": cells})
    in_common = ", ".join(f"{name} {words.typeset(text)}" for name, text in common.items())
    notes = [f"In all trials: {in_common}." if in_common else "", _again(run, test) if test.drawn else ""]
    return {
        "columns": [{"title": title, "text": title in ("Trial", "Drawn")} for title in columns],
        "rows": rows if len(columns) > 1 else [],
        "note": " ".join(filter(None, notes)),
    }


def drawn_words(test: TestResult, trial: Trial | None) -> str:
    """The world of one trial in a line; "" where it drew none."""
    found = next(
        (one for one in test.drawn if trial and (one.index, one.attempt) == (trial.index, trial.attempt)), None
    )
    return ", ".join(f"{name} {text}" for name, text in found.values.items()) if found else ""


def place(trial: Trial | Drawn) -> str:
    """Its number, with the attempt from the second on."""
    return f"{trial.index}" + (f" (attempt {trial.attempt})" if trial.attempt > 1 else "")


def _values(m: Measurement) -> dict[tuple[int, int], str]:
    return {
        (one.index, one.attempt): "void"
        if one.void
        else "none"
        if one.value is None
        else words.number(one.value, words.places_for(one.expanded, one.value))
        for one in m.trials
    }


def _again(run: Run, test: TestResult) -> str:
    return f"pytest --rig={run.rig} --seed={run.seed} '{test.nodeid}' draws the same worlds again."
