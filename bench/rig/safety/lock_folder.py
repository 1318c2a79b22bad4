"""The folder of the locks: shared by users who need not trust each other, so nothing in it is followed or trusted.

It is reached from / step by step without following a link; it belongs to root or to who made it, and where others may write
into it only the owner of a file may remove that file (the sticky bit, 1777). The former version made it 0777: its owner or
root takes it over by adding the sticky bit, and root makes it root's own; nothing else is ever given more rights.
"""

import contextlib
import errno
import fcntl
import itertools
import os
import pwd
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from v2g_bench.errors import BenchError

PLACE = "V2G_LOCKS"  # in the environment: another place for the locks
GUARD = "guard"
GUARD_S = 5.0  # taking a lock takes milliseconds
GUARD_AGAIN_S = 0.02
MOST_ENTRIES = 10_000
OPEN_TO_ALL = 0o1777
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a FIFO", stat.S_IFREG: "a file"}


class LockFolder:
    """An open, checked folder of locks; a context manager. doubts: what its users must know of it."""

    def __init__(self, path: Path, handle: int, doubts: list[str]) -> None:
        self.path, self.handle, self.doubts = path, handle, doubts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Self:
        """FileNotFoundError where there is none and none is to be made; BenchError if it is not safe to use."""
        handle, above = _walk(path, create=create)
        try:
            _make_safe(path, handle, root_above=above[-1] == 0)
            owners = {*above, os.fstat(handle).st_uid} - {0, os.geteuid()}
        except BaseException:
            os.close(handle)
            raise
        names = " and ".join(user(uid) for uid in sorted(owners))
        doubt = f"the locks are in {path}, which {names} could exchange: for root: chown root {path}"
        return cls(path, handle, [doubt] if owners else [])

    @classmethod
    def seen(cls, path: Path) -> Self:
        """The folder that has this path now, of any mode; FileNotFoundError where there is none."""
        return cls(path, _walk(path, create=False)[0], [])

    def names(self, begin: str) -> list[str]:
        """The entries that begin with this, in order; BenchError if there are too many."""
        with os.scandir(self.handle) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_ENTRIES + 1)]
        if len(names) > MOST_ENTRIES:
            owner = user(self.look(names[-1]).st_uid)
            what = f"it is flooded: more than {MOST_ENTRIES} entries, {names[-1]!r} is of {owner}"
            raise BenchError(str(self.path), what, f"remove them, or set {PLACE} to another folder")
        return sorted(name for name in names if name.startswith(begin))

    def look(self, name: str) -> os.stat_result:
        """The status of a name itself, never of what it points to."""
        return os.stat(name, dir_fd=self.handle, follow_symlinks=False)

    def open_plain(self, name: str, flags: int = os.O_RDONLY) -> int:
        """The descriptor of an ordinary file, never waited for; OSError where there is none, or something else."""
        before = self.look(name)
        if not stat.S_ISREG(before.st_mode):  # not even opened: that alone may wait, or do something
            raise OSError(errno.EINVAL, f"is {kind(before)}")
        handle = os.open(name, flags | _PLAIN, dir_fd=self.handle)
        if same(before, os.fstat(handle)):
            return handle
        os.close(handle)
        raise OSError(errno.ESTALE, "was exchanged at this moment")

    def make(self, name: str, mode: int) -> int:
        """The descriptor of a new file; FileExistsError where anything has this name."""
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, mode, dir_fd=self.handle)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """No other run acquires a lock meanwhile; BenchError that names who has held the guard for GUARD_S.

        It spares two runs that begin together that both give way. That never both go on does not depend on it (`lock`).
        """
        supervisor = self._start_supervisor()
        try:
            until_s = time.monotonic() + GUARD_S
            while not _locked(supervisor):
                if time.monotonic() > until_s:
                    what = f"another process holds it, for {GUARD_S:g} s now: {_holders(supervisor)}"
                    raise BenchError(str(self.path / GUARD), what, "no run of the bench does that: end the process")
                time.sleep(GUARD_AGAIN_S)
            yield
        finally:
            os.close(supervisor)

    def _start_supervisor(self) -> int:
        for _ in range(3):  # another run may make it at this moment
            try:
                return self.open_plain(GUARD)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):
                    handle = self.make(GUARD, 0o644)
                    os.fchmod(handle, 0o644)  # with any umask: who can read it can lock it
                    return handle
            except OSError as error:
                owner = user(self.look(GUARD).st_uid)
                what = f"cannot be used: {error.strerror} (of {owner})"
                raise BenchError(str(self.path / GUARD), what, f"{or_root(owner)}: rm -r {self.path / GUARD}") from None
        raise BenchError(str(self.path / GUARD), "is made and removed all the time", f"set {PLACE} to another folder")


