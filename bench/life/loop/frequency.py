"""Grid frequency, one value a minute: synthetic, with the statistics of continental Europe.

Two Ornstein-Uhlenbeck processes and the hourly ramp of the schedules. Their shares of the variance are our fit to three
half-days of 10 s values (2014, 2017, 2018): standard deviation 18 to 21 mHz, correlation 0.73 to 0.79 after a minute and 0.31
to 0.52 after five. What happens within a minute is not in it.
"""

import csv
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_text

Floats = NDArray[np.float64]

SD_MHZ = 19.5
_PROCESSES = ((60.0, 0.30), (600.0, 0.55))  # time constant in s, share of the variance
_RAMP_SHARE = 0.15


def synthetic_mhz(rng: np.random.Generator, minutes: int, sd_mhz: float = SD_MHZ) -> Floats:
    """The deviation from nominal of each minute in mHz; shape (minutes,)."""
    total = np.zeros(minutes)
    for tau_s, share in _PROCESSES:
        keep = float(np.exp(-60.0 / tau_s))
        news = rng.standard_normal(minutes) * (1 - keep**2) ** 0.5
        start = rng.standard_normal()
        total += share**0.5 * _relaxing(keep, news, float(start))
    return np.asarray(sd_mhz * (total + _RAMP_SHARE**0.5 * _ramp(minutes)))


def _relaxing(keep: float, news: Floats, start: float) -> Floats:
    """x[i] = keep * x[i - 1] + news[i], from x[-1] = start."""
    series = accumulate(news.tolist(), lambda value, new: keep * value + new, initial=start)
    return np.fromiter(series, dtype=float, count=news.size + 1)[1:]


def _ramp(minutes: int) -> Floats:
    """A saw over each hour, of variance 1: falling while the load rises (4 to 12, 16 to 20 h), rising otherwise."""
    minute = np.arange(minutes)
    hour = minute // 60 % 24
    load_rises = ((hour >= 4) & (hour < 12)) | ((hour >= 16) & (hour < 20))
    saw = 3**0.5 * (1 - 2 * (minute % 60 + 0.5) / 60)
    return np.where(load_rises, saw, -saw)


def recorded_mhz(path: Path, column: str, nominal_hz: float = 50.0, per_minute: int = 30) -> Floats:
    """Minute means of a recorded column in Hz, as deviation in mHz. What is no number, or more than 5 Hz off, is left out.

    per_minute: samples in a minute. A minute without a value takes the one before. Raises: BenchError.
    """
    hint = "a CSV file with a header line"
    try:
        rows = [row.get(column) for row in csv.DictReader(read_text(path, hint).splitlines())]
    except csv.Error as error:
        raise BenchError(str(path), f"is not CSV: {error}", hint) from None
    if not rows or rows[0] is None:
        raise BenchError(str(path), f"has no column {column}", "name the column that holds the frequency in Hz")
    values = np.array([_number(value) for value in rows])
    values[np.abs(values - nominal_hz) > 5.0] = np.nan
    minutes = values[: values.size // per_minute * per_minute].reshape(-1, per_minute)
    good = np.isfinite(minutes)
    count = good.sum(axis=1)
    if not count.any():
        raise BenchError(f"{path}: {column}", f"holds no frequency near {nominal_hz:g} Hz", "is it in Hz?")
    mean = np.where(good, minutes, 0.0).sum(axis=1) / np.maximum(count, 1)
    last = np.maximum.accumulate(np.where(count > 0, np.arange(count.size), np.argmax(count > 0)))
    return np.asarray(1000.0 * (mean[last] - nominal_hz))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
