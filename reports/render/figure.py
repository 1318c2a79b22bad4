"""Figures as SVG, drawn here: the current of a shutdown, and any other trace with its limits and event marks.

The same bytes for the same record. Every extreme of the samples is in the line (`axes.decimate`). Colours are written
for print; `class` names let a style sheet replace them on a dark screen. No `id` is used, so that many figures can
stand in one page.

>>> record = Record(np.array([8.0, 8.0, 0.0, 0.0]), start_s=-0.01, dt_s=0.01, unit="A", t0_s=0.0, t1_s=0.006,
...                 threshold=0.4, limit_s=0.05, guard_s=0.049, before=8.0, shutdown=True)
>>> shutdown_svg(record, "trial 1").startswith("<svg ")
True
"""

import math
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

import numpy as np

from v2g_bench.reports.model.record import Record, Step
from v2g_bench.reports.render.axes import Floats, Scale, decimate, padded, runs_of_finite, tick_step, tick_text, ticks
from v2g_bench.reports.render.words import number, places_for, printable

INK, GRID, WAVE = "#1c2733", "#dde2e7", "#0b5394"
BAD, GUARD, BAND, MARK = "#b3261e", "#e0a100", "#5b7c99", "#6d3b8e"
FONTS = "Libertinus Serif, Georgia, serif"


