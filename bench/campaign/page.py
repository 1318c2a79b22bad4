"""A campaign on one page: what was tried, what failed, where in the space of faults it has been. One HTML file, no script."""

from collections.abc import Sequence
from html import escape
from typing import Any

from v2g_bench.campaign.coverage import planes, svg
from v2g_bench.campaign.invariants import INVARIANTS

STYLE = "body{font:14px sans-serif;max-width:60em;margin:2em auto;color:#222}td,th{padding:.2em .8em;text-align:left}"
MOST_FAILURES = 50


def page(rows: Sequence[dict[str, Any]], summary: dict[str, Any]) -> str:
    """The page for these results (rows as in results.parquet, summary as in summary.json)."""
    title = (
        f"{summary['campaign']}, seed {summary['seed']}: {summary['scenarios']} scenarios, {summary['failed']} failed"
    )
    latency = summary["latency_ms"]
    facts = [
        ("controller", summary["core"]),
        ("evidence", "simulated, virtual clock: no hardware was measured"),
        ("shutdown due in", summary["shutdown_due"]),
        ("tripped in", summary["tripped"]),
        ("simulated time", f"{summary['simulated_s']:.0f} s"),
        ("slowest isolation", f"{latency['slowest']:.2f} ms" if latency["count"] else "none was due"),
        ("SHA-256 of the results", summary["sha256"]),
    ]
    failed = [row for row in rows if row["failed"]]
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{escape(title)}</h1>",
        _table(("", ""), facts),
        "<h2>Invariants</h2>",
        _table(
            ("invariant", "what it says", "broken in"),
            [(name, says, summary["by_invariant"].get(name, 0)) for name, says in INVARIANTS.items()],
        ),
        "<h2>Coverage</h2>",
        _table(
            ("fault", "scenarios", "share of its plane"),
            [(plane.kind, len(plane.dots), f"{100 * plane.share:.0f} %") for plane in planes(rows)],
        ),
        svg(rows, title),
    ]
    if failed:
        parts += [
            "<h2>Failures</h2>",
            _table(("scenario", "said"), [(r["name"], r["said"]) for r in failed[:MOST_FAILURES]]),
        ]
        if len(failed) > MOST_FAILURES:
            parts.append(f"<p>and {len(failed) - MOST_FAILURES} more, in results.parquet</p>")
    return "\n".join([*parts, "</html>", ""])


def _table(titles: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"
