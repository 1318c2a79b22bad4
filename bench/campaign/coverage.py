"""Where in the space of faults a campaign has been: one picture (SVG) and a table of numbers.

For each kind of fault its strongest field against the time at which it began: one dot a scenario, red where it failed,
with the share of the 10 x 10 fields of that plane that were hit. And how often each pair of kinds met.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations_with_replacement
from typing import Any

GRID = 10
WIDE, HIGH, EDGE, ACROSS = 270, 150, 34, 3
MOST_DOTS = 2500
LIMITS = {"to_c": 45.0, "to_mv": 300.0}
STYLE = "text{font:11px sans-serif;fill:#333}.t{font-weight:bold}.ok{fill:#4477aa;fill-opacity:.35}.bad{fill:#cc3311}"


@dataclass(frozen=True)
class Plane:
    """One kind of fault: how much (x), when (y, ms) and whether it failed, per scenario. share: of the fields hit."""

    kind: str
    field: str
    dots: list[tuple[float, float, bool]]
    share: float


def planes(rows: Sequence[dict[str, Any]]) -> list[Plane]:
    """One for each kind of fault in these results, in the order of their names."""
    found: dict[str, tuple[str, list[tuple[float, float, bool]]]] = {}
    for row in rows:
        for fault in json.loads(row["faults"]):
            field = _strongest(fault)
            dots = found.setdefault(fault["kind"], (field, []))[1]
            dots.append((float(fault.get(field, 0.0)), 1e3 * fault["at_s"], bool(row["failed"])))
    return [Plane(kind, field, dots, _share(dots, field)) for kind, (field, dots) in sorted(found.items())]


def pairs(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """How many scenarios had both kinds; (kind, kind) for those with the same kind twice."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        kinds = sorted(fault["kind"] for fault in json.loads(row["faults"]))
        if len(kinds) == 2:
            counts[(kinds[0], kinds[1])] = counts.get((kinds[0], kinds[1]), 0) + 1
    return counts


def svg(rows: Sequence[dict[str, Any]], title: str) -> str:
    """The picture."""
    shown = planes(rows)
    kinds = [plane.kind for plane in shown]
    lines = -(-len(shown) // ACROSS)
    wide, top = ACROSS * (WIDE + EDGE) + EDGE, 30
    matrix_top = top + lines * (HIGH + 2 * EDGE) + 20
    high = matrix_top + 20 * (len(kinds) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>',
        f'<text class="t" x="{EDGE}" y="18">{escape(title)}</text>',
    ]
    for place, plane in enumerate(shown):
        x, y = EDGE + place % ACROSS * (WIDE + EDGE), top + EDGE + place // ACROSS * (HIGH + 2 * EDGE)
        parts += _panel(plane, x, y)
    parts += _matrix(kinds, pairs(rows), EDGE, matrix_top)
    return "\n".join([*parts, "</svg>", ""])


def _strongest(fault: dict[str, Any]) -> str:
    """The field with the fault's magnitude: the first that is a number and neither a place nor a time."""
    for key, value in fault.items():
        if isinstance(value, int | float) and key not in ("cell", "module", "at_s") and not key.startswith("ramp_"):
            return key
    return ""


def _share(dots: Sequence[tuple[float, float, bool]], field: str) -> float:
    across = GRID if field else 1  # a kind without an amount has one column
    low_x, span_x, low_y, span_y = _frame(dots)
    hit = {
        (min(across - 1, int(across * (x - low_x) / span_x)), min(GRID - 1, int(GRID * (y - low_y) / span_y)))
        for x, y, _ in dots
    }
    return len(hit) / (across * GRID)


def _frame(dots: Sequence[tuple[float, float, bool]]) -> tuple[float, float, float, float]:
    low_x, low_y = min(x for x, _, _ in dots), min(y for _, y, _ in dots)
    return low_x, (max(x for x, _, _ in dots) - low_x) or 1.0, low_y, (max(y for _, y, _ in dots) - low_y) or 1.0


def _panel(plane: Plane, x: int, y: int) -> list[str]:
    low_x, span_x, low_y, span_y = _frame(plane.dots)
    failed = sum(bad for _, _, bad in plane.dots)
    message = f"{plane.kind}: {len(plane.dots)}, {failed} failed, {100 * plane.share:.0f} % covered"
    parts = [
        f'<text class="t" x="{x}" y="{y - 6}">{escape(message)}</text>',
        f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#999"/>',
        f'<text x="{x}" y="{y + HIGH + 13}">{low_x:.4g}</text>',
        f'<text x="{x + WIDE}" y="{y + HIGH + 13}" text-anchor="end">{low_x + span_x:.4g}</text>',
        f'<text x="{x + WIDE / 2}" y="{y + HIGH + 13}" text-anchor="middle">{escape(plane.field or "has no amount")}</text>',
        f'<text x="{x + 3}" y="{y + 12}">began {low_y:.0f} to {low_y + span_y:.0f} ms</text>',
    ]
    limit = LIMITS.get(plane.field)
    if limit is not None and low_x < limit < low_x + span_x:
        at = x + WIDE * (limit - low_x) / span_x
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y}" y2="{y + HIGH}" stroke="#cc3311" stroke-dasharray="4"/>'
        )
    step = -(-len(plane.dots) // MOST_DOTS)  # the failed ones are all drawn, and last
    drawn = [dot for place, dot in enumerate(plane.dots) if place % step == 0 and not dot[2]]
    for value, at_ms, bad in drawn + [dot for dot in plane.dots if dot[2]]:
        cx, cy = x + WIDE * (value - low_x) / span_x, y + HIGH * (1 - (at_ms - low_y) / span_y)
        parts.append(
            f'<circle class="{"bad" if bad else "ok"}" cx="{cx:.1f}" cy="{cy:.1f}" r="{2.5 if bad else 1.3}"/>'
        )
    return parts


def _matrix(kinds: Sequence[str], counts: dict[tuple[str, str], int], x: int, y: int) -> list[str]:
    parts = [f'<text class="t" x="{x}" y="{y}">scenarios with two faults, by their kinds</text>']
    most = max(counts.values(), default=1)
    for row, kind in enumerate(kinds):
        parts.append(f'<text x="{x}" y="{y + 20 * (row + 1) + 14}">{row + 1} {escape(kind)}</text>')
        below = y + 20 * (len(kinds) + 1) + 14
        parts.append(f'<text x="{x + 191 + 44 * row}" y="{below}" text-anchor="middle">{row + 1}</text>')
    for one, other in combinations_with_replacement(range(len(kinds)), 2):
        count = counts.get((kinds[one], kinds[other]), 0)
        left, top = x + 170 + 44 * one, y + 20 * (other + 1)
        parts.append(
            f'<rect x="{left}" y="{top}" width="42" height="18" fill="#4477aa" fill-opacity="{0.7 * count / most:.2f}" '
            f'stroke="#ccc"/><text x="{left + 21}" y="{top + 13}" text-anchor="middle">{count}</text>'
        )
    return parts
