"""One rig, one user: what is locked, who is told what, when a lock is stale, and how its loss is noticed."""

import fcntl
import json
import os
import shutil
import time

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.safety import lock
from v2g_bench.rig.safety import lock_folder as lockfolder
from v2g_bench.rig.safety import lock_record as lockrecord
from v2g_bench.rig.safety.lock import keep, require_free, shared, take

METER = "VISA TCPIP::192.0.2.7::HISLIP0::INSTR"
CAN = "SocketCAN can0"


@pytest.fixture
def taken(tmp_path):
    """Takes locks in the folder of the test; whatever of them is still held at the end is closed."""
    made = []

    def take_them(*resources, rig="bench-3"):
        holding, notes = take(resources, rig, os.getpid(), tmp_path)
        made.append(holding)
        return holding, notes

    yield take_them
    for holding in made:
        abandon(holding)


def abandon(holding):
    """What the kernel does when the process that holds them has been killed."""
    while holding._held:
        os.close(holding._held.pop().handle)


def entry(place):
    (path,) = place.glob("*.json")
    return path, json.loads(path.read_text())


def aged(monkeypatch, by_s):
    """As if so much time had passed."""
    now = time.time
    monkeypatch.setattr(lock.time, "time", lambda: now() + by_s)


def require_refused(place, words="is in use"):
    with pytest.raises(BenchError, match=words):
        require_free([METER], place)
    with pytest.raises(BenchError, match=words):
        take([METER], "other", os.getpid(), place)


def test_an_emulated_rig_shares_nothing_and_hardware_what_is_wired():
    assert shared(load_rig("virtual").rig) == []
    found = shared(load_rig("hardware-example").rig)
    assert METER in found
    assert {"wire 17 of /dev/gpiochip0", "wire 27 of /dev/gpiochip0"} <= set(found)
    assert "inverter 192.0.2.9:502" in found
    assert "controller on ems.lab with the log /var/log/v2g-main.log" in found


def test_the_place_is_the_same_for_every_user_whatever_their_temporary_folders_are(monkeypatch):
    modes = {}
    monkeypatch.delenv(lock.FOLDER, raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp/user/1000")
    monkeypatch.setattr(lock, "_mode", lambda path: modes.get(str(path), 0))
    assert str(lock.folder()) == "/tmp/v2g-bench"
    modes["/run/lock"] = 0o40755  # root alone may make it, and has not made it for all
    assert str(lock.folder()) == "/tmp/v2g-bench"
    modes["/run/lock/v2g-bench"] = 0o41777
    assert str(lock.folder()) == "/run/lock/v2g-bench"
    modes.update({"/run/lock": 0o41777, "/run/lock/v2g-bench": 0})
    assert str(lock.folder()) == "/run/lock/v2g-bench"
    monkeypatch.setenv(lock.FOLDER, "/srv/locks")
    assert str(lock.folder()) == "/srv/locks"
    monkeypatch.setenv(lock.FOLDER, "")  # not the folder in which one happens to be
    assert str(lock.folder()) == "/run/lock/v2g-bench"


def test_the_second_is_told_who_and_since_when(tmp_path, taken):
    taken(METER)
    _, held = entry(tmp_path)
    user = held["owner"].partition("@")[0]
    for attempt in (
        lambda: take([CAN, METER], "other", os.getpid(), tmp_path),
        lambda: require_free([METER], tmp_path),
    ):
        with pytest.raises(BenchError) as reported:
            attempt()
        assert str(reported.value).startswith(
            f"{METER}: is in use, held by {user} (process {os.getpid()}, rig bench-3)"
        )
        assert f"since {held['since']}" in str(reported.value)
    assert len(list(tmp_path.glob("*.json"))) == 1, "all or none: the free one was not taken"


def test_given_back_it_is_free(tmp_path, taken):
    holding, notes = taken(METER, CAN)
    assert notes == []
    holding.release()
    assert list(tmp_path.glob("*.json")) == []
    require_free([METER, CAN], tmp_path)
    assert taken(METER)[1] == []


def test_only_its_owner_may_write_a_record_and_all_may_read_it(tmp_path, taken):
    old = os.umask(0o077)
    try:
        taken(METER)
    finally:
        os.umask(old)
    assert entry(tmp_path)[0].stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "guard").stat().st_mode & 0o777 == 0o644


