"""Waveforms against trials, their time base, and the battery's own current."""

import dataclasses
import shutil

import can
import numpy as np
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.verify.waveforms import check_waveforms


def found(run, folder):
    result = Verification()
    check_waveforms(folder, run, result)
    return [(one.kind, one.where.partition(" (")[0]) for one in result.findings], result


@pytest.fixture
def run(kept, tmp_path):
    return kept.kept_run(tmp_path)


def rewrite(folder, name, change):
    with np.load(folder / name) as file:
        entries = {key: file[key] for key in file.files}
    np.savez_compressed(folder / name, **(entries | change(entries)))


def current(kept, folder, ms):
    """A capture in which the battery shows its current for so long behind each t0."""
    import json

    db = BusDatabase.load(folder / "database/bus.dbc", json.loads((folder / "database/roles.json").read_text()))
    name = db.message_of("pack_current").name
    with can.BLFWriter(folder / "main.blf") as writer:
        for trial in (1, 2):
            for step in range(-2, 5):
                at_s = 0.02 * step + 0.001
                message = db.encode(name, {"pack_current": -7.5 if at_s < ms / 1000 else 0.0}, step % 200)
                message.timestamp, message.channel = kept.WALL_S + 1000.0 + trial + at_s, None
                writer.on_message_received(message)


def test_each_waveform_of_a_trial_fits(run, kept, tmp_path):
    current(kept, tmp_path, 23.0)
    wrong, result = found(run, tmp_path)
    assert wrong == []
    assert "current on the bus against 2 waveforms" in result.done


def test_a_current_on_the_bus_that_the_waveform_lacks_is_found(run, kept, tmp_path):
    current(kept, tmp_path, 81.0)
    wrong, result = found(run, tmp_path)
    assert [kind for kind, _ in wrong] == ["waveform"] * 2
    assert all("was a piece cut out?" in one.text for one in result.findings)
    real = found(dataclasses.replace(run, evidence="hardware"), tmp_path)[1]
    assert (real.findings, len(real.notes)) == ([], 2)


def test_one_of_no_trial_one_of_two_and_one_that_is_missing_are_found(run, tmp_path):
    shutil.copyfile(tmp_path / "waveforms/0001.npz", tmp_path / "waveforms/0004.npz")
    assert found(run, tmp_path)[0] == [("waveform", "waveforms/0004.npz"), ("waveform", "waveforms/0003.npz")]


def test_one_that_two_trials_have_is_found(run, tmp_path):
    assert ("waveform", "waveforms/0001.npz") in found(twice(run), tmp_path)[0]


def twice(run):
    (one,) = run.requirements
    (test,) = one.tests
    (m,) = test.measurements
    trials = [dataclasses.replace(trial, waveform="waveforms/0001.npz") for trial in m.trials]
    test = dataclasses.replace(test, measurements=[dataclasses.replace(m, trials=trials)])
    return dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=[test])])


def test_one_that_its_test_set_aside_is_said_to_be_so(run, tmp_path):
    shutil.copyfile(tmp_path / "waveforms/0001.npz", tmp_path / "waveforms/0003.npz")
    (one,) = run.requirements
    tests = [dataclasses.replace(one.tests[0], aside=["waveforms/0003.npz"])]
    aside = dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=tests)])
    wrong, result = found(aside, tmp_path)
    assert (wrong, len(result.notes)) == ([], 1)
    (tmp_path / "waveforms/0003.npz").unlink()
    assert found(aside, tmp_path)[0] == [("waveform", "waveforms/0003.npz")]


@pytest.mark.parametrize(
    "change",
    [
        lambda file: {"samples": np.full(7500, np.nan)},
        lambda file: {"dt_s": -2e-5},
        lambda file: {"samples": file["samples"][:2500]},
        lambda file: {"start_s": np.nan},
    ],
)
def test_a_time_base_with_gaps_is_found(run, tmp_path, change):
    rewrite(tmp_path, "waveforms/0001.npz", change)
    assert found(run, tmp_path)[0] != []
