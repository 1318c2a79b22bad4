"""One rig, one user: a lock on everything that two runs on this machine would otherwise share.

What is locked is not the rig's name but its real resources, however a rig file spells them (`spelling`): SocketCAN interfaces,
VISA resources, inverters, the log of a controller that is always there. A rig that is emulated throughout shares nothing and
is never locked, and two rig files that name one instrument exclude each other. All are acquired or none.

    free --take--> held --release--> free          by the run and by its supervisor, which outlives it
    held --both processes have ended--> stale --take--> held by another, with a note from whom it was taken over
    held --its record is missing, exchanged or changed--> lost: the supervisor makes the rig safe, and the run fails

    $V2G_LOCKS, /run/lock/v2g-bench or /tmp/v2g-bench    `lockfolder`: 1777, so that users exclude each other
      guard                        flock while a lock is taken, at most GUARD_S
      <hash of the resource>.json  `lockrecord`: proven by a lock of the kernel, not by its content

What holds against every other user of the machine, who may run what he likes but is not root, in a folder of root:

- Two runs never use one resource. A record cannot be removed, changed, forged as ended, or made to look free; each run writes
  its own before it checks for others, so that also without the guard at most one of two that begin together continues.
- No file or folder outside is opened, read, or given another mode: no link is followed, and only what is an ordinary file is
  opened. Inside, the bench changes the mode of its own files alone, and adds the sticky bit to a folder of the former version.
- Nothing in the folder makes a run hang, crash, or read without end.

What such a user can do is keep others from a run: hold the guard, put something where a lock will be, hold a lock of his own,
lock a part of a record before its supervisor has, fill the folder. Each is an error that names a file and its owner, within
GUARD_S. In a folder that is not root's its owner can also remove and exchange records: each run there says so in its notes, and
the supervisor notices the loss within about a second (`lockwatch`), unless the owner shows each run another folder at the right
moments. So let root make it, once: `install -d -m 1777 /run/lock/v2g-bench`. Root, and who debugs the bench's own processes,
can do anything. Runs that do not see one file system (containers without a common folder) do not exclude each other.
"""

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.safety import lock_record as lockrecord
from v2g_bench.rig.safety import spelling
from v2g_bench.rig.safety.lock_folder import PLACE, LockFolder, or_root, problems, same, user
from v2g_bench.rig.safety.lock_record import BENCH, KEEPER, VERSION, Found

FOLDER = PLACE
FOREVER_S = 3650 * 86_400.0


def folder() -> Path:
    """Where the locks of this machine are, the same for every user: $V2G_LOCKS, /run/lock/v2g-bench, or /tmp/v2g-bench."""
    if os.environ.get(FOLDER):
        return Path(os.environ[FOLDER])
    base = Path("/run/lock")  # on some systems only root may write there; root may still have made the folder for all
    usable = _mode(base) & 0o1002 == 0o1002 or _mode(base / "v2g-bench") & 0o002
    return (base if usable else Path("/tmp")) / "v2g-bench"


def shared(rig: Rig) -> list[str]:
    """What of this rig another run could use as well, in order; empty for a rig that is emulated throughout."""
    found = []
    for bus in rig.bus.values():
        # Without the interface the bus is the bench's own, which is not shared.
        if bus.interface == "socketcan" and Path("/sys/class/net", bus.channel).exists():
            found.append(f"SocketCAN {bus.channel} (boot {_boot_id()[:8]})")
    found += [f"VISA {spelling.visa(meter.resource)}" for meter in rig.meters.named().values() if not meter.emulated]
    found += [f"VISA {spelling.visa(source.resource)}" for source in rig.sources.values()]
    device = spelling.path(rig.sync.device)
    found += [f"wire {wire} of {device}" for wire in (rig.sync.trigger, rig.sync.mark) if wire is not None]
    if rig.inverter.kind == "modbus-rtu":
        found.append(f"inverter {spelling.path(rig.inverter.device)}")
    elif rig.inverter.kind != "emulated":
        found.append(f"inverter {spelling.host(rig.inverter.host)}:{rig.inverter.port}")
    if rig.dut.kind == "ssh":
        found.append(f"controller on {rig.dut.host.lower()} with the log {rig.dut.log}")
    elif rig.dut.kind != "process":
        found.append(f"controller with the log {spelling.path(rig.dut.log)}")
    return sorted(set(found))


@dataclass(frozen=True)
class _Held:
    """A record that this process has locked. handle: its descriptor, which is the lock; raw: what it must hold."""

    path: Path
    handle: int
    raw: bytes