def test_a_lock_of_processes_that_have_ended_is_taken_over_with_a_note(tmp_path, taken):
    holding, _ = taken(METER)
    _, held = entry(tmp_path)
    abandon(holding)
    require_free([METER], tmp_path)
    again, (note,) = taken(METER, rig="other")
    assert note.startswith(f"took over {METER}, held by ")
    assert held["since"] in note
    assert entry(tmp_path)[1]["rig"] == "other"
    assert again.lost() == ""


def test_the_keeper_alone_keeps_it_and_gives_it_back(tmp_path, taken):
    holding, _ = taken(METER)
    holder_pid = keep(holding.paths, holding.token)
    abandon(holding)
    require_refused(tmp_path)
    holder_pid.release()
    assert list(tmp_path.glob("*.json")) == []
    require_free([METER], tmp_path)


def test_the_run_that_has_given_back_leaves_the_record_to_its_keeper(tmp_path, taken):
    holding, _ = taken(METER)
    holder_pid = keep(holding.paths, holding.token)
    holding.release()
    require_refused(tmp_path)
    assert holder_pid.lost() == ""
    holder_pid.release()
    require_free([METER], tmp_path)


def test_it_does_not_expire_while_its_processes_live_whatever_the_clock_says(tmp_path, taken, monkeypatch):
    taken(METER)
    aged(monkeypatch, 1e6)
    require_refused(tmp_path)
    aged(monkeypatch, -2e9)
    require_refused(tmp_path)


def removed(path):
    path.unlink()


def exchanged(path):
    text = path.read_text()
    path.unlink()
    path.write_text(text)


def rewritten(path):
    path.write_text(json.dumps(json.loads(path.read_text()) | {"token": "another"}))


def emptied(path):
    path.write_text("")


