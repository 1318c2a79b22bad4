"""The section of a failed trial: what was sent, what the frame at t0 said, and who did what when, on one axis of time."""

from typing import Any

import numpy as np

from v2g_bench.reports.model.account import Account, Moment
from v2g_bench.reports.model.record import Record
from v2g_bench.reports.render import words
from v2g_bench.reports.render.figure import describe, figure_svg

View = dict[str, Any]
SHOWN = 5  # of one measurement; the others are in the run folder
HELD_S, MOST_SAMPLES = 0.001, 12_000  # steps between two reports, as they are drawn
_BEFORE, _AT = "before", "in this frame"


def section(account: Account, title: str, drawn: str = "", figure: View | None = None) -> View:
    """title: which trial; drawn: its world in words."""
    return {
        "title": f"{title}: what happened",
        "drawn": words.typeset(drawn),
        "frame": account.frame,
        "signals": _table(
            ("Signal", _BEFORE, _AT),
            [[words.typeset(text) for text in row] for row in account.values],
            (True, False, False),
        ),
        "moments": _table(
            ("after t0 / ms", "Who", "What"),
            [[_when(one, account.t0_s), one.by, words.typeset(one.text)] for one in account.moments],
            (False, True, True),
        ),
        "t0": f"t0 = {account.t0_s:.6f} s on the bench clock" + ("" if account.frame else "; no single frame marks it"),
        "figure": figure or _figure(account),
    }


def _figure(account: Account) -> View | None:
    """The current by the BMS, above what was ordered, asked for and reported, where no waveform shows it."""
    if len(account.current) < 2:
        return None
    first_s, last_s = account.current[0][0], account.current[-1][0]
    at_s = np.arange(max(2, min(MOST_SAMPLES, round((last_s - first_s) / HELD_S))), dtype=np.float64)
    at_s = first_s + at_s * (last_s - first_s) / (len(at_s) - 1)
    times_s, values_a = np.asarray(account.current, dtype=np.float64).T
    held_a = values_a[np.searchsorted(times_s, at_s + 1e-9, side="right") - 1]  # reported until the next report
    record = Record(
        held_a,
        start_s=first_s,
        dt_s=float(at_s[1] - at_s[0]),
        unit="A",
        quantity="current by the BMS",
        events=[(account.t0_s, "t0")],
        tracks=account.tracks,
        whole=True,
    )
    name = "current as the BMS reports it"
    return {
        "name": name,
        "large": True,
        "void": False,
        "svg": figure_svg(record, name),
        "alt": f"{name}: {describe(record)}",
        "problem": "",
        "waveform": "",
    }


def left_out(accounts: int) -> str:
    """What is said of those that are not shown."""
    return f"{accounts - SHOWN} more failed in the same measurement: evidence/around-*.json" if accounts > SHOWN else ""


def _when(one: Moment, t0_s: float) -> str:
    """ms after t0; from when to when where a line has no time of its own."""
    first = words.number(1e3 * (one.at_s - t0_s), 1)
    return first if one.until_s is None else f"{first} to {words.number(1e3 * (one.until_s - t0_s), 1)}"


def _table(columns: tuple[str, ...], rows: list[list[str]], text: tuple[bool, ...]) -> View:
    return {
        "columns": [{"title": title, "text": is_text} for title, is_text in zip(columns, text, strict=True)],
        "rows": [{"void": False, "cells": row} for row in rows],
        "note": "",
    }