class Holding:
    """Locks that are held, by a run or by its supervisor, for as long as the process lives or until they are released."""

    def __init__(self, token: str, byte: int) -> None:
        self.token, self._byte = token, byte
        self._held: list[_Held] = []

    @property
    def paths(self) -> list[Path]:
        """The records."""
        return [held.path for held in self._held]

    def add(self, path: Path, handle: int, raw: bytes) -> None:
        """One more; this object closes the descriptor."""
        self._held.append(_Held(path, handle, raw))

    def lost(self) -> str:
        """What has become of a lock that is no longer there as it was written; "" while all are held."""
        for held in self._held:
            try:
                what = _difference(held)
                os.utime(held.handle)  # what cleans a folder of old files leaves it alone
            except (OSError, BenchError) as error:
                what = f"cannot be seen any more ({' '.join(str(error).split())})"
            if what:
                record = lockrecord.parse(held.raw)
                resource = record.resource if record else held.path
                return f"the lock on {resource} is lost: {held.path} {what}; another run may use the rig"
        return ""

    def release(self) -> None:
        """Give everything back, the record with the last of the two who hold it; BenchError if a lock had been lost."""
        troubles = [self.lost()]
        while self._held:
            troubles.append(self._release(self._held.pop()))
        if any(troubles):
            raise BenchError("lock", next(filter(None, troubles)), "who has removed or changed it?")

    def _release(self, held: _Held) -> str:
        """What went wrong; the lock itself is released in any case."""
        try:
            with LockFolder.seen(held.path.parent) as locks:
                if self._byte == KEEPER or not lockrecord.held_elsewhere(held.handle):
                    lockrecord.remove(locks, held.path.name, held.handle)
        except (OSError, BenchError) as error:
            return f"{held.path} could not be removed: {error}"
        finally:
            os.close(held.handle)
        return ""


def take(resources: Sequence[str], rig: str, holder_pid: int, place: Path | None = None) -> tuple[Holding, list[str]]:
    """Lock all resources, or BenchError that states who holds one and since when.

    The notes name stale locks that were taken over, and a folder that is not safe from its owner.
    keeper: the process that `keep`s them after this one has ended.
    """
    holding = Holding(secrets.token_hex(8), BENCH)
    if not resources:
        return holding, []
    place = (place or folder()).absolute()
    with problems(place), LockFolder.open(place, create=True) as locks, locks.exclusive():
        notes = [*locks.doubts, *(note for resource in resources for note in _take_over(locks, resource))]
        try:
            for resource in resources:
                names = [f"{_key(resource)}.json", f"{_key(resource)}.{holding.token}.json"]
                name, handle, raw = lockrecord.publish(locks, names, _entry(resource, rig, holder_pid, holding.token))
                holding.add(place / name, handle, raw)
            for resource in resources:  # a run that checks after writing sees the other: two never both continue
                _left(locks, resource, but=[path.name for path in holding.paths])
        except BaseException:
            holding.release()
            raise
    return holding, notes


def keep(paths: Sequence[Path], token: str) -> Holding:
    """Hold the locks of a run as well, as its supervisor; BenchError if they are not its any more."""
    holding = Holding(token, KEEPER)
    for path in paths:
        with problems(path), LockFolder.open(path.parent, create=False) as locks:
            handle = locks.open_plain(path.name, os.O_RDWR)
            raw = lockrecord.content(handle)
            holding.add(path, handle, raw)
            record = lockrecord.parse(raw)
            if record is None or record.token != token:
                raise BenchError(str(path), "the lock is lost: it is not this run's", "another run may use the rig")
            if not lockrecord.hold(handle, KEEPER):
                raise BenchError(str(path), "cannot be kept: another process has locked it", "lslocks says which")
    return holding


def require_free(resources: Sequence[str], place: Path | None = None) -> None:
    """BenchError if another run holds one of them now, or if the folder of the locks is not safe to use."""
    if not resources:
        return
    place = (place or folder()).absolute()
    with problems(place):
        try:
            locks = LockFolder.open(place, create=False)
        except FileNotFoundError:  # no folder, no locks
            return
        with locks:
            for resource in resources:
                _left(locks, resource)


def _left(locks: LockFolder, resource: str, but: Sequence[str] = ()) -> dict[str, Found]:
    """What runs that have ended have left under the names of a lock; BenchError if it is held."""
    found = {name: lockrecord.look(locks, name, time.time()) for name in locks.names(f"{_key(resource)}.")}
    left = {name: one for name, one in found.items() if one is not None and name not in but}
    for one in left.values():
        if one.in_use:
            raise one.refusal(resource)
    return left


def _take_over(locks: LockFolder, resource: str) -> list[str]:
    """Remove what has been left of a lock, as far as this user may; notes about it."""
    notes = []
    for name, one in _left(locks, resource).items():
        stays = "" if lockrecord.clear(locks, name) else f"; {one.path} stays until {or_root(one.owner)} removes it"
        notes.append(f"took over {resource}, {one.by}: a run that did not give it back{stays}")
    return notes


def _difference(held: _Held) -> str:
    """How the file under the record's name differs from what was written there; "" if it does not."""
    try:
        with LockFolder.seen(held.path.parent) as locks:
            found = locks.look(held.path.name)
    except FileNotFoundError:
        return "has been removed"
    if not same(found, os.fstat(held.handle)):
        return f"is now another's, of {user(found.st_uid)}"
    return "" if lockrecord.content(held.handle) == held.raw else "has been changed"


def _entry(resource: str, rig: str, holder_pid: int, token: str) -> dict[str, Any]:
    """A record. `boot`, the times of the processes and `until` are for a run of the former version, which depends on them."""
    return {
        "version": VERSION,
        "resource": _line(resource),
        "rig": _line(rig),
        "owner": _line(f"{user(os.geteuid())}@{socket.gethostname()}"),
        "process": {"pid": os.getpid(), "started": _started(os.getpid())},
        "keeper": {"pid": holder_pid, "started": _started(holder_pid)},
        "boot": _boot_id(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "until": time.time() + FOREVER_S,
        "token": token,
    }


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:1000]


def _key(resource: str) -> str:
    return hashlib.sha256(resource.encode()).hexdigest()[:16]


def _started(pid: int) -> int:
    """When a process was started, in ticks since the boot; 0 where there is none."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
