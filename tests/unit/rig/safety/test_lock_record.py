"""A record of a lock: its proof of life is the kernel's, what it says is checked, and what is unclear holds for a minute."""

import json
import os
import subprocess
import sys

import pytest

from v2g_bench.rig.safety import lock_record as lockrecord
from v2g_bench.rig.safety.lock_folder import LockFolder
from v2g_bench.rig.safety.lock_record import BENCH, EXPIRY_S, KEEPER, VERSION, Found, parse

SAID = {
    "version": VERSION,
    "resource": "VISA A",
    "rig": "bench-3",
    "process": {"pid": 4711, "started": 1},
    "since": "2026-01-01",
    "token": "00",
}


@pytest.fixture
def folder(tmp_path):
    with LockFolder.open(tmp_path, create=True) as locks:
        yield locks


@pytest.fixture
def published(folder):
    """A record that this process holds, by its descriptor."""
    name, handle, raw = lockrecord.publish(folder, ["a.json", "a.0.json"], SAID)
    yield name, handle, raw
    os.close(handle)


def found(*, locked=False, age_s=0.0, record=None):
    return Found("/locks/a.json", "alice", "a file", locked, age_s, record)


@pytest.mark.parametrize(
    ("seen", "in_use"),
    [
        (found(locked=True, age_s=1e9, record=Record), True)
        for Record in (None, parse(json.dumps(SAID).encode()))
    ]
    + [
        (found(record=parse(json.dumps(SAID).encode())), False),  # its processes have ended
        (found(record=parse(json.dumps(SAID | {"version": 1}).encode())), True),
        (found(record=parse(json.dumps(SAID | {"version": 1}).encode()), age_s=EXPIRY_S + 1), False),
        (found(), True),
        (found(age_s=EXPIRY_S + 1), False),
        (found(age_s=-1e9), True),  # the clock was set back: not free by mistake
    ],
)  # fmt: skip
def test_what_is_in_use(seen, in_use):
    assert seen.in_use is in_use


def test_who_wants_it_as_well_is_told_how_to_mend_it():
    reported = found().refusal("VISA A")
    assert reported.what == "is in use, its place is taken by a file of alice"
    assert "alice or root: rm -r /locks/a.json; it counts for 60 s more" in reported.hint
    reported = found(locked=True, record=parse(json.dumps(SAID).encode())).refusal("VISA A")
    assert reported.what == "is in use, held by alice (process 4711, rig bench-3) since 2026-01-01"
    assert "as soon as its processes have ended (/locks/a.json)" in reported.hint
    assert found(locked=True).by == "held by alice"


@pytest.mark.parametrize(
    "change",
    [
        *({key: value} for key in SAID for value in (None, [], {}, 1.5, True)),
        {"process": {"pid": 0}},
        {"process": {"pid": -1}},
        {"process": {"pid": 1 << 31}},
        {"process": {"pid": True}},
        {"process": {"pid": "4711"}},
        {"rig": "x" * 4001},
        {"rig": "\x1b[2J"},
        {"version": 3},
    ],
)
def test_a_record_with_a_wrong_value_is_none(change):
    assert parse(json.dumps(SAID).encode()) is not None
    assert parse(json.dumps(SAID | change).encode()) is None


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 9000, b'{"a":' * 3000, b"9" * 9000, b'{"rig": "\\ud800"}']
)
def test_what_is_no_record_is_none(raw):
    assert parse(raw) is None


def test_more_bytes_than_a_record_may_have_are_not_even_parsed(tmp_path):
    raw = json.dumps(SAID | {"more": "x" * lockrecord.MOST_BYTES}).encode()
    assert parse(raw) is None
    (tmp_path / "big").write_bytes(raw * 100)
    with (tmp_path / "big").open("rb") as file:
        assert len(lockrecord.content(file.fileno())) == lockrecord.MOST_BYTES + 1


def test_a_new_record_is_locked_and_takes_the_first_name_that_is_free(folder, published):
    name, handle, raw = published
    assert name == "a.json"
    assert parse(raw).rig == "bench-3"
    seen = lockrecord.look(folder, name, 0.0)
    assert (seen.locked, seen.record) == (True, parse(raw))
    assert not lockrecord.held_elsewhere(handle), "its own lock is not another's"
    second, other, _ = lockrecord.publish(folder, ["a.json", "a.0.json"], SAID)
    os.close(other)
    assert second == "a.0.json"
    assert not lockrecord.look(folder, second, 0.0).in_use


def test_nothing_is_left_of_a_record_that_could_not_be_written(folder, monkeypatch):
    monkeypatch.setattr(lockrecord.os, "write", lambda *_: 3)  # the disk is full
    with pytest.raises(OSError, match="could not be written whole"):
        lockrecord.publish(folder, ["a.json"], SAID)
    assert folder.names("a") == []


def test_run_and_supervisor_hold_it_each_for_itself_and_the_kernel_takes_it_from_a_killed_process(folder, published):
    name, handle, _ = published
    program = (
        "import os, sys, time\n"
        "from v2g_bench.rig.safety.lock_record import KEEPER, hold\n"
        "assert hold(os.open(sys.argv[1], os.O_RDWR), KEEPER)\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program, folder.path / name], stdout=subprocess.PIPE)
    try:
        assert supervisor.stdout.readline() == b"held\n"
        assert lockrecord.held_elsewhere(handle)
        assert not lockrecord.hold(handle, KEEPER)
        assert not lockrecord.clear(folder, name)
    finally:
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()
    assert not lockrecord.held_elsewhere(handle)
    assert lockrecord.look(folder, name, 0.0).locked, "the run goes on"


def test_only_what_nobody_holds_is_cleared(folder, published):
    name, handle, _ = published
    assert not lockrecord.clear(folder, name)
    assert folder.names(name) == [name]
    lockrecord.fcntl.fcntl(
        handle,
        lockrecord.fcntl.F_OFD_SETLK,
        lockrecord.struct.pack(lockrecord._STRUCT, lockrecord.fcntl.F_UNLCK, os.SEEK_SET, BENCH, 1, 0),
    )
    assert lockrecord.clear(folder, name)
    assert folder.names(name) == []


def test_a_record_that_has_another_file_s_name_meanwhile_is_not_removed(folder, published):
    name, handle, _ = published
    (folder.path / name).unlink()
    (folder.path / name).write_text("another's")
    lockrecord.remove(folder, name, handle)
    assert (folder.path / name).read_text() == "another's"
    (folder.path / name).unlink()
    lockrecord.remove(folder, name, handle)