def linked(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def folder_exchanged(path):
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.mkdir()
    shutil.copy(path.parent.with_name("moved") / path.name, path)


def folder_linked(path):
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to(path.parent.with_name("moved"))


@pytest.mark.parametrize("byte", ["run", "supervisor"])
@pytest.mark.parametrize(
    ("attack", "word"),
    [
        (removed, "has been removed"),
        (exchanged, "is now another's, of "),
        (rewritten, "has been changed"),
        (emptied, "has been changed"),
        (linked, "is now another's"),
        (folder_exchanged, "is now another's"),
        (folder_linked, "no link is followed"),
    ],
)
def test_the_loss_of_a_lock_is_noticed_and_another_s_record_is_left_alone(tmp_path, attack, word, byte):
    place = tmp_path / "locks"
    holding, _ = take([METER], "bench-3", os.getpid(), place)
    watched = holding if byte == "run" else keep(holding.paths, holding.token)
    assert watched.lost() == ""
    path, _ = entry(place)
    attack(path)
    assert word in watched.lost()
    assert watched.lost().startswith(f"the lock on {METER} is lost: {path} ")
    left = {one: one.lstat().st_ino for one in tmp_path.rglob("*.json")}
    with pytest.raises(BenchError, match="is lost"):
        watched.release()
    if attack not in (rewritten, emptied):  # those are still its own file
        assert {one: one.lstat().st_ino for one in tmp_path.rglob("*.json")} == left
    abandon(holding)


def test_what_another_has_taken_over_cannot_be_kept(tmp_path, taken):
    holding, _ = taken(METER)
    with pytest.raises(BenchError, match="it is not this run's"):
        keep(holding.paths, "another")
    holding.paths[0].unlink()
    with pytest.raises(BenchError, match="No such file"):
        keep(holding.paths, holding.token)


def test_a_reader_that_locks_a_record_is_no_run_but_keeps_its_supervisor_from_it(tmp_path, taken):
    holding, _ = taken(METER)
    path, _ = entry(tmp_path)
    with path.open("rb") as reader:
        fcntl.fcntl(
            reader,
            fcntl.F_OFD_SETLK,
            lockrecord.struct.pack(lockrecord._STRUCT, fcntl.F_RDLCK, 0, lockrecord.KEEPER, 1, 0),
        )
        with pytest.raises(BenchError, match="cannot be kept: another process has locked it"):
            keep(holding.paths, holding.token)
        abandon(holding)
        require_free([METER], tmp_path)


def test_two_that_begin_together_without_a_guard_never_both_go_on(tmp_path, taken, monkeypatch):
    """The guard is exchanged under a run, and another takes the lock after the first has looked."""
    publish = lockrecord.publish

    def late(*arguments):
        monkeypatch.setattr(lockrecord, "publish", publish)
        (tmp_path / "guard").unlink()
        taken(METER, rig="the other")
        return publish(*arguments)

    monkeypatch.setattr(lockrecord, "publish", late)
    with pytest.raises(BenchError, match="held by .* rig the other"):
        taken(METER, rig="the first")
    assert entry(tmp_path)[1]["rig"] == "the other"


def test_a_folder_without_locks_and_no_folder_are_free_and_nothing_is_made(tmp_path):
    require_free([METER], tmp_path / "none")
    require_free([METER], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_hold_needs_no_place(tmp_path):
    holding, notes = take([], "virtual", os.getpid(), tmp_path / "none")
    assert holding.lost() == ""
    holding.release()
    assert (notes, holding.paths, (tmp_path / "none").exists()) == ([], [], False)


def test_a_place_that_cannot_be_used_is_said(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(BenchError, match="cannot hold the locks of the rigs: it is a file of .*no link is followed"):
        take([METER], "bench-3", os.getpid(), place)
    with pytest.raises(BenchError, match="cannot hold the locks of the rigs"):
        require_free([METER], place)


def test_what_is_in_a_rig_s_name_does_not_reach_a_terminal(tmp_path, taken):
    taken(METER, rig="a\x1b[2Jb\n" + "x" * 5000)
    with pytest.raises(BenchError) as reported:
        require_free([METER], tmp_path)
    assert "rig a?[2Jb?xxx" in reported.value.what
    assert len(reported.value.what) < 1200


def former(place, **changes):
    """A record as the former version wrote it, of processes that live, fresh."""
    process = {"pid": os.getpid(), "started": lock._started(os.getpid())}
    message = {
        "resource": METER,
        "rig": "bench-3",
        "owner": "root@lab",
        "process": process,
        "keeper": process,
        "boot": lock._boot_id(),
        "since": "2026-01-01T00:00:00+00:00",
        "until": time.time() + 60,
        "token": "0123456789abcdef",
    }
    path = place / f"{lock._key(METER)}.json"
    path.write_text(json.dumps(message | changes))
    path.chmod(0o666)
    return path


def test_a_run_of_the_former_version_is_respected_for_as_long_as_it_refreshes(tmp_path, taken, monkeypatch):
    former(tmp_path)
    require_refused(tmp_path, f"held by .* \\(process {os.getpid()}, rig bench-3\\) since 2026-01-01")
    with monkeypatch.context() as later:
        aged(later, lockrecord.EXPIRY_S - 5)
        require_refused(tmp_path)
    with monkeypatch.context() as later:
        aged(later, lockrecord.EXPIRY_S + 5)
        require_free([METER], tmp_path)
        _, (note,) = taken(METER)
    assert note.startswith(f"took over {METER}, held by ")


def test_a_run_of_the_former_version_respects_one_of_this(tmp_path, taken):
    taken(METER)
    _, held = entry(tmp_path)  # the former version reads this very name
    assert (tmp_path / f"{lock._key(METER)}.json").exists()
    assert held["until"] > time.time() + 86_400
    assert held["boot"] == lock._boot_id()
    assert held["process"] == {"pid": os.getpid(), "started": lock._started(os.getpid())}


def test_what_cannot_be_removed_stays_and_is_said(tmp_path, taken, monkeypatch):
    abandon(taken(METER)[0])
    monkeypatch.setattr(lockrecord, "clear", lambda *_: False)  # as in a sticky folder, of another user
    holding, (note,) = taken(METER)
    assert "stays until" in note
    assert len(list(tmp_path.glob("*.json"))) == 2
    assert holding.lost() == ""
    require_refused(tmp_path)


FORGED = {
    "empty": "",
    "broken": "{",
    "no object": "[1, 2]",
    "deep": "[" * 100_000,
    "deep, small": "[" * 9000,
    "huge": '{"until": 1e300, "rig": "' + "x" * 2_000_000 + '"}',
    "binary": "\x00\xff" * 500,
    "numbers of thousands of digits": '{"until": ' + "9" * 9000 + "}",
    "not a number": '{"until": NaN, "process": {"pid": NaN}}',
}
CHANGES = {
    "far future": {"until": 1e300},
    "no number": {"until": "for ever"},
    "a list of processes": {"process": {"pid": [1, 2], "started": 1}, "keeper": {"pid": [1], "started": 1}},
    "no process": {"process": 7, "keeper": None},
    "a process without end": {"process": {"pid": 10**40, "started": 1}},
    "process 1": {"process": {"pid": 1, "started": lock._started(1)}, "until": 1e18, "boot": lock._boot_id()},
    "a path as process": {"process": {"pid": "../../etc/passwd"}},
    "control characters": {"rig": "\x1b[2J", "owner": "\n"},
    "another kernel": {"boot": "another", "until": 1e12},
    "another version": {"version": 3},
    "version of the wrong type": {"version": [2]},
    "nested": {"rig": {"a": [{}] * 1000}},
}


@pytest.mark.parametrize("name", [*FORGED, *CHANGES])
def test_a_forged_record_is_refused_at_first_and_ages_out(tmp_path, taken, monkeypatch, name):
    if name in FORGED:
        path = former(tmp_path)
        path.write_text(FORGED[name])
    else:
        path = former(tmp_path, **CHANGES[name])
    require_refused(tmp_path, f"(?s)is in use, (held by|its place is taken by a file of) .*rm -r {path}")
    aged(monkeypatch, lockrecord.EXPIRY_S + 5)
    holding, (note,) = taken(METER)
    assert note.startswith(f"took over {METER}, ")
    assert "\x1b" not in note
    assert holding.lost() == ""


def make_fifo(path):
    os.mkfifo(path)


def make_link(path):
    path.symlink_to("/etc/passwd")


def make_dangling_link(path):
    path.symlink_to("/nowhere/at/all")


def make_loop(path):
    path.symlink_to(path.name)


def make_folder(path):
    path.mkdir()
    (path / "inside").write_text("")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [make_fifo, make_link, make_dangling_link, make_loop, make_folder])
def test_what_is_no_file_under_the_name_of_a_lock_is_refused_ages_out_and_is_left_alone(
    tmp_path, taken, monkeypatch, make
):
    path = tmp_path / f"{lock._key(METER)}.json"
    make(path)
    before = path.lstat()
    require_refused(tmp_path, "its place is taken by a (FIFO|symbolic link|folder) of ")
    aged(monkeypatch, lockrecord.EXPIRY_S + 5)
    holding, (note,) = taken(METER)
    assert f"{path} stays until" in note
    assert path.lstat() == before
    require_refused(tmp_path, "rig bench-3")
    assert holding.paths[0] != path


def test_a_flood_of_names_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(lockfolder, "MOST_ENTRIES", 20)
    for number in range(21):
        (tmp_path / f"{number}").touch()
    require_refused(tmp_path, "it is flooded: more than 20 entries")
