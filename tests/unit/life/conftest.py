"""A synthetic week of a commuter with V2G, one row a minute, and the file that a test makes of it."""

import numpy as np
import pytest

CAPACITY_AH = 156.0


def week(days=2):
    """Columns of a week: driving to work and home, a discharge in the evening, a charge in the night."""
    time_s = np.arange(0.0, days * 86400.0 + 1, 60.0)
    hour = time_s / 3600 % 24
    rate = np.zeros(len(time_s))
    for first, last, value in ((7.0, 7.5, -0.12), (17.0, 17.5, -0.12), (18.0, 20.0, -0.14), (1.0, 5.0, 0.1)):
        rate[(hour >= first) & (hour < last)] = value
    soc = 0.5 + np.concatenate(([0.0], np.cumsum(rate[:-1] / 60)))
    return {
        "time_s": time_s,
        "soc": 100 * soc,
        "temperature_c": 15 + 5 * np.sin(2 * np.pi * (hour - 9) / 24),
        "current_a": CAPACITY_AH * rate,
        "voltage_v": 350.0 + 30 * soc,
    }


@pytest.fixture
def columns():
    """The columns of a week, to be changed."""
    return week()


@pytest.fixture
def csv(tmp_path):
    """A function that writes columns as CSV; the path."""

    def write(columns, name="week.csv", delimiter=","):
        path = tmp_path / name
        rows = zip(*columns.values(), strict=True)
        text = [delimiter.join(columns)]
        text += [
            delimiter.join(v if isinstance(v, str) else f"{v:.6g}" if v < 1e5 else f"{v:.1f}" for v in row)
            for row in rows
        ]
        path.write_text("\n".join(text) + "\n")
        return path

    return write
