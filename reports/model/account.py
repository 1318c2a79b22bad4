"""What happened around a failure, as the run kept it: `evidence/around-NNNN.json`, one file for each failed trial.

It explains a verdict, and none rests on it: everything in it stands in the capture, the log or the run's exchanges too.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import read_json
from v2g_bench.reports.model.record import Step
from v2g_bench.reports.model.stored import build

PATTERN = "evidence/around-*.json"
_SINCE: dict[str, Any] = {"current": [], "tracks": {}}  # what older ones do not have


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something at at_s (bench clock), by whom; until_s: the latest time, where only bounds are known."""

    at_s: float
    by: str
    text: str
    until_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """One failure. waveform: of its trial; "" where no waveform belongs to the measurement; measurement: "" for the test
    itself, where it ended without one. frame: the one at t0, and the values of its signals: name, before, at t0. current:
    (bench clock in s, A) of each report of the BMS; tracks: what is shown below it.
    """

    test: str
    measurement: str
    waveform: str = ""
    t0_s: float
    until_s: float
    frame: str = ""
    values: list[list[str]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    current: list[list[float]] = field(default_factory=list)
    tracks: dict[str, list[Step]] = field(default_factory=dict)


def load_accounts(folder: Path, problems: list[str]) -> list[Account]:
    """Those of a run folder, in their order. problems: one line is added for each file that cannot be read."""
    found = []
    for path in sorted(folder.glob(PATTERN)):
        try:
            found.append(build(Account, _SINCE | dict(read_json(path)), str(path)))
        except BenchError as error:
            problems.append(str(error).replace("\n", " "))
        except (ValueError, TypeError) as error:
            problems.append(f"{path}: is no account of a failure: {error}")
    return found
