"""Trends as SVG: a small line for a table, and a picture with the limit, U and every verdict that was no PASS.

The same bytes for the same points. A run without a value leaves a gap in the line; what the rig could not decide is marked
at the bottom, apart from what the controller failed.

>>> points = [Point(f"run{n}", "2026-01-01", "ems 1", True, "PASS", 20.0 + n, 0.3, None, 50.0, "") for n in range(3)]
>>> spark_svg(points).count("<circle")
0
"""

import math
from html import escape

from v2g_bench.reports.history.index import Point
from v2g_bench.reports.model.verdicts import FAIL, UNDECIDED
from v2g_bench.reports.render.axes import Scale, padded, tick_step, tick_text, ticks
from v2g_bench.reports.render.figure import BAD, BAND, GRID, INK, MARK, WAVE
from v2g_bench.reports.render.words import printable

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 24, 40
SPARK_WIDTH, SPARK_HEIGHT = 150, 30


def spark_svg(points: list[Point]) -> str:
    """The values of a series as one line, its limits dashed, failures as dots, the rig's errors as ticks below."""
    x = Scale(0, max(1, len(points) - 1), 3, SPARK_WIDTH - 3)
    y = _y(points, SPARK_HEIGHT - 6, 3)
    parts = [] if y is None else _limits(points, x, y, 1.0)
    if y is not None:
        parts += [_polyline(x, y, points, 1.2)]
        parts += [
            _dot(x(n), y(_value(p)), 2.2) for n, p in enumerate(points) if p.verdict == FAIL and p.value is not None
        ]
    else:  # a verdict without a value: its failures alone
        parts += [_dot(x(n), SPARK_HEIGHT / 2, 2.2) for n, point in enumerate(points) if point.verdict == FAIL]
    base = SPARK_HEIGHT - 2
    parts += [_path("mark", f"M{x(n):.1f} {base}v-4", MARK, 1.6) for n in _sick(points)]
    return _svg(SPARK_WIDTH, SPARK_HEIGHT, describe(points), parts)


def trend_svg(points: list[Point], unit: str) -> str:
    """The values with their U, the limits, the changes of version, and each run that was no PASS. "" without values."""
    y = _y(points, HEIGHT - BOTTOM, TOP)
    if y is None:
        return ""
    x = Scale(-0.5, len(points) - 0.5, LEFT, WIDTH - RIGHT)
    step = tick_step(y.low, y.high, 5)
    parts = []
    for value in ticks(y.low, y.high, 5):
        parts.append(_path("grid", f"M{x.start} {y(value):.1f}H{x.end}", GRID, 1.0))
        parts.append(_text(x.start - 7, y(value) + 4, tick_text(value, step), "end", INK))
    for n, point in enumerate(points):
        if n and point.controller != points[n - 1].controller:
            parts.append(_path("mark", f"M{x(n - 0.5):.1f} {y.end}V{y.start}", MARK, 1.2, "2 3"))
            name = point.controller.split(" ")[1] if " " in point.controller else point.controller
            parts.append(_text(x(n - 0.5) + 4, y.start - 6, name, "start", MARK))
    parts += _limits(points, x, y, 1.2)
    for n, point in enumerate(points):
        if point.value is not None and point.expanded:
            low, high = y(point.value - point.expanded), y(point.value + point.expanded)
            parts.append(_path("level", f"M{x(n):.1f} {low:.1f}V{high:.1f}", BAND, 1.0))
    parts.append(_polyline(x, y, points, 1.6))
    parts += [_dot(x(n), y(_value(p)), 3.4) for n, p in enumerate(points) if p.verdict == FAIL and p.value is not None]
    parts += [_path("mark", f"M{x(n):.1f} {HEIGHT - BOTTOM}v-9", MARK, 2.2) for n in _sick(points)]
    parts.append(_path("axis", f"M{x.start} {y.end}V{y.start}H{x.end}", INK, 1.2))
    parts.append(_text(x.start, HEIGHT - 22, points[0].started[:10], "start", INK))
    parts.append(_text(x.end, HEIGHT - 22, points[-1].started[:10], "end", INK))
    parts.append(_text((x.start + x.end) / 2, HEIGHT - 6, f"{len(points)} runs, the last on the right", "middle", INK))
    parts.append(_text(4, 12, f"value / {unit or '1'}", "start", INK))
    return _svg(WIDTH, HEIGHT, describe(points), parts)


def describe(points: list[Point]) -> str:
    """What the picture shows, in words."""
    values = [point.value for point in points if point.value is not None]
    message = f"{len(points)} runs"
    if values:
        message += f", from {values[0]:.4g} to {values[-1]:.4g}"
    failed, sick = sum(point.verdict == FAIL for point in points), len(_sick(points))
    return message + f", {failed} failed, {sick} without a verdict"


def _sick(points: list[Point]) -> list[int]:
    return [n for n, point in enumerate(points) if point.verdict in UNDECIDED]


def _value(point: Point) -> float:
    return math.nan if point.value is None else point.value


def _y(points: list[Point], bottom: float, top: float) -> Scale | None:
    values = [
        v for p in points if p.value is not None for v in (p.value - (p.expanded or 0), p.value + (p.expanded or 0))
    ]
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return None
    values += [limit for limit in (points[-1].low, points[-1].high) if limit is not None]
    return Scale(*padded(min(values), max(values)), bottom, top)


def _limits(points: list[Point], x: Scale, y: Scale, width: float) -> list[str]:
    limits = [limit for limit in (points[-1].low, points[-1].high) if limit is not None]
    return [_path("bad", f"M{x.start} {y(limit):.1f}H{x.end}", BAD, width, "5 3") for limit in limits]


def _polyline(x: Scale, y: Scale, points: list[Point], width: float) -> str:
    """A line through the values; a run without one interrupts it, a value between two such is a short stroke."""
    d, pen = "", False
    for n, point in enumerate(points):
        if point.value is None or not math.isfinite(point.value):
            pen = False
            continue
        d += f"{'L' if pen else 'M'}{x(n):.1f} {y(point.value):.1f}" + ("" if pen else "h0.1")
        pen = True
    return f'<path class="wave" d="{d}" fill="none" stroke="{WAVE}" stroke-width="{width}" stroke-linecap="round"/>'


def _dot(x: float, y: float, radius: float) -> str:
    return f'<circle class="bad-area" cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{BAD}"/>'


def _path(css: str, d: str, colour: str, width: float, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="{css}" d="{d}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12"'
    return f'<text {place} fill="{colour}">{escape(printable(text))}</text>'


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    name = escape(printable(title))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{name}">'
    return f"{head}{''.join(parts)}</svg>"
