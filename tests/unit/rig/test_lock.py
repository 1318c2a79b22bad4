"""One rig, one user: what is locked, who is told what, and when a lock is stale."""

import json
import os
import subprocess
import sys
import time

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig import lock
from v2g_bench.rig.load import load_rig
from v2g_bench.rig.lock import EXPIRY_S, Holding, require_free, shared, take

METER = "VISA TCPIP::192.0.2.7::HISLIP0::INSTR"
CAN = "SocketCAN can0"


@pytest.fixture
def gone():
    """A process id that has been given back."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def entry(place):
    (path,) = place.glob("*.json")
    return path, json.loads(path.read_text())


def test_an_emulated_rig_shares_nothing_and_hardware_what_is_wired():
    assert shared(load_rig("virtual").rig) == []
    found = shared(load_rig("hardware-example").rig)
    assert METER in found
    assert {"wire 17 of /dev/gpiochip0", "wire 27 of /dev/gpiochip0"} <= set(found)
    assert "inverter 192.0.2.9:502" in found
    assert "controller on ems.lab with the log /var/log/v2g-main.log" in found


def test_the_second_is_told_who_and_since_when(tmp_path):
    take([METER], "bench-3", os.getpid(), tmp_path)
    _, held = entry(tmp_path)
    for attempt in (
        lambda: take([CAN, METER], "other", os.getpid(), tmp_path),
        lambda: require_free([METER], tmp_path),
    ):
        with pytest.raises(BenchError) as told:
            attempt()
        assert str(told.value).startswith(
            f"{METER}: is in use, held by {held['owner']} (process {os.getpid()}, rig bench-3)"
        )
        assert f"since {held['since']}" in str(told.value)
    assert len(list(tmp_path.glob("*.json"))) == 1, "all or none: the free one was not taken"


def test_given_back_it_is_free(tmp_path):
    holding, notes = take([METER, CAN], "bench-3", os.getpid(), tmp_path)
    assert notes == []
    holding.release()
    require_free([METER, CAN], tmp_path)
    assert take([METER], "other", os.getpid(), tmp_path)[1] == []


def test_a_lock_of_processes_that_have_ended_is_taken_over_with_a_note(tmp_path, gone):
    take([METER], "bench-3", gone, tmp_path)
    path, held = entry(tmp_path)
    require_refused(tmp_path)  # this process, its owner, lives
    path.write_text(json.dumps(held | {"process": {"pid": gone, "started": 1}}))
    _, (note,) = take([METER], "other", os.getpid(), tmp_path)
    assert note.startswith(f"took over {METER}, held by ")
    assert held["since"] in note


def test_the_keeper_alone_keeps_it(tmp_path, gone):
    take([METER], "bench-3", os.getpid(), tmp_path)
    path, held = entry(tmp_path)
    path.write_text(json.dumps(held | {"process": {"pid": gone, "started": 1}}))
    require_refused(tmp_path)


def test_a_number_that_was_given_to_another_process_keeps_nothing(tmp_path):
    take([METER], "bench-3", os.getpid(), tmp_path)
    path, held = entry(tmp_path)
    another = {"pid": os.getpid(), "started": held["process"]["started"] + 1}
    path.write_text(json.dumps(held | {"process": another, "keeper": another}))
    require_free([METER], tmp_path)


def test_it_expires_unless_it_is_refreshed(tmp_path, monkeypatch):
    holding, _ = take([METER], "bench-3", os.getpid(), tmp_path)
    path, held = entry(tmp_path)
    path.write_text(json.dumps(held | {"until": time.time() - 1}))
    require_free([METER], tmp_path)
    holding.refresh()  # too soon after it was taken
    require_free([METER], tmp_path)
    monkeypatch.setattr(lock, "REFRESH_S", 0.0)
    holding.refresh()
    require_refused(tmp_path)
    assert entry(tmp_path)[1]["until"] > time.time() + EXPIRY_S - 5


def test_what_another_has_taken_over_is_neither_refreshed_nor_given_back(tmp_path, monkeypatch):
    holding, _ = take([METER], "bench-3", os.getpid(), tmp_path)
    path, held = entry(tmp_path)
    path.write_text(json.dumps(held | {"token": "another", "rig": "other"}))
    before = path.read_text()
    monkeypatch.setattr(lock, "REFRESH_S", 0.0)
    holding.refresh()
    holding.release()
    assert path.read_text() == before


def test_a_lock_of_another_kernel_is_only_judged_by_its_time(tmp_path, gone):
    take([METER], "bench-3", gone, tmp_path)
    path, held = entry(tmp_path)
    path.write_text(json.dumps(held | {"boot": "another", "process": {"pid": gone, "started": 1}}))
    require_refused(tmp_path)


def test_a_broken_lock_file_locks_nothing(tmp_path):
    take([METER], "bench-3", os.getpid(), tmp_path)
    path, _ = entry(tmp_path)
    path.write_text("{")
    require_free([METER], tmp_path)


def test_a_place_that_cannot_be_used_is_said(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(BenchError, match="cannot hold the locks of the rigs"):
        take([METER], "bench-3", os.getpid(), place)


def test_nothing_to_hold_needs_no_place(tmp_path):
    holding, notes = take([], "virtual", os.getpid(), tmp_path / "none")
    holding.refresh()
    holding.release()
    assert (notes, (tmp_path / "none").exists()) == ([], False)
    assert isinstance(holding, Holding)


def require_refused(place):
    with pytest.raises(BenchError, match="is in use"):
        require_free([METER], place)
