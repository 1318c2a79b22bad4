"""One rig, one user: a lock on everything that two runs on this machine would otherwise share.

What is locked is not the rig's name but its real resources: SocketCAN interfaces, VISA resources, inverters, the log of a
controller that is always there. A rig that is emulated throughout shares nothing and is never locked, and two rig files that
name one instrument exclude each other. All are taken or none.

    free --take--> held, and refreshed every REFRESH_S by the supervisor, which outlives the bench
    held --release--> free        held --nobody refreshes it for EXPIRY_S, or all its owners have ended--> stale
    stale --take--> held by another, who is told whom it was taken from

A lock is a JSON file in `folder()`: resource, rig, owner, pid, keeper, since, until.
"""

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.rig.model import Rig

EXPIRY_S = 60.0
REFRESH_S = 10.0
FOLDER = "V2G_LOCKS"  # in the environment: another place for the locks


def folder() -> Path:
    """Where the locks of this machine are: $V2G_LOCKS, /run/lock/v2g-bench, or below the temporary folder."""
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    base = Path("/run/lock")
    return (base if os.access(base, os.W_OK) else Path(tempfile.gettempdir())) / "v2g-bench"


def shared(rig: Rig) -> list[str]:
    """What of this rig another run could use as well, in order; empty for a rig that is emulated throughout."""
    found = []
    for bus in rig.bus.values():
        # Without the interface the bus is the bench's own, which nobody shares.
        if bus.interface == "socketcan" and Path("/sys/class/net", bus.channel).exists():
            found.append(f"SocketCAN {bus.channel} (boot {_boot_id()[:8]})")
    found += [f"VISA {meter.resource.upper()}" for meter in rig.meters.named().values() if not meter.emulated]
    found += [f"VISA {source.resource.upper()}" for source in rig.sources.values()]
    found += [f"wire {wire} of {rig.sync.device}" for wire in (rig.sync.trigger, rig.sync.mark) if wire is not None]
    if rig.inverter.kind != "emulated":
        serial = rig.inverter.kind == "modbus-rtu"
        found.append(f"inverter {rig.inverter.device if serial else f'{rig.inverter.host}:{rig.inverter.port}'}")
    if rig.dut.kind != "process":
        where = f" on {rig.dut.host}" if rig.dut.kind == "ssh" else ""
        found.append(f"controller{where} with the log {rig.dut.log}")
    return sorted(set(found))


class Holding:
    """Locks that are held. `refresh` may be called often; a lock that another has taken meanwhile is left alone."""

    def __init__(self, paths: Sequence[Path], token: str) -> None:
        self.paths, self.token = list(paths), token
        self._refreshed_s = time.monotonic()

    def refresh(self) -> None:
        """Say that the locks are still held, every REFRESH_S."""
        if time.monotonic() - self._refreshed_s < REFRESH_S:
            return
        self._refreshed_s = time.monotonic()
        for path in self.paths:
            held = _read(path)
            if held.get("token") == self.token:
                with contextlib.suppress(OSError):  # tried again in REFRESH_S; it expires much later
                    _write(path, held | {"until": time.time() + EXPIRY_S})

    def release(self) -> None:
        """Give everything back that is still held."""
        for path in self.paths:
            if _read(path).get("token") == self.token:
                path.unlink(missing_ok=True)


def take(resources: Sequence[str], rig: str, keeper: int, place: Path | None = None) -> tuple[Holding, list[str]]:
    """Lock all resources, or BenchError that says who holds one and since when. The notes tell of stale locks taken over.

    keeper: the process that refreshes them, and keeps them after this one has ended.
    """
    if not resources:
        return Holding([], ""), []
    place = place or folder()
    token, now_s, notes = secrets.token_hex(8), time.time(), []
    paths = [_path(place, resource) for resource in resources]
    with _exclusive(place):
        for resource, path in zip(resources, paths, strict=True):
            held = _read(path)
            if held and not stale(held, now_s):
                raise _held(resource, held)
            if held:
                notes.append(f"took over {resource}, {_by(held)}: a run that did not give it back")
        for resource, path in zip(resources, paths, strict=True):
            _write(path, _entry(resource, rig, keeper, token, now_s))
    return Holding(paths, token), notes


def require_free(resources: Sequence[str], place: Path | None = None) -> None:
    """BenchError if somebody holds one of them now."""
    for resource in resources:
        held = _read(_path(place or folder(), resource))
        if held and not stale(held, time.time()):
            raise _held(resource, held)


def stale(held: dict[str, Any], now_s: float) -> bool:
    """Whether nobody can be using it: not refreshed in time, or all who could have ended."""
    if now_s > float(held.get("until", 0.0)):
        return True
    if held.get("boot") != _boot_id():
        return False  # another kernel's processes cannot be looked at
    return not any(_lives(held.get(who, {})) for who in ("process", "keeper"))


def _held(resource: str, held: dict[str, Any]) -> BenchError:
    return BenchError(
        resource,
        f"is in use, {_by(held)}",
        "one rig, one user: wait for its end; a lock that nobody refreshes is free after a minute",
    )


def _by(held: dict[str, Any]) -> str:
    pid = held.get("process", {}).get("pid")
    return f"held by {held.get('owner')} (process {pid}, rig {held.get('rig')}) since {held.get('since')}"


def _entry(resource: str, rig: str, keeper: int, token: str, now_s: float) -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return {
        "resource": resource,
        "rig": rig,
        "owner": f"{user}@{socket.gethostname()}",
        "process": _process(os.getpid()),
        "keeper": _process(keeper),
        "boot": _boot_id(),
        "since": datetime.fromtimestamp(now_s).astimezone().isoformat(timespec="seconds"),
        "until": now_s + EXPIRY_S,
        "token": token,
    }


def _path(place: Path, resource: str) -> Path:
    return place / f"{hashlib.sha256(resource.encode()).hexdigest()[:16]}.json"


@contextlib.contextmanager
def _exclusive(place: Path) -> Iterator[None]:
    """Nobody else looks at or takes a lock meanwhile. Open to every user of this machine."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # another user has made it
            place.chmod(0o777)
        with (place / "guard").open("a") as guard:
            with contextlib.suppress(PermissionError):
                (place / "guard").chmod(0o666)
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise BenchError(str(place), f"cannot hold the locks of the rigs: {error.strerror}", f"set {FOLDER}") from None


def _read(path: Path) -> dict[str, Any]:
    """What a lock file says; empty where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, entry: dict[str, Any]) -> None:
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(entry, file, indent=1)
    Path(name).chmod(0o666)
    Path(name).replace(path)


def _process(pid: int) -> dict[str, int]:
    return {"pid": pid, "started": _started(pid)}


def _lives(process: dict[str, int]) -> bool:
    """Whether this very process runs: its number may have been given to another."""
    started = _started(process.get("pid", 0))
    return started != 0 and started == process.get("started")


def _started(pid: int) -> int:
    """When a process was started, in ticks since the boot; 0 where there is none, or it only waits for its parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
