"""The locks against another user of the machine, who is not root: he can keep a run from beginning, and nothing more.

Needs root, to become those users; each of them is a process of its own.
"""

import contextlib
import fcntl
import functools
import json
import os
import shutil
import signal
import stat
import tempfile
import time
import traceback
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.safety import lock
from v2g_bench.rig.safety import lock_record as lockrecord
from v2g_bench.rig.safety.lock import require_free, take
from v2g_bench.rig.safety.lock_folder import GUARD_S

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(os.geteuid() != 0, reason="attacks as another user: run it as root, which can become one"),
]

METER = "VISA TCPIP::192.0.2.7::HISLIP0::INSTR"
ALICE, BOB, MALLORY = 64_001, 64_002, 64_003  # nobody's, so that each is shown by its number
END_S = 30.0


class Person:
    """A process of another user that does one thing, says what came of it, and then waits to be ended."""

    def __init__(self, uid, act):
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._read)
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                os.write(write, json.dumps(["done", act()]).encode())
            except (OSError, BenchError) as error:
                os.write(write, json.dumps([type(error).__name__, str(error)]).encode())
            except BaseException:  # noqa: BLE001  (a fork of pytest must not go on as one)
                os.write(write, json.dumps(["broken", traceback.format_exc()]).encode())
            os.close(write)
            signal.pause()
        os.close(write)

    @functools.cached_property
    def _answer(self):
        with os.fdopen(self._read) as answer:
            result, message = json.load(answer)
        assert result != "broken", message
        return result, message

    @property
    def result(self):
        """`done`, or the name of the error; waits for it."""
        return self._answer[0]

    @property
    def message(self):
        """What it returned, or the words of the error."""
        return self._answer[1]

    def end(self):
        """As kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.ended = True

    ended = False


@pytest.fixture
def person():
    """Starts processes of other users; they are ended at the end."""
    made = []

    def start(uid, act):
        made.append(Person(uid, act))
        return made[-1]

    yield start
    for one in made:
        if not one.ended:
            one.end()


@pytest.fixture
def place():
    """The folder of the locks, not made yet, where every user can reach it and only root could exchange it."""
    above = Path(tempfile.mkdtemp(dir="/tmp"))
    above.chmod(0o1777)
    yield above / "v2g-bench"
    shutil.rmtree(above)


@pytest.fixture
def secret(tmp_path):
    """A folder and a file that only root may use; unchanged at the end."""
    (tmp_path / "secret").mkdir(mode=0o700)
    file = tmp_path / "secret" / "file"
    file.write_text("private")
    file.chmod(0o600)
    yield file
    assert (mode(file), mode(file.parent), file.read_text()) == (0o600, 0o700, "private")
    assert list(file.parent.iterdir()) == [file]


@pytest.fixture
def mine():
    """Takes the lock as root; given up at the end."""
    made = []

    def take_it(place):
        made.append(take([METER], "root's", os.getpid(), place))
        return made[-1]

    yield take_it
    for holding, _ in made:
        for held in holding._held:
            os.close(held.handle)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def taking(place, rig="theirs"):
    """What a run of another user does, and what it was told."""

    def act():
        holding, notes = take([METER], rig, os.getpid(), place)
        return [[str(path) for path in holding.paths], notes]

    return act


def replace_with_own(path):
    own = path.with_name("own")
    own.touch()
    own.replace(path)


def refused(one, *words):
    assert one.result == "BenchError", one.message
    for word in words:
        assert word in one.message


def test_a_live_lock_can_neither_be_removed_nor_changed_and_excludes_every_user(place, person, mine):
    holding, notes = mine(place)
    (path,) = holding.paths
    assert (notes, mode(place), place.stat().st_uid) == ([], 0o1777, 0)
    attacks = {
        "unlink": path.unlink,
        "rename": lambda: path.rename(place / "elsewhere"),
        "write": lambda: path.write_text("{}"),
        "chmod": lambda: path.chmod(0o666),
        "truncate": lambda: os.truncate(path, 0),
        "replace": lambda: replace_with_own(path),
        "folder's mode": lambda: place.chmod(0o777),
        "folder": lambda: place.rename(place.parent / "moved"),
        "age": lambda: os.utime(path, (0, 0)),
    }
    for name, attack in attacks.items():
        assert person(MALLORY, attack).result == "PermissionError", name
    assert holding.lost() == ""
    refused(person(ALICE, taking(place)), f"{METER}: is in use, held by root (process {os.getpid()}, rig root's) since")


def test_users_exclude_each_other_and_a_killed_run_leaves_nothing_that_counts(place, person):
    (place.parent / "v2g-bench").mkdir()
    place.chmod(0o1777)
    alice = person(ALICE, taking(place, "alice's"))
    (path,), notes = alice.message
    assert notes == []
    assert Path(path).stat().st_uid == ALICE
    refused(person(BOB, taking(place)), f"held by uid {ALICE} (process {alice.pid}, rig alice's) since")
    with pytest.raises(BenchError, match=f"held by uid {ALICE}"):
        require_free([METER], place)
    alice.end()
    bob = person(BOB, taking(place, "bob's"))
    (other,), (note,) = bob.message
    assert other != path
    assert note.startswith(f"took over {METER}, held by uid {ALICE} (process {alice.pid}, rig alice's) since")
    assert f"{path} stays until uid {ALICE} or root removes it" in note
    refused(person(ALICE, taking(place)), f"held by uid {BOB} (process {bob.pid}, rig bob's) since")


@pytest.mark.parametrize("victim", ["root", "another user"])
def test_no_link_turns_a_file_or_folder_of_another_into_one_for_all(place, person, secret, victim):
    uid = 0 if victim == "root" else ALICE
    assert person(MALLORY, lambda: place.symlink_to(secret.parent)).result == "done"
    one = person(uid, taking(place))
    refused(one, f"{place}: cannot hold the locks of the rigs: it is a symbolic link of uid {MALLORY}")
    place.unlink()
    place.mkdir()
    place.chmod(0o1777)
    assert person(MALLORY, lambda: (place / "guard").symlink_to(secret)).result == "done"
    one = person(uid, taking(place))
    refused(one, f"{place / 'guard'}: cannot be used: is a symbolic link (of uid {MALLORY})", "rm -r")
    (place / "guard").unlink()
    with contextlib.suppress(OSError):  # most kernels refuse it: fs.protected_hardlinks
        os.link(secret, place / "guard")
    assert person(uid, taking(place)).result == ("done" if victim == "root" else "BenchError")


def test_a_record_that_is_a_link_opens_no_file_of_root(place, person, secret):
    place.mkdir()
    place.chmod(0o1777)
    name = place / f"{lock._key(METER)}.json"
    secret.write_text(json.dumps({"token": "x"}))
    before = secret.stat()
    assert person(MALLORY, lambda: name.symlink_to(secret)).result == "done"
    with pytest.raises(BenchError, match=f"its place is taken by a symbolic link of uid {MALLORY}"):
        take([METER], "root's", os.getpid(), place)
    assert secret.stat().st_atime_ns == before.st_atime_ns
    secret.write_text("private")


def test_a_guard_that_is_held_keeps_a_run_for_a_bounded_time_and_its_holder_is_named(place, person, mine):
    mine(place)
    supervisor = place / "guard"

    def hold():
        fcntl.flock(os.open(supervisor, os.O_RDONLY), fcntl.LOCK_EX)

    mallory = person(MALLORY, hold)
    assert mallory.result == "done"
    begun_s = time.monotonic()
    alice = person(ALICE, taking(place))
    assert alice.result == "BenchError"
    assert GUARD_S <= time.monotonic() - begun_s < GUARD_S + 10
    refused(
        alice,
        f"{supervisor}: another process holds it, for {GUARD_S:g} s now: process {mallory.pid} (",
        f"of uid {MALLORY}",
    )


def test_a_lock_of_his_own_is_an_error_that_names_him(place, person):
    place.mkdir()
    place.chmod(0o1777)
    mallory = person(MALLORY, taking(place, "root's"))
    assert mallory.result == "done"
    with pytest.raises(BenchError, match=f"held by uid {MALLORY} \\(process {mallory.pid}, rig root's\\)"):
        take([METER], "root's", os.getpid(), place)
    mallory.end()
    holding, (note,) = take([METER], "root's", os.getpid(), place)
    assert f"held by uid {MALLORY}" in note
    holding.release()


def test_a_forged_record_in_the_name_of_root_counts_for_a_minute_and_names_him(place, person, monkeypatch):
    place.mkdir()
    place.chmod(0o1777)
    path = place / f"{lock._key(METER)}.json"
    process = {"pid": 1, "started": lock._started(1)}
    message = {"resource": METER, "rig": "x", "owner": "root@lab", "process": process, "keeper": process}
    message |= {"boot": lock._boot_id(), "since": "now", "until": 1e300, "token": "0"}
    assert person(MALLORY, lambda: path.write_text(json.dumps(message))).result == "done"
    with pytest.raises(BenchError) as reported:
        take([METER], "root's", os.getpid(), place)
    assert f"held by uid {MALLORY} (process 1, rig x)" in str(reported.value)
    assert f"uid {MALLORY} or root: rm -r {path}" in reported.value.hint
    now = time.time
    monkeypatch.setattr(lock.time, "time", lambda: now() + lockrecord.EXPIRY_S + 5)
    holding, _ = take([METER], "root's", os.getpid(), place)
    assert holding.lost() == ""
    holding.release()


def former(place, owner):
    """The folder of the former version, as a user or root had made it."""
    place.mkdir()
    place.chmod(0o777)
    (place / "guard").touch()
    (place / "guard").chmod(0o666)
    for path in (place, place / "guard"):
        os.chown(path, owner, owner)


@pytest.mark.parametrize("owner", [0, ALICE])
def test_root_takes_a_folder_of_the_former_version_over_with_the_locks_that_live_in_it(place, person, owner):
    former(place, owner)
    path = place / f"{lock._key(METER)}.json"
    path.write_text(json.dumps({"resource": METER, "rig": "old", "token": "1", "until": time.time() + 60}))
    os.chown(path, BOB, BOB)
    with pytest.raises(BenchError, match=f"is in use, .* of uid {BOB}"):
        take([METER], "root's", os.getpid(), place)
    assert (mode(place), place.stat().st_uid) == (0o1777, 0)
    assert mode(path) == 0o644, "nothing of another's has another mode"
    assert person(MALLORY, path.unlink).result == "PermissionError"
    path.unlink()
    assert person(ALICE, taking(place)).result == "done"


def test_its_owner_takes_it_over_as_far_as_he_can_and_others_are_told(place, person):
    former(place, ALICE)
    refused(
        person(BOB, taking(place)),
        f"{place}: is of uid {ALICE}, and others may remove a lock that is held: mode 0777",
        f"uid {ALICE} or root: chmod 1777 {place}",
    )
    assert mode(place) == 0o777
    alice = person(ALICE, taking(place))
    assert alice.result == "done"
    assert mode(place) == 0o1777
    refused(person(BOB, taking(place)), f"held by uid {ALICE}")
    alice.end()
    _, notes = person(BOB, taking(place)).message
    assert f"the locks are in {place}, which uid {ALICE} could exchange: for root: chown root {place}" in notes


def test_root_takes_no_other_folder_over(place):
    place.mkdir()
    place.chmod(0o777)
    (place / "letters").touch()
    os.chown(place, ALICE, ALICE)
    with pytest.raises(BenchError, match=f"is of uid {ALICE}, and others may remove"):
        take([METER], "root's", os.getpid(), place)
    assert (mode(place), place.stat().st_uid) == (0o777, ALICE)


@pytest.mark.parametrize("attack", ["removed", "exchanged", "folder exchanged"])
def test_what_the_owner_of_the_folder_does_to_a_lock_is_noticed(place, person, attack):
    """Alice runs in a folder of Mallory, as its note says; she asks until her lock is lost."""
    place.mkdir()
    place.chmod(0o1777)
    os.chown(place, MALLORY, MALLORY)
    reported = place.parent / "told"
    reported.mkdir()
    reported.chmod(0o777)

    def alice():
        holding, _ = take([METER], "alice's", os.getpid(), place)
        assert holding.lost() == ""
        (reported / "held").touch()
        until_s = time.monotonic() + END_S
        while not (lost := holding.lost()) and time.monotonic() < until_s:
            time.sleep(0.01)
        return lost

    def mallory():
        until_s = time.monotonic() + END_S
        while not (reported / "held").exists():
            assert time.monotonic() < until_s
            time.sleep(0.01)
        (path,) = place.glob("*.json")
        if attack == "folder exchanged":
            place.rename(place.with_name("moved"))
            place.mkdir()
        else:
            text = path.read_text()
            path.unlink()
            if attack == "exchanged":
                path.write_text(text)

    held = person(ALICE, alice)
    assert person(MALLORY, mallory).result == "done"
    assert held.message.startswith(f"the lock on {METER} is lost: {place}/")
    assert ("is now another's, of uid " if attack == "exchanged" else "has been removed") in held.message
