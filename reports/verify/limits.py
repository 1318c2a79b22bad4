"""What was judged against, compared with the requirement's own file: its figures, and the rig's that it names.

A limit in ms, s, A or V of a latency, a shutdown or a voltage must stand in the requirement (`limit: 50 ms`), or be the figure
of the rig that the requirement names (`judging.silence_limit_ms`), or stand in the requirement that it points to (`as BUS-01`).
What counts as no current is the rig's `no_discharge_w` at the pack's voltage; a power is judged within the rig's tolerance.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from v2g_bench.evidence.record import Kind
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Measurement, Requirement, Run

FIGURE_KINDS = (Kind.LATENCY, Kind.SEQUENCE, Kind.LOAD)
PACK_V = (10.0, 1500.0)  # of any battery: between them lies the voltage that a limit of no current follows from
_FIGURE = re.compile(r"(\d+(?:\.\d+)?)\s?(ms|s|mV|V|A)\b")
_UNITS = {"ms": ("s", 1e-3), "s": ("s", 1.0), "mV": ("V", 1e-3), "V": ("V", 1.0), "A": ("A", 1.0)}
_REFERS = re.compile(r"\bas ([A-Z]{3}-\d\d)\b")
_FRONT = re.compile(r"---\n(.*?)\n---\n(.*)", re.DOTALL)
_FIXED = {str(Kind.WITNESSES): (None, 1.0), str(Kind.OBSERVED): (1.0, None)}
Figure = tuple[str, float]


class Stated(Protocol):
    """A requirement by what its file states: its id, and its limit in words."""

    @property
    def id(self) -> str: ...

    @property
    def limit(self) -> str: ...


def loosened(
    measurements: Iterable[Measurement], one: Stated, texts: Mapping[str, str], thresholds: Mapping[str, str]
) -> Iterator[tuple[Measurement, str]]:
    """Each measurement with an upper limit above all figures of its unit that the requirement states, and the limit in words.

    texts: the content of the requirements' files by id. thresholds: what the rig file states, by its key. A requirement that
    states no such figure is none to compare with.
    """
    allowed = _allowed(one.id, texts, thresholds)
    for m in measurements:
        if m.kind not in FIGURE_KINDS or m.unit not in _UNITS or m.limit_high is None:
            continue
        unit, scale = _UNITS[m.unit]
        largest = max((value for known, value in allowed if known == unit), default=None)
        limit = m.limit_high * scale
        if largest is not None and limit > largest and not _same(limit, largest):
            yield m, f"{m.limit_high:g} {m.unit}; {one.id} says {one.limit!r}"


def check_limits(folder: Path, run: Run, result: Verification) -> None:
    """Add to `result` each limit that its requirement does not state, and each requirement that is not as its file says."""
    texts = {path.stem: path.read_text("utf-8") for path in sorted((folder / "requirements").glob("*.md"))}
    if not texts:
        result.impossible.append("limits against the requirements' files: the run kept none")
        return
    count = 0
    for one in run.requirements:
        if one.id not in texts:
            result.wrong("limit", one.id, "has no file among the requirements that the run kept")
            continue
        _wording(one, texts[one.id], result)
        allowed = _allowed(one.id, texts, run.thresholds)
        for test in one.tests:
            for m in test.measurements:
                count += 1
                for limit in _wrong(m, one, allowed, run.thresholds):
                    result.wrong("limit", f"{test.nodeid} {m.name}", f"was judged against {limit}")
    result.done.append(f"limits of {count} measurements against {len(texts)} requirements")


def _wording(one: Requirement, text: str, result: Verification) -> None:
    parts = _FRONT.match(text)
    if parts is None:
        result.wrong("limit", one.id, "its file has no front matter")
        return
    keys = dict(line.partition(":")[::2] for line in parts[1].splitlines())
    stated = {"title": one.title, "family": one.family, "source": one.source, "limit": one.limit, "method": one.method}
    for key, value in stated.items():
        if keys.get(key, "").strip() != value:
            result.wrong("limit", one.id, f"results.json gives its {key} as {value!r}, its file {keys.get(key, '')!r}")
    if " ".join(parts[2].split()) != one.text:
        result.wrong("limit", one.id, "results.json gives another text than its file")


def _allowed(key: str, texts: Mapping[str, str], thresholds: Mapping[str, str]) -> set[Figure]:
    """(unit, value) of every figure that this requirement, or one that it points to, states."""
    text = "\n".join(texts[one] for one in (key, *_REFERS.findall(texts[key])) if one in texts)
    found = {(_UNITS[unit][0], float(number) * _UNITS[unit][1]) for number, unit in _FIGURE.findall(text)}
    for name, value in thresholds.items():
        short, _, unit = name.removeprefix("judging.").rpartition("_")
        if unit in ("ms", "s", "a", "v") and re.search(rf"\b{re.escape(short)}_{unit}\b", text):
            known, scale = _UNITS[unit.upper() if unit in "av" else unit]
            found.add((known, float(value) * scale))
    return found


def _wrong(m: Measurement, one: Stated, allowed: set[Figure], thresholds: Mapping[str, str]) -> Iterator[str]:
    """What speaks against the limits of one measurement."""
    if m.kind in _FIXED and (m.limit_low, m.limit_high) not in (_FIXED[m.kind], (None, None)):
        yield f"{m.limit_low} to {m.limit_high}, and {m.kind} has no such limits"
    if m.kind in FIGURE_KINDS and m.unit in _UNITS:
        unit, scale = _UNITS[m.unit]
        limits = [m.limit_high] + ([m.limit_low] if (m.limit_low or 0.0) > 0.0 else [])
        for limit in limits:
            if limit is not None and not any(u == unit and _same(value, limit * scale) for u, value in allowed):
                yield f"{limit:g} {m.unit}; {one.id} says {one.limit!r}"
    if m.kind in (Kind.DISCHARGE, Kind.CHARGE) and m.name.startswith(m.quantity) and m.limit_high is not None:
        volts = float(thresholds["judging.no_discharge_w"]) / m.limit_high if m.limit_high > 0 else 0.0
        if not PACK_V[0] <= volts <= PACK_V[1]:
            yield f"{m.limit_high:g} A; the rig's no_discharge_w is that at {volts:.3g} V"
    if (
        m.kind == Kind.MEAN
        and "the rig's tolerance" in one.limit
        and m.limit_low is not None
        and m.limit_high is not None
    ):
        share_pct = 100 * (m.limit_high - m.limit_low) / abs(m.limit_high + m.limit_low)
        if not _same(share_pct, float(thresholds["judging.power_tolerance_pct"])):
            yield f"{share_pct:.3g} %; the rig's tolerance is {thresholds['judging.power_tolerance_pct']} %"


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(1.0, abs(one))
