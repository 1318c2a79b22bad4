"""The folder of the locks: no link is followed on the way or in it, its mode is checked, and no wait is without end."""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.safety import lock_folder as lockfolder
from v2g_bench.rig.safety.lock_folder import GUARD, LockFolder


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def opened(path, *, create=True):
    with LockFolder.open(path, create=create) as locks:
        return locks.doubts


@pytest.fixture
def secret(tmp_path):
    """A folder and a file that are nobody else's business; unchanged at the end."""
    folder = tmp_path / "secret"
    folder.mkdir(mode=0o700)
    (folder / "file").write_text("private")
    (folder / "file").chmod(0o600)
    yield folder
    assert mode(folder) == 0o700
    assert mode(folder / "file") == 0o600
    assert (folder / "file").read_text() == "private"
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_it_is_made_for_all_users_each_with_his_own_files_whatever_the_umask(tmp_path, umask):
    old = os.umask(umask)
    try:
        assert opened(tmp_path / "a" / "locks") == []
    finally:
        os.umask(old)
    assert mode(tmp_path / "a" / "locks") == 0o1777
    assert not mode(tmp_path / "a") & 0o022


def test_one_that_is_not_there_is_not_made_to_look_into_it(tmp_path):
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "a" / "locks", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("old", [0o777, 0o775, 0o722])
def test_an_own_folder_of_the_former_version_is_taken_over_by_its_sticky_bit_alone(tmp_path, old):
    tmp_path.chmod(old)
    assert opened(tmp_path) == []
    assert mode(tmp_path) == old | stat.S_ISVTX


@pytest.mark.parametrize("kept", [0o700, 0o755, 0o1777, 0o1770, 0o3775])
def test_one_that_is_safe_keeps_its_mode(tmp_path, kept):
    tmp_path.chmod(kept)
    assert opened(tmp_path) == []
    assert mode(tmp_path) == kept


def test_an_unsafe_one_of_another_user_is_refused_by_name_with_the_mend(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    owner = lockfolder.user(os.geteuid())
    monkeypatch.setattr(lockfolder.os, "geteuid", lambda: 4711)
    with pytest.raises(BenchError) as reported:
        opened(tmp_path)
    assert f"is of {owner}, and others may remove a lock that is held: mode 0777" in str(reported.value)
    assert f"chmod 1777 {tmp_path}" in reported.value.hint
    assert mode(tmp_path) == 0o777


def test_a_way_on_which_anybody_can_exchange_the_folder_is_refused(tmp_path):
    (tmp_path / "open" / "below" / "locks").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(BenchError, match=f"{tmp_path / 'open'}: any user may exchange the locks in it: mode 0777"):
        opened(tmp_path / "open" / "below" / "locks")
    (tmp_path / "open").chmod(0o1777)
    assert opened(tmp_path / "open" / "below" / "locks") == []


@pytest.mark.parametrize("create", [True, False])
def test_no_link_is_followed_to_the_folder_or_on_the_way_to_it(tmp_path, secret, create):
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop").symlink_to("loop")
    for place in ("link", "link/below", "link/..", "dangling", "loop", "secret/file"):
        with pytest.raises(BenchError, match="it is a (symbolic link|file) of .*no link is followed") as reported:
            opened(tmp_path / place, create=create)
        assert lockfolder.PLACE in reported.value.hint
    assert not (tmp_path / "nothing").exists()


def test_the_guard_is_made_and_kept(tmp_path):
    for _ in range(2):
        with LockFolder.open(tmp_path, create=True) as locks, locks.exclusive():
            assert mode(tmp_path / GUARD) == 0o644


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", ["link", "dangling", "FIFO", "folder"])
def test_a_guard_that_is_no_file_is_refused_and_not_opened(tmp_path, secret, what):
    supervisor, target = tmp_path / GUARD, secret / "file"
    {
        "link": lambda: supervisor.symlink_to(target),
        "dangling": lambda: supervisor.symlink_to(secret / "new"),
        "FIFO": lambda: os.mkfifo(supervisor),
        "folder": supervisor.mkdir,
    }[what]()
    with LockFolder.open(tmp_path, create=True) as locks, pytest.raises(BenchError) as reported, locks.exclusive():
        pass
    assert f"{supervisor}: cannot be used: is a" in str(reported.value)
    assert f"rm -r {supervisor}" in reported.value.hint


HOLDER = (
    "import fcntl, sys, time\n"
    "guard = open(sys.argv[1], 'rb')\n"
    "fcntl.flock(guard, fcntl.LOCK_EX)\n"
    "print('held', flush=True)\n"
    "time.sleep(60)\n"
)


def test_a_guard_that_is_held_is_waited_for_with_a_bound_and_its_holder_named(tmp_path, monkeypatch):
    monkeypatch.setattr(lockfolder, "GUARD_S", 0.3)
    (tmp_path / GUARD).touch()
    holder = subprocess.Popen([sys.executable, "-S", "-c", HOLDER, tmp_path / GUARD], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        begun_s = time.monotonic()
        with LockFolder.open(tmp_path, create=True) as locks, pytest.raises(BenchError) as reported, locks.exclusive():
            pass
        assert time.monotonic() - begun_s < 5.0
        owner = lockfolder.user(os.geteuid())
        assert f"{tmp_path / GUARD}: another process holds it, for 0.3 s now: " in str(reported.value)
        assert f"process {holder.pid} (python" in str(reported.value)
        assert f") of {owner}" in str(reported.value)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with LockFolder.open(tmp_path, create=True) as locks, locks.exclusive():
        assert True is _held(tmp_path / GUARD)
    assert not _held(tmp_path / GUARD)


def _held(supervisor):
    with supervisor.open("rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_file_that_is_exchanged_at_this_moment_is_not_taken_for_the_one_that_was_looked_at(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a")
    (tmp_path / "other").write_text("b")
    real = os.open

    def late(path, *arguments, **options):
        if path == "file":
            shutil.move(tmp_path / "other", tmp_path / "file")
        return real(path, *arguments, **options)

    with LockFolder.open(tmp_path, create=False) as locks:
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(lockfolder.os, "open", late)
        with pytest.raises(OSError, match="was exchanged at this moment"):
            locks.open_plain("file")
        monkeypatch.undo()
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_broken_attempt_leaves_no_descriptor_open(tmp_path, secret):
    (tmp_path / "link").symlink_to(secret)
    before = len(os.listdir("/proc/self/fd"))
    for place in (tmp_path / "link", tmp_path / "none" / "below"):
        with pytest.raises((BenchError, FileNotFoundError)):
            opened(place, create=False)
    assert opened(tmp_path, create=False) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_root_of_all_is_no_place():
    with pytest.raises(BenchError, match="is no folder for the locks"):
        opened(Path("/"))
