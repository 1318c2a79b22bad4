"""Figures of a calculation as SVG: lines with their 95 % bands and limits, and a plane of cells.

Drawn as `figure` draws waveforms: the same bytes for the same data, no `id`, colours for print.
"""

import numpy as np

from v2g_bench.reports.model.modelled import Figure, Heat, Line
from v2g_bench.reports.render.axes import Scale, padded
from v2g_bench.reports.render.figure import BAD, Frame, _axes, _path, _rect, _svg, _text

COLOURS = ("#0b5394", "#b35900", "#0f6b45", "#6d3b8e", "#8a1c5b", "#5a6774", "#806600", "#2a7f9e")
TALL = Frame(width=720, height=330, left=58, right=14, top=18, bottom=44, text=13.0, small=False)
KEY_HEIGHT = 17


def plane_svg(figure: Figure) -> str:
    """The figure as SVG; what it shows stands in its title for readers that do not see it."""
    return _heat(figure, figure.heat) if figure.heat is not None else _lines(figure)


def _lines(figure: Figure) -> str:
    rows = (len(figure.lines) + 2) // 3
    frame = Frame(720, 330 + KEY_HEIGHT * rows, 58, 14, 18 + KEY_HEIGHT * rows, 44, 13.0, small=False)
    values = [value for line in figure.lines for value in (*line.y, *line.low, *line.high)]
    values += [level.y for level in figure.levels]
    xs = [value for line in figure.lines for value in line.x]
    x = frame.x(min(xs, default=0.0), max(xs, default=1.0))
    y = frame.y(*padded(min(values, default=0.0), max(values, default=1.0), 0.05))
    parts = _axes(frame, x, y, figure.x_label, figure.y_label)
    for level in figure.levels:
        first, last = x(max(level.from_x, x.low)), x(min(level.to_x, x.high))
        parts.append(_path("bad", f"M{first:.1f} {y(level.y):.1f}H{last:.1f}", BAD, 1.6))
        parts.append(_text(last, y(level.y) - 5, level.text, frame, "end", "bad", size=11.0))
    groups = list(dict.fromkeys(line.group or line.name for line in figure.lines))
    for place, line in enumerate(figure.lines):
        colour = COLOURS[groups.index(line.group or line.name) % len(COLOURS)]
        parts += _line(x, y, line, colour)
        left, top = frame.left + 218 * (place % 3), 16 + KEY_HEIGHT * (place // 3)
        dash = "4 3" if line.beside else ""
        parts.append(_path("wave", f"M{left} {top - 4}h22", colour, 2.0, dash))
        parts.append(_text(left + 28, top, line.name, frame, "start", "label", size=11.5))
    return _svg(frame, figure.title, parts)


def _line(x: Scale, y: Scale, line: Line, colour: str) -> list[str]:
    parts = []
    at = x.many(np.array(line.x))
    if line.low and line.high:
        there = [*zip(at, y.many(np.array(line.high)), strict=True)]
        back = [*zip(at[::-1], y.many(np.array(line.low))[::-1], strict=True)]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in there + back)
        parts.append(f'<polygon points="{points}" fill="{colour}" opacity="0.10"/>')
    steps = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(at, y.many(np.array(line.y)), strict=True))
    return [*parts, _path("wave", f"M{steps}", colour, 1.8, "4 3" if line.beside else "")]


def _heat(figure: Figure, heat: Heat) -> str:
    frame = TALL
    step_x, step_y = _step(heat.x), _step(heat.y)
    x = frame.x(heat.x[0] - step_x / 2, heat.x[-1] + step_x / 2)
    y = frame.y(heat.y[0] - step_y / 2, heat.y[-1] + step_y / 2)
    most = max((max(row) for row in heat.hours), default=0.0) or 1.0
    parts = []
    for at_y, row in zip(heat.y, heat.hours, strict=True):
        for at_x, hours in zip(heat.x, row, strict=True):
            if hours > 0:
                left, top = x(at_x - step_x / 2), y(at_y + step_y / 2)
                width, height = x(at_x + step_x / 2) - left, y(at_y - step_y / 2) - top
                parts.append(_rect("band", left, top, width, height, COLOURS[0], 0.12 + 0.88 * (hours / most) ** 0.5))
    parts += _axes(frame, x, y, figure.x_label, figure.y_label)
    for place, (name, low_x, high_x, low_y, high_y) in enumerate(heat.frames):
        colour = COLOURS[(place + 1) % len(COLOURS)]
        left, right = x(max(low_x, x.low)), x(min(high_x, x.high))
        bottom, top = y(max(low_y, y.low)), y(min(high_y, y.high))
        if right > left and bottom > top:
            parts.append(
                _path("mark", f"M{left:.1f} {bottom:.1f}V{top:.1f}H{right:.1f}V{bottom:.1f}Z", colour, 1.6, "6 3")
            )
            parts.append(_text(left + 5, top + 14 + 13 * place, name, frame, "start", "mark", size=11.0))
    return _svg(frame, figure.title, parts)


def _step(values: tuple[float, ...]) -> float:
    return (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 1.0