@contextlib.contextmanager
def problems(path: Path) -> Iterator[None]:
    """What the system refuses here, as a BenchError."""
    try:
        yield
    except OSError as error:
        hint = f"for root, once: install -d -m 1777 {path}; or set {PLACE} to a folder in which you may write"
        raise BenchError(str(path), f"cannot hold the locks of the rigs: {error.strerror}", hint) from None


def _walk(path: Path, *, create: bool) -> tuple[int, list[int]]:
    """Descriptor of a folder, and who owns each folder above it, / first.

    FileNotFoundError where it is not there; BenchError at a link, and where every user could exchange a folder on the way.
    """
    if len(path.parts) < 2:
        raise BenchError(str(path), "is no folder for the locks of the rigs", f"set {PLACE} to another")
    here, owners = os.open("/", _FOLDER | os.O_PATH), []
    try:
        for number, name in enumerate(path.parts[1:], 2):
            last, so_far = number == len(path.parts), Path(*path.parts[:number])
            above = os.fstat(here)
            owners.append(above.st_uid)
            if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
                what = f"any user may exchange the locks in it: mode {stat.S_IMODE(above.st_mode):04o}"
                raise BenchError(str(so_far.parent), what, f"chmod +t {so_far.parent}, or set {PLACE}")
            below = _into(here, name, so_far, create=create, last=last)
            os.close(here)
            here = below
        return os.dup(here), owners
    finally:
        os.close(here)


def _into(parent: int, name: str, path: Path, *, create: bool, last: bool) -> int:
    flags = _FOLDER | (0 if last else os.O_PATH)
    made = False
    if create:
        try:
            os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # another run has made it at this moment
                os.mkdir(name, 0o755, dir_fd=parent)
                made = True
    try:
        handle = os.open(name, flags, dir_fd=parent)
    except NotADirectoryError:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        what = (
            f"cannot hold the locks of the rigs: it is {kind(found)} of {user(found.st_uid)}, and no link is followed"
        )
        raise BenchError(str(path), what, f"remove it, or set {PLACE} to the real path of a folder") from None
    if made and last and os.fstat(handle).st_uid == os.geteuid():
        os.fchmod(handle, OPEN_TO_ALL)
    return handle


def _make_safe(path: Path, handle: int, *, root_above: bool) -> None:
    """Take over a folder of the former version, or BenchError. Rights are only ever removed."""
    found, me = os.fstat(handle), os.geteuid()
    mode = stat.S_IMODE(found.st_mode)
    unsafe = bool(mode & 0o022) and not mode & stat.S_ISVTX
    ours = found.st_uid == me or (me == 0 and _only_locks(handle))
    if unsafe and not ours:
        owner = user(found.st_uid)
        what = f"is of {owner}, and others may remove a lock that is held: mode {mode:04o}"
        raise BenchError(str(path), what, f"{or_root(owner)}: chmod 1777 {path}; or set {PLACE} to another folder")
    if me == 0 and found.st_uid != 0 and mode & stat.S_IWOTH and root_above and ours:
        os.fchown(handle, 0, 0)
    if unsafe:
        os.fchmod(handle, mode | stat.S_ISVTX)


def _only_locks(handle: int) -> bool:
    """Whether it is a folder of locks, or empty: root takes no other folder over."""
    names = os.listdir(handle)
    return not names or GUARD in names


def same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both are one file."""
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def kind(found: os.stat_result) -> str:
    """What it is, in words."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "a socket or a device")


def user(uid: int) -> str:
    """The name of a user, or the number of one who has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def or_root(name: str) -> str:
    """Who may remove what belongs to this user."""
    return name if name == "root" else f"{name} or root"


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(handle: int) -> str:
    """Who has locked a file with flock, by the kernel's own list (/proc/locks, proc(5))."""
    found = os.fstat(handle)
    at = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    message = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = (
                line.split()
            )  # number, FLOCK, ADVISORY, WRITE, process, device:inode, begin, end; "->" before a waiting one
            if fields[1] == "FLOCK" and fields[5] == at:
                message.append(_process(int(fields[4])))
    return ", ".join(message) or "one that cannot be seen from here"


def _process(pid: int) -> str:
    try:
        owner = user(Path(f"/proc/{pid}").stat().st_uid)
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({''.join(filter(str.isprintable, name))}) of {owner}"
