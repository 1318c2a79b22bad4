"""One lock: a record in the folder of the locks, and how it is distinguished from what others may have put in its place.

A record is a JSON file that its taker has made (mode 0644, so only the taker can write it). Its proof of life is the kernel's:
a write lock (fcntl(2), open file description lock) on byte BENCH by the run, on byte KEEPER by its supervisor. Only who may
write a file can have one, it cannot be forged, outlive its process, or be removed, and a process in another container that
shares the folder is seen as well. No time and no process id is trusted.

    locked --both processes have ended--> stale
    not locked, and no such record --EXPIRY_S after the kernel's time of its last change--> stale

The second line is for records of the former version, which were refreshed every 10 s, and for anything else with the name of a
lock (a forged or broken record, a link, a FIFO, a folder): never free at once, never for ever, never opened unless a file.
"""

import fcntl
import json
import os
import stat
import struct
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked
from v2g_bench.inputs.ranges import Within
from v2g_bench.rig.safety.lock_folder import LockFolder, kind, or_root, same, user

EXPIRY_S = 60.0
MOST_BYTES = 16_384
VERSION = 2
BENCH, KEEPER = 0, 1  # the byte of the record that each keeps locked
_STRUCT = "hhqqi0q"  # struct flock: type, whence, start, length, process (0)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


Words = Annotated[str, Field(max_length=4000), AfterValidator(_printable)]


class Process(Checked):
    """Who took it, for the reader; nothing is decided by it."""

    model_config = ConfigDict(strict=True, extra="ignore")
    pid: Annotated[int, Within(1, 2**31 - 1)]


class Record(Checked):
    """The content of a record. Those of the former version have no version."""

    model_config = ConfigDict(strict=True, extra="ignore")
    version: Annotated[int, Within(1, VERSION)] = 1
    resource: Words
    rig: Words
    process: Process
    since: Words
    token: Words


@dataclass(frozen=True)
class Found:
    """The file under the name of a lock. owner: by the kernel; age_s: since its last change, by the kernel's time."""

    path: str
    owner: str
    kind: str
    locked: bool
    age_s: float
    record: Record | None

    @property
    def in_use(self) -> bool:
        """Whether a run holds it, or could for all that can be known."""
        if self.locked:
            return True
        ours = self.record is not None and self.record.version == VERSION
        return not ours and self.age_s < EXPIRY_S

    @property
    def by(self) -> str:
        """Who holds it."""
        if self.record is None:
            return f"held by {self.owner}" if self.locked else f"its place is taken by {self.kind} of {self.owner}"
        message = self.record
        return f"held by {self.owner} (process {message.process.pid}, rig {message.rig}) since {message.since}"

    def refusal(self, resource: str) -> BenchError:
        """The text for another run that needs this resource."""
        hint = f"one rig, one user: wait for its end, it is free as soon as its processes have ended ({self.path})"
        if not self.locked:
            left_s = EXPIRY_S - self.age_s
            hint = (
                f"no run of this version; if none of a former version either, {or_root(self.owner)}: rm -r {self.path}; "
                f"it counts for {left_s:.0f} s more unless it is changed again"
            )
        return BenchError(resource, f"is in use, {self.by}", hint)


def look(folder: LockFolder, name: str, now_s: float) -> Found | None:
    """The file under this name; None for nothing. now_s: the wall clock, as the kernel stamps files."""
    try:
        found = folder.look(name)
    except FileNotFoundError:
        return None
    locked, record = False, None
    if stat.S_ISREG(found.st_mode):
        try:
            handle = folder.open_plain(name)
        except OSError:  # removed or exchanged meanwhile, or not readable for us: by its age alone
            handle = -1
        if handle >= 0:
            try:
                locked = held_elsewhere(handle)
                record = parse(content(handle))
            finally:
                os.close(handle)
    return Found(str(folder.path / name), user(found.st_uid), kind(found), locked, now_s - found.st_ctime, record)


def content(handle: int) -> bytes:
    """What a record's file holds, and at most one byte more than a record may have."""
    return os.pread(handle, MOST_BYTES + 1, 0)


def parse(raw: bytes) -> Record | None:
    """The record, or None for anything that is none."""
    if len(raw) > MOST_BYTES:
        return None
    try:
        return Record.model_validate_json(raw)
    except ValidationError:
        return None


def publish(folder: LockFolder, names: list[str], entry: dict[str, Any]) -> tuple[str, int, bytes]:
    """A new record under the first of these names that is free, locked before anybody else can open it."""
    for name in names:
        try:
            handle = folder.make(name, 0o600)  # no other user can open it yet
        except FileExistsError:
            continue
        raw = json.dumps(entry, indent=1).encode()
        try:
            if not hold(handle, BENCH):
                raise OSError("the new record is locked by another")
            os.fchmod(handle, 0o644)
            if os.write(handle, raw) != len(raw):
                raise OSError("the record could not be written whole")
        except BaseException:
            remove(folder, name, handle)
            os.close(handle)
            raise
        return name, handle, raw
    raise BenchError(str(folder.path / names[-1]), "exists: a name that could not be guessed", "is the folder full?")


def remove(folder: LockFolder, name: str, handle: int) -> None:
    """Remove a record that this process has locked, if it still has this name. OSError where that is not allowed."""
    try:
        if same(folder.look(name), os.fstat(handle)):
            os.unlink(name, dir_fd=folder.handle)
    except FileNotFoundError:
        return


def clear(folder: LockFolder, name: str) -> bool:
    """Remove what a run has left, and whether that was allowed: if not it stays, which is harmless. Never what is held."""
    try:
        handle = folder.open_plain(name, os.O_RDWR)
    except OSError:
        return False
    try:
        if not hold(handle, BENCH, length=0):
            return False
        remove(folder, name, handle)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def hold(handle: int, byte: int, length: int = 1) -> bool:
    """Lock a part of a file for as long as the descriptor is open (length 0: to its end); False if another has it."""
    asked = struct.pack(_STRUCT, fcntl.F_WRLCK, os.SEEK_SET, byte, length, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, asked)
    except (BlockingIOError, PermissionError):
        return False
    return True


def held_elsewhere(handle: int) -> bool:
    """Whether a run or its supervisor has locked this file, through another descriptor."""
    # Asked as if to read: so the lock of a user who may only read the file, and is no run, does not count.
    asked = struct.pack(_STRUCT, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    answer = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, asked)
    return bool(struct.unpack(_STRUCT, answer)[0] != fcntl.F_UNLCK)
