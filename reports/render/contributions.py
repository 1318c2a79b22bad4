"""The budget of each shutdown's own U: what every component contributes to it, trial by trial."""

import math
from typing import Any

from v2g_bench.reports.model.run import Measurement
from v2g_bench.reports.render import words
from v2g_bench.reports.render.drawn import place

View = dict[str, Any]
SHUTDOWN = "latency"  # the kind of its evidence (`v2g_bench.evidence.record`)


def contributions(m: Measurement) -> View:
    """A column for each component, |sensitivity|·u in the measurement's unit, then u combined and U; empty without a shutdown.

    Where the components come from stands with the budget of the widest of them.
    """
    kept = [
        (trial, trial.evidence.components)
        for trial in m.trials
        if trial.evidence is not None and trial.evidence.kind == SHUTDOWN and trial.expanded is not None
    ]
    names = list(dict.fromkeys(one.name for _, components in kept for one in components))
    rows = []
    for trial, components in kept:
        parts = {
            name: math.hypot(*(one.sensitivity * one.u for one in components if one.name == name)) for name in names
        }
        numbers = [*parts.values(), math.hypot(*parts.values()), trial.expanded or 0.0]
        rows.append({"void": trial.void, "cells": [place(trial), *(words.significant(number) for number in numbers)]})
    columns = ["Trial", *names, "u", "U"]
    return {
        "columns": [{"title": title, "text": title == "Trial"} for title in columns],
        "rows": rows,
        "note": f"The budget of each trial: contributions |c|·u in {m.unit}, u combined, U expanded." if rows else "",
    }