@dataclass(frozen=True)
class Frame:
    """The size of a figure and its plot area, in pixels; small ones stand three in a row, with fewer words."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    text: float
    small: bool

    def x(self, low: float, high: float) -> Scale:
        """Data to horizontal pixels."""
        return Scale(low, high, self.left, self.width - self.right)

    def y(self, low: float, high: float) -> Scale:
        """Data to vertical pixels; up is more."""
        return Scale(low, high, self.height - self.bottom, self.top)


FULL = Frame(width=720, height=262, left=58, right=14, top=44, bottom=44, text=13.0, small=False)
LOW = Frame(width=720, height=190, left=58, right=14, top=38, bottom=42, text=13.0, small=False)
LANE = 38  # height of one lane, with its name
SMALL = Frame(width=250, height=150, left=34, right=8, top=32, bottom=22, text=12.0, small=True)


def shutdown_svg(record: Record, name: str, *, small: bool = False) -> str:
    """The current of one shutdown over the time after t0: threshold band, t0, t1, limit and guard band.

    name: what the figure shows, for its title and for readers that do not see it.
    """
    frame = SMALL if small else _with_lanes(FULL, record)
    factor, unit = _time_unit(record)
    low, high = _window(record)
    t = record.times_s() - record.t0_s
    inside = (t >= low) & (t <= high)
    shown = record.samples[inside]
    levels = [0.0, record.before, record.threshold, -record.threshold]
    y = frame.y(*padded(*_extent(shown, levels)))
    x = frame.x(low * factor, high * factor)
    parts = [*_shades(record, x, y, factor), *_axes(frame, x, y, f"time after t0 / {unit}", f"current / {record.unit}")]
    parts += _levels(record, frame, x, y, (record.t1_s - record.t0_s) * factor)
    parts += _line(x, y, t[inside] * factor, shown)
    parts += _moments(record, frame, x, y, factor, unit)
    parts += [] if small else _lanes(record, frame, x, y, record.t0_s, factor)
    return _svg(frame, f"{name}: {describe(record)}", parts)


def trace_svg(record: Record, name: str, *, small: bool = False) -> str:
    """Any trace over time, counted from its first sample, with its limits as lines and its events as marks."""
    frame = SMALL if small else _with_lanes(LOW, record)
    t = record.times_s() - record.start_s
    factor, unit = (1e3, "ms") if t[-1] < 3.0 else (1.0, "s")
    limits = [("limit", record.limit_high), ("limit", record.limit_low)]
    y = frame.y(*padded(*_extent(record.samples, [level for _, level in limits])))
    x = frame.x(0.0, max(float(t[-1]), record.dt_s) * factor)
    parts = _axes(frame, x, y, f"time / {unit}", f"{record.quantity or 'value'} / {record.unit}")
    for text, level in limits:
        if math.isfinite(level):
            parts += _level(frame, x, y(level), f"{text} {_figure(level)} {record.unit}", BAD, "bad")
    parts += _line(x, y, t * factor, record.samples)
    for row, (at_s, text) in enumerate(record.events):
        at = x((at_s - record.start_s) * factor)
        if x.start <= at <= x.end:
            parts += _mark(frame, at, y, text, MARK, "mark", row=row % 2)
    parts += [] if small else _lanes(record, frame, x, y, record.start_s, factor)
    return _svg(frame, f"{name}: {describe(record)}", parts)


def figure_svg(record: Record, name: str, *, small: bool = False) -> str:
    """The figure that fits the record: a shutdown where it has a t0, a sequence where it is about its tracks, else a trace."""
    if record.tracks and not record.shutdown and not record.whole:
        return sequence_svg(record, name)
    return (shutdown_svg if record.shutdown else trace_svg)(record, name, small=small)


def sequence_svg(record: Record, name: str) -> str:
    """The current around the first event, and below it on the same axis one lane for each track: what was when."""
    t0_s = record.events[0][0] if record.events else record.start_s
    low, high = _sequence_window(record, t0_s)
    t = 1e3 * (record.times_s() - t0_s)
    inside = (t >= low) & (t <= high)
    frame = _with_lanes(FULL, record)
    limits = [level for level in (record.limit_high, record.limit_low) if math.isfinite(level)]
    y = frame.y(*padded(*_extent(record.samples[inside], limits)))
    x = frame.x(low, high)
    parts = _axes(frame, x, y, "time after the frame / ms", f"{record.quantity or 'value'} / {record.unit}")
    for level in limits:
        parts += _level(frame, x, y(level), f"{_figure(level)} {record.unit}", BAD, "bad")
    parts += _line(x, y, t[inside], record.samples[inside])
    for row, (at_s, text) in enumerate(record.events):
        if low <= 1e3 * (at_s - t0_s) <= high:
            parts += _mark(
                frame, x(1e3 * (at_s - t0_s)), y, text, MARK if row else INK, "mark" if row else "ink", row=row % 2
            )
    parts += _lanes(record, frame, x, y, t0_s, 1e3)
    return _svg(frame, f"{name}: {describe(record)}", parts)


def _with_lanes(frame: Frame, record: Record) -> Frame:
    """With room below for the tracks of the record."""
    more = LANE * len(record.tracks)
    return replace(frame, height=frame.height + more, bottom=frame.bottom + more)


def _lanes(record: Record, frame: Frame, x: Scale, y: Scale, zero_s: float, factor: float) -> list[str]:
    """A lane for each track, on the axis of the current. zero_s: where that begins; factor: its units in a second."""
    parts = []
    for lane, (track, steps) in enumerate(record.tracks.items()):
        placed = [(factor * (step.at_s - zero_s), step) for step in steps]
        parts += _lane(frame, x, y.start + 44 + LANE * lane, track, placed, "ms" if factor == 1e3 else "s")
    return parts


def _sequence_window(record: Record, t0_s: float) -> tuple[float, float]:
    """ms after t0: a little before, and all changes of the first third of a second."""
    changes = [1e3 * (step.at_s - t0_s) for steps in record.tracks.values() for step in steps]
    high = 1.35 * max([50.0, *(at for at in changes if at < 330.0)])
    ends = 1e3 * (record.start_s + record.dt_s * (len(record.samples) - 1) - t0_s)
    return max(-0.15 * high, 1e3 * (record.start_s - t0_s)), min(high, ends)


def _lane(frame: Frame, x: Scale, top: float, name: str, steps: list[tuple[float, Step]], unit: str) -> list[str]:
    """One bar for as long as each step lasts, with its text and, from the second on, its time."""
    parts = [_text(x.start, top + 12, name, frame, "start", "label", size=11.0)]
    for (at, step), following in zip(steps, [*[at for at, _ in steps[1:]], x.high], strict=True):
        first, last = x(max(at, x.low)), x(min(following, x.high))
        if at > x.high or following < x.low or last <= first:
            continue
        parts.append(_rect("lane", first, top + 16, last - first, LANE - 22, WAVE, 0.85 if step.on else 0.12))
        text = step.text if at <= x.low else f"{step.text}, {number(at, 1 if unit == 'ms' else 3)} {unit}"
        if len(text) * 6.2 < last - first:
            fill = "#ffffff" if step.on else INK
            parts.append(
                _text(
                    first + 5, top + 16 + (LANE - 22) / 2 + 4, text, frame, "start", "lane-text", fill=fill, size=11.0
                )
            )
    return parts


def describe(record: Record) -> str:
    """What the figure shows, in words, for readers that do not see it."""
    if not record.shutdown:
        finite = record.samples[np.isfinite(record.samples)]
        span = f"{_figure(float(finite.min()))} to {_figure(float(finite.max()))} {record.unit}"
        events = "; ".join(f"{text} at {at - record.start_s:.3f} s" for at, text in record.events)
        return f"{record.quantity or 'value'} between {span}" + (f"; {events}" if events else "")
    text = f"{_figure(record.before)} {record.unit} before t0" if math.isfinite(record.before) else "no level before t0"
    threshold = f"{_figure(record.threshold)} {record.unit}"
    if math.isfinite(record.t1_s):
        text += f", below {threshold} from {1e3 * (record.t1_s - record.t0_s):.2f} ms after t0"
    else:
        text += f", no lasting fall below {threshold}" if math.isfinite(record.threshold) else ", no threshold"
    if math.isfinite(record.limit_s):
        text += f", limit {_figure(1e3 * (record.limit_s - record.t0_s))} ms"
    return text


def _window(record: Record) -> tuple[float, float]:
    """What is worth seeing, in s after t0: a fifth of the limit before, two fifths beyond, and t1 in any case."""
    first, last = record.start_s - record.t0_s, record.start_s - record.t0_s + record.dt_s * (len(record.samples) - 1)
    reach = record.limit_s - record.t0_s
    if not reach > 0:
        reach = last if last > 0 else record.dt_s
    high = 1.4 * reach
    if math.isfinite(record.t1_s):
        high = max(high, 1.15 * (record.t1_s - record.t0_s))
    low = max(-0.2 * high / 1.4, min(first, 0.0)) if first < 0 else 0.0
    return low, high


def _time_unit(record: Record) -> tuple[float, str]:
    return (1.0, "s") if _window(record)[1] > 3.0 else (1e3, "ms")


def _extent(shown: Floats, levels: list[float]) -> tuple[float, float]:
    values = np.concatenate([shown[np.isfinite(shown)], [level for level in levels if math.isfinite(level)]])
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _shades(record: Record, x: Scale, y: Scale, factor: float) -> list[str]:
    """The threshold band, the guard band before the limit, and what lies beyond the limit."""
    parts = []
    if math.isfinite(record.threshold):
        top, bottom = y(abs(record.threshold)), y(-abs(record.threshold))
        parts.append(_rect("band", x.start, top, x.end - x.start, bottom - top, BAND, 0.20))
    if math.isfinite(record.limit_s):
        limit = x((record.limit_s - record.t0_s) * factor)
        parts.append(_rect("bad-area", limit, y.end, max(x.end - limit, 0.0), y.start - y.end, BAD, 0.07))
        if math.isfinite(record.guard_s):
            guard = x((record.guard_s - record.t0_s) * factor)
            parts.append(_rect("guard", guard, y.end, limit - guard, y.start - y.end, GUARD, 0.38))
    return parts


def _axes(frame: Frame, x: Scale, y: Scale, x_text: str, y_text: str) -> list[str]:
    parts = []
    step = tick_step(y.low, y.high, 3 if frame.small else 6)
    for value in ticks(y.low, y.high, 3 if frame.small else 6):
        at = y(value)
        parts.append(_path("grid", f"M{x.start:.1f} {at:.1f}H{x.end:.1f}", GRID, 1.0))
        parts.append(_text(x.start - 7, at + 4.3, tick_text(value, step), frame, "end", "tick y"))
    step = tick_step(x.low, x.high, 4 if frame.small else 9)
    for value in ticks(x.low, x.high, 4 if frame.small else 9):
        at = x(value)
        parts.append(_path("axis", f"M{at:.1f} {y.start:.1f}v5", INK, 1.0))
        parts.append(_text(at, y.start + 18, tick_text(value, step), frame, "middle", "tick x"))
    parts.append(_path("axis", f"M{x.start:.1f} {y.end:.1f}V{y.start:.1f}H{x.end:.1f}", INK, 1.2))
    if frame.small:  # both words in the line above the plot: there is no room beside it
        parts.append(_text(4, 11, f"{y_text} over {x_text}", frame, "start", "label", size=11.0))
        return parts
    parts.append(_text((x.start + x.end) / 2, y.start + 37, x_text, frame, "middle", "label"))
    middle = (y.start + y.end) / 2
    turn = f' transform="rotate(-90 16 {middle:.1f})"'
    parts.append(_text(16, middle, y_text, frame, "middle", "label", extra=turn))
    return parts


def _levels(record: Record, frame: Frame, x: Scale, y: Scale, t1: float) -> list[str]:
    """The level before the fault, dashed, and the name of the threshold band, on the side where the line is far.

    t1: where the current was gone, in x units; NaN if it never was.
    """
    parts: list[str] = []
    early = math.isfinite(t1) and x(t1) < x.start + 0.6 * (x.end - x.start)
    if math.isfinite(record.before) and not frame.small:
        text = f"before: {_figure(record.before)} {record.unit}"
        parts += _level(frame, x, y(record.before), text, BAND, "level", left=not early)
    if math.isfinite(record.threshold) and not frame.small:
        upper = record.before >= 0  # the band's name goes to the side that the current came from
        at = y(abs(record.threshold)) - 6 if upper else y(-abs(record.threshold)) + 15
        text = f"threshold ±{_figure(abs(record.threshold))} {record.unit}"
        place, anchor = (x.end - 6, "end") if early else (x(0.0) + 6, "start")
        parts.append(_text(place, at, text, frame, anchor, "level-text", fill=BAND))
    return parts


def _level(frame: Frame, x: Scale, at: float, text: str, colour: str, css: str, *, left: bool = False) -> list[str]:
    line = _path(css, f"M{x.start:.1f} {at:.1f}H{x.end:.1f}", colour, 1.1, dash="6 4")
    place, anchor, above = (x(0.0) + 6, "start", 12) if left else (x.end - 6, "end", 6)
    return [line, _text(place, at - above, text, frame, anchor, f"{css}-text", fill=colour)]


def _moments(record: Record, frame: Frame, x: Scale, y: Scale, factor: float, unit: str) -> list[str]:
    """The vertical marks. t0 is named on the left of its line, t1 and the limit on the right, in two rows."""
    parts = []
    if math.isfinite(record.limit_s):
        limit = (record.limit_s - record.t0_s) * factor
        text = f"limit {_figure(limit)} {unit}"
        if math.isfinite(record.guard_s) and not frame.small:
            text += f", guard {_figure((record.limit_s - record.guard_s) * factor)} {unit}"
        parts += _mark(frame, x(limit), y, "" if frame.small else text, BAD, "bad", row=0)
    parts += _mark(frame, x(0.0), y, "" if frame.small else "t0", INK, "ink", row=1, before=True)
    if math.isfinite(record.t1_s):
        t1 = (record.t1_s - record.t0_s) * factor
        parts += _mark(frame, x(t1), y, f"t1 = {number(t1, 2)} {unit}", MARK, "mark", row=1)
        level = math.copysign(abs(record.threshold), record.before)
        parts.append(f'<circle class="mark-dot" cx="{x(t1):.1f}" cy="{y(level):.1f}" r="3.6" fill="{MARK}"/>')
    return parts


def _mark(
    frame: Frame, at: float, y: Scale, text: str, colour: str, css: str, *, row: int, before: bool = False
) -> list[str]:
    """A vertical line with its name above the plot; names near the right edge stand left of their line."""
    step = frame.text + 3
    base = y.end - 5 - (0 if frame.small else step * (1 - row))
    space = len(text) * frame.text * 0.56
    left = before or at + space > frame.width
    anchor, shift = ("end", -4) if left else ("start", 4)
    if before and at - space < 0:
        anchor, shift = "start", 4
    top = base - frame.text * 0.75 if text else y.end
    line = _path(css, f"M{at:.1f} {y.start:.1f}V{top:.1f}", colour, 1.4)
    return [line] if not text else [line, _text(at + shift, base, text, frame, anchor, f"{css}-text", fill=colour)]


def _line(x: Scale, y: Scale, at: Floats, values: Floats) -> list[str]:
    parts = []
    for stretch in runs_of_finite(values):
        px, py = decimate(x.many(at[stretch]), y.many(values[stretch]), int(x.end - x.start))
        pairs = (f"{a:.1f},{b:.1f}" for a, b in zip(px.tolist(), py.tolist(), strict=True))
        points = [point for point, _ in groupby(pairs)]
        parts.append(
            f'<polyline class="wave" points="{" ".join(points)}" fill="none" stroke="{WAVE}" '
            'stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"/>'
        )
    return parts


def _figure(value: float) -> str:
    """A number for a label: at most four significant digits, no trailing zeros."""
    text = number(value, min(places_for(None, value), 3))
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rect(css: str, left: float, top: float, width: float, height: float, colour: str, opacity: float) -> str:
    size = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{css}" {size} fill="{colour}" fill-opacity="{opacity}"/>'


def _path(css: str, d: str, colour: str, width: float, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="{css}" d="{d}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _text(
    x: float,
    y: float,
    text: str,
    frame: Frame,
    anchor: str,
    css: str,
    *,
    fill: str = INK,
    size: float = 0,
    extra: str = "",
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size or frame.text}"'
    return f'<text class="{css}" {place} fill="{fill}"{extra}>{escape(printable(text))}</text>'


def _svg(frame: Frame, title: str, parts: list[str]) -> str:
    name = escape(printable(title).replace("\n", " "))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame.width} {frame.height}" role="img" '
    return f'{head}aria-label="{name}" font-family="{FONTS}"><title>{name}</title>{"".join(parts)}</svg>'
