"""Runs with their folders, and what one check of verify finds in them."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run

Check = Callable[[Path, Run, Verification], None]


def result_of(check: Check) -> Callable[[Run, Path], Verification]:
    """The check as a function of a run and its folder."""

    def result(run: Run, folder: Path) -> Verification:
        found = Verification()
        check(folder, run, found)
        return found

    return result


def texts_of(check: Check) -> Callable[[Run, Path], list[str]]:
    """The texts of what the check finds, likewise."""
    result = result_of(check)
    return lambda run, folder: [one.text for one in result(run, folder).findings]


@pytest.fixture
def real(kept: ModuleType, tmp_path: Path) -> Run:
    """A run with hardware, whose folder is `tmp_path`."""
    return kept.hardware(kept.kept_run(tmp_path), tmp_path)
