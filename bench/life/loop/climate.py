"""Outside temperature: the months' means and daily ranges of a place, with a drawn anomaly of whole days.

The anomaly is an AR(1) series: standard deviation 2.9 K, correlation from day to day 0.78 (Germany 2016, ERA5). The
day is a cosine, coldest at 5:00, warmest at 17:00.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import Within
from v2g_bench.inputs.text import read_toml
from v2g_bench.life.loop.duty import data_file

Floats = NDArray[np.float64]
OutsideC = Annotated[float, Within(-60, 60)]
RangeK = Annotated[float, Within(0, 30)]

MINUTES_A_DAY = 1440
_ANOMALY_SD_K, _ANOMALY_LAG = 2.9, 0.78
_COLDEST_H = 5.0
_MID_MONTH_D = 365.0 * (np.arange(12) + 0.5) / 12


class Climate(Checked):
    """mean_c, half_range_k: twelve values, January first."""

    title: str
    source: str
    mean_c: Annotated[tuple[OutsideC, ...], Field(min_length=12, max_length=12)]
    half_range_k: Annotated[tuple[RangeK, ...], Field(min_length=12, max_length=12)]

    def minutes_c(self, rng: np.random.Generator, days: int, warmer_k: float = 0.0) -> Floats:
        """The temperature of each minute from 1 January on, °C; shape (1440 * days,)."""
        day = np.arange(days) % 365 + 0.5
        mean, half = (np.interp(day, _MID_MONTH_D, curve, period=365.0) for curve in (self.mean_c, self.half_range_k))
        hour = np.arange(MINUTES_A_DAY) / 60.0
        shape = -np.cos(2 * np.pi * (hour - _COLDEST_H) / 24)
        anomaly = _anomaly_k(rng, days)
        return np.asarray(((mean + anomaly + warmer_k)[:, np.newaxis] + half[:, np.newaxis] * shape).reshape(-1))


def _anomaly_k(rng: np.random.Generator, days: int) -> Floats:
    """One anomaly for each day, K."""
    news = rng.normal(0.0, _ANOMALY_SD_K * (1 - _ANOMALY_LAG**2) ** 0.5, days)
    series = np.empty(days)
    value = rng.normal(0.0, _ANOMALY_SD_K)
    for day in range(days):
        series[day] = value = _ANOMALY_LAG * value + news[day]
    return series


def load_climate(name: str) -> Climate:
    """A climate by name ("cold", "temperate", "hot"), or from a file. Raises: BenchError with file and key."""
    path = data_file(name, "climates")
    return validated(Climate, read_toml(path, "see the climates that the bench brings"), str(path), root="climate")
