"""The samples of the waveforms, inside the HTML page: 16 bits each, in base64, decoded when somebody looks.

A sample is kept to 1/65,534 of its waveform's range; a gap (NaN) has a code of its own. The deciding trials come first;
what does not fit under `HARD_BYTES` stays in its own file, which the page names.

>>> packed = pack(Record(np.array([0.0, 1.0, np.nan]), start_s=5.0, dt_s=0.5, unit="A"))
>>> packed["low"], round(packed["step"] * 65534, 9), base64.b64decode(packed["samples"]).hex()
(0.0, 1.0, '0180ff7f0080')
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.record import Record, load_record
from v2g_bench.reports.render.view import View

WARN_BYTES, HARD_BYTES = 20_000_000, 50_000_000
GAP, FIRST, LAST = -32768, -32767, 32767


def pack(record: Record) -> dict[str, Any]:
    """What the page needs to draw the record: numbers, and the samples as little-endian int16 in base64."""
    finite = record.samples[np.isfinite(record.samples)]
    low, high = float(finite.min()), float(finite.max())
    step = (high - low) / (LAST - FIRST) or 1.0
    codes = np.full(record.samples.shape, GAP, dtype="<i2")
    good = np.isfinite(record.samples)
    codes[good] = np.rint((record.samples[good] - low) / step).astype(np.int64) + FIRST
    zero_s = record.t0_s if record.shutdown else record.start_s
    marks = {"t0": record.t0_s, "t1": record.t1_s, "limit": record.limit_s, "guard": record.guard_s}
    marks |= {text: at for at, text in record.events}
    levels = {"threshold": record.threshold, "limit low": record.limit_low, "limit high": record.limit_high}
    return {
        "start": record.start_s - zero_s,
        "dt": record.dt_s,
        "low": low,
        "step": step,
        "unit": record.unit,
        "quantity": record.quantity or ("current" if record.shutdown else "value"),
        "time": "time after t0" if record.shutdown else "time",
        "marks": {name: at - zero_s for name, at in marks.items() if np.isfinite(at)},
        "levels": {name: level for name, level in levels.items() if np.isfinite(level)},
        "samples": base64.b64encode(codes.tobytes()).decode(),
    }


def embed(shown: View, folder: Path) -> tuple[dict[str, str], int]:
    """(JSON by waveform, their bytes together): for every figure of `shown`, the deciding ones first, while they fit."""
    packed: dict[str, str] = {}
    total = 0
    for figure in sorted(_figures(shown), key=lambda figure: not figure["large"]):
        name = figure["waveform"]
        if figure["problem"] or name in packed:
            continue
        try:
            text = json.dumps(pack(load_record(folder, name)), separators=(",", ":"))
        except BenchError:
            continue  # deleted since the figure was drawn: the manifest's hash shows it
        if total + len(text) <= HARD_BYTES:
            packed[name] = text
            total += len(text)
    return packed, total


def _figures(shown: View) -> Iterator[View]:
    for requirement in shown["requirements"]:
        for test in requirement["tests"]:
            for measurement in test["measurements"]:
                yield from measurement["figures"]
