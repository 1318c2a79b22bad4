"""The history of a folder of runs as one HTML page, in the style of the report: no script, nothing from a network."""

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from v2g_bench.reports.history.changes import changes
from v2g_bench.reports.history.index import History, RunLine, Series
from v2g_bench.reports.history.trend import RUNS, TrendSummary, summarize
from v2g_bench.reports.history.trend_plot import describe, spark_svg, trend_svg
from v2g_bench.reports.model.verdicts import NOT_APPLICABLE, worst
from v2g_bench.reports.render import words
from v2g_bench.reports.render.words import printable


def render_history(history: History, rigs: list[str], within: int) -> bytes:
    """The page of these rigs; UTF-8, the same bytes for the same runs."""
    title = f"History of rig {rigs[0]}" if len(rigs) == 1 else "History of the rigs"
    style = files("v2g_bench.reports.render").joinpath("report.css").read_text("utf-8")
    page = _template().render(
        title=title,
        folder=printable(history.folder.resolve().name),
        problems=history.problems(),
        rigs=[_rig(history, rig, within) for rig in rigs],
        runs_shown=RUNS,
        within=within,
        style=style,
    )
    return page.encode("utf-8", "replace")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda each: printable(each) if type(each) is str else each,
    )
    environment.filters["svg"] = Markup
    return environment.from_string(files("v2g_bench.reports.history").joinpath("page.j2").read_text("utf-8"))


def _rig(history: History, rig: str, within: int) -> dict[str, Any]:
    runs = history.runs(rig)
    found, now, before = changes(history, rig, within)
    rows: dict[str, list[dict[str, Any]]] = {}
    verdicts: dict[str, list[str]] = {}
    for series in history.series(rig, last=RUNS):
        summary = summarize(series, within)
        if not series.measurement and summary.last.folder == now.folder:
            verdicts.setdefault(series.requirement, []).append(summary.last.verdict)
        if series.measurement or summary.alarm:
            rows.setdefault(series.requirement, []).append(_row(series, summary))
    groups = [
        _group(requirement, rows.get(requirement, []), verdicts.get(requirement, []))
        for requirement in sorted({*rows, *verdicts})
    ]
    return {
        "name": rig,
        "count": len(runs),
        "last": now,
        "last_css": words.slug(now.verdict),
        "before": before,
        "changes": found,
        "nights": _nights(runs[-RUNS:]),
        "nights_text": f"the verdicts of the last runs: {', '.join(run.verdict for run in runs[-RUNS:])}",
        "alarms": [row for group in groups for row in group["series"] if row["alarm"]],
        "groups": groups,
    }


def _group(requirement: str, rows: list[dict[str, Any]], found: list[str]) -> dict[str, Any]:
    verdict = NOT_APPLICABLE if found and set(found) == {NOT_APPLICABLE} else worst(found)
    count = f"{len(rows)} measurement{'' if len(rows) == 1 else 's'}"
    alarms = sum(bool(row["alarm"]) for row in rows)
    return {"requirement": requirement, "series": rows, "count": count, "alarms": alarms, "verdict": verdict,
            "css": words.slug(verdict)}  # fmt: skip


def _row(series: Series, summary: TrendSummary) -> dict[str, Any]:
    last, shown = summary.last, series.points[-RUNS:]
    ends = [(sign, limit) for sign, limit in (("≥", last.low), ("≤", last.high)) if limit is not None]
    steps = summary.drift and f"{'+' if summary.drift.slope > 0 else ''}{words.significant(summary.drift.slope, 2)}"
    return {
        "requirement": series.requirement,
        "test": series.nodeid.rpartition("::")[2],
        "name": series.measurement,
        "verdict": last.verdict,
        "css": words.slug(last.verdict),
        "value": words.measured(last.value, last.expanded, series.unit)
        if last.value is not None
        else last.reason or "—",
        "limit": ", ".join(f"{sign}\u00a0{words.significant(limit, 4)}" for sign, limit in ends),
        "margin": "" if last.margin is None else words.significant(last.margin, 3),
        "slope": steps or "",
        "spark": spark_svg(shown),
        "large": trend_svg(shown, series.unit) if summary.alarm else "",
        "told": describe(shown),
        "flips": summary.flips,
        "errors": summary.errors,
        "alarm": summary.alarm,
    }


def _nights(runs: list[RunLine]) -> list[dict[str, Any]]:
    return [
        {
            "css": words.slug(run.verdict) + ("" if run.complete else " cut"),
            "text": f"{run.started} {run.verdict}{'' if run.complete else ', incomplete'}, {run.controller}",
            "new": place > 0 and run.controller != runs[place - 1].controller,
        }
        for place, run in enumerate(runs)
    ]
