"""PID 1 inside the user-mode kernel: makes a machine with CAN out of it, runs one command, hands its status out.

    booted --(mounts, modules, links)--> ready --(command)--> running --(command ended)--> status written --> powered off

Started by boot.py as `python -IS guest.py FOLDER`; the folder is on the host's file system and holds

    order.json   what to run: {"command": [...], "environment": {...}, "folder": "/...", "modules": [...], "clock": "..."}
    out, err     what the command writes; the host reads along
    ready        there once a signal can be handed to the command
    signal       the number of a signal to hand to the command, written by the host before it presses ctrl-alt-del
    status.json  {"exit": 3} | {"signal": 9} | {"failed": "why the command was not run"}

It stands alone (standard library, no site-packages): nothing of the bench is importable this early.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CAN_LINKS = ("vcan0", "vcan1")
CANFD_MTU = 72
OWN_TEMPORARY = "/dev/shm"  # the guest's memory: sockets, scratch files; gone with it
END_OF_ORPHANS_S = 2.0

_NO_PROGRAM, _NOT_EXECUTABLE = 127, 126  # as a shell has them

_libc = ctypes.CDLL(None, use_errno=True)


def main(folder: str) -> None:
    """Never returns: the kernel is powered off at the end."""
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # kept open: the mounts may cover its path
    try:
        result = _run(folder_fd)
    except Exception as error:  # noqa: BLE001  (PID 1 must not die: whatever it is, it is reported to the host)
        result = {"failed": f"{type(error).__name__}: {error}"}
    try:
        _write(folder_fd, "status.json", json.dumps(result).encode())
        _end_the_others()
        os.sync()
    finally:
        _power_off()


def _run(folder_fd: int) -> dict[str, Any]:
    order = json.loads(_read(folder_fd, "order.json"))
    # O_SYNC: what was written is with the host at once, also when the kernel is ended by force
    write = os.O_WRONLY | os.O_APPEND | os.O_SYNC
    out = os.open("out", write, dir_fd=folder_fd)
    err = out if order["one_output"] else os.open("err", write, dir_fd=folder_fd)
    _mount_all()
    _favour_delivery()
    for module in order["modules"]:
        _load(module)
    set_link("lo")
    for name in CAN_LINKS:
        set_link(name, kind="vcan", mtu=CANFD_MTU)
    socket.sethostname(order["hostname"])
    os.umask(order["umask"])
    environment = inner_environment(order["environment"], os.uname().release, order["clock"])
    try:
        os.chdir(order["folder"])
        child = subprocess.Popen(
            order["command"], env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    except OSError as error:
        program = error.filename or order["command"][0]
        os.write(err, f"v2g-bench kernel: {program}: {error.strerror}\n".encode())
        return {"exit": _NO_PROGRAM if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE}
    _forward_signals(folder_fd, child.pid)
    _write(folder_fd, "ready", b"")
    return _wait_for(child.pid)


def inner_environment(outer: Mapping[str, str], release: str, clock: str) -> dict[str, str]:
    """The caller's, with scratch files in the guest's memory and the kernel's name for whoever writes a report."""
    return {**outer, "TMPDIR": OWN_TEMPORARY, "V2G_KERNEL": f"user-mode-linux {release}, {clock}"}


def _forward_signals(folder_fd: int, command: int) -> None:
    """From now on the host's ctrl-alt-del is a SIGINT to this process, and not a reboot."""

    def forward(*_: object) -> None:
        number = int(_read(folder_fd, "signal"))
        try:
            # as a terminal does: an interrupt is for the whole group, the others are for the command
            os.killpg(command, number) if number == signal.SIGINT else os.kill(command, number)
        except ProcessLookupError:
            return  # it has just ended by itself

    signal.signal(signal.SIGINT, forward)
    _reboot(0x0000_0000)  # LINUX_REBOOT_CMD_CAD_OFF


def _wait_for(command: int) -> dict[str, Any]:
    """Reaps every process that ends, as PID 1 must, until the command has ended."""
    while True:
        pid, status = os.wait()
        if pid == command:
            code = os.waitstatus_to_exitcode(status)
            return {"exit": code} if code >= 0 else {"signal": -code}


def _end_the_others() -> None:
    """What the command has left running gets a chance to end, then is killed."""
    for number, bound_s in ((signal.SIGTERM, END_OF_ORPHANS_S), (signal.SIGKILL, END_OF_ORPHANS_S)):
        deadline_s = time.monotonic() + bound_s
        try:
            os.kill(-1, number)
            while time.monotonic() < deadline_s:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
        except (ProcessLookupError, ChildProcessError):
            return


def _mount_all() -> None:
    _mount("proc", "/proc")
    _mount("sysfs", "/sys")
    _mount("devtmpfs", "/dev")
    for name, target in {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items():
        if not Path("/dev", name).is_symlink():
            Path("/dev", name).symlink_to(f"/proc/self/fd{target}")
    for kind, place in {"devpts": "/dev/pts", "tmpfs": OWN_TEMPORARY}.items():
        Path(place).mkdir(exist_ok=True)
        _mount(kind, place)


def _mount(kind: str, target: str) -> None:
    if _libc.mount(kind.encode(), target.encode(), kind.encode(), 0, b"mode=1777" if kind == "tmpfs" else None) != 0:
        raise _os_error(f"mount {kind} on {target}")


def _favour_delivery() -> None:
    """Let nothing run before what has come over the network is handed to its sockets.

    The kernel leaves that to the thread ksoftirqd when it falls behind. At its ordinary priority frames waited 100 ms
    behind a favoured controller, with a timestamp of their arrival, and the controller reported a silent BMS.
    """
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if (process / "comm").read_text().startswith("ksoftirqd/"):
                os.sched_setscheduler(int(process.name), os.SCHED_FIFO, os.sched_param(2))


def _load(path: str) -> None:
    with Path(path).open("rb") as module:
        if _libc.syscall(_FINIT_MODULE, module.fileno(), b"", 0) != 0:
            raise _os_error(f"load {path}")


_FINIT_MODULE = 313 if sys.maxsize > 2**32 else 350  # arch/x86/entry/syscalls; user-mode Linux is x86 only


def _power_off() -> None:
    _reboot(0x4321_FEDC)  # LINUX_REBOOT_CMD_POWER_OFF


def _reboot(command: int) -> None:
    if _libc.reboot(ctypes.c_int(command)) != 0:
        raise _os_error(f"reboot({command:#x})")


def _os_error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


_LINK_HEADER = struct.Struct("=IHHII BxHiII")  # linux/netlink.h: nlmsghdr; linux/rtnetlink.h: ifinfomsg
_ATTRIBUTE = struct.Struct("=HH")
_RTM_NEWLINK, _NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_NEW = 16, 0x1, 0x4, 0x600
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_INFO_KIND, _IFF_UP = 3, 4, 18, 1, 1


def link_message(name: str, kind: str | None, mtu: int | None) -> bytes:
    """The netlink request of `ip link add NAME type KIND mtu MTU up`; without a kind, of `ip link set NAME up`."""
    attributes = _attribute(_IFLA_IFNAME, name.encode() + b"\0")
    if mtu is not None:
        attributes += _attribute(_IFLA_MTU, struct.pack("=I", mtu))
    if kind is not None:
        attributes += _attribute(_IFLA_LINKINFO, _attribute(_IFLA_INFO_KIND, kind.encode()))
    flags = _NLM_F_REQUEST | _NLM_F_ACK | (_NLM_F_NEW if kind is not None else 0)
    length = _LINK_HEADER.size + len(attributes)
    return _LINK_HEADER.pack(length, _RTM_NEWLINK, flags, 1, 0, 0, 0, 0, _IFF_UP, _IFF_UP) + attributes


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def set_link(name: str, kind: str | None = None, mtu: int | None = None) -> None:
    """Make the link if a kind is given, and bring it up. OSError with the kernel's reason."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(link_message(name, kind, mtu))
        (number,) = struct.unpack_from("=i", netlink.recv(4096), 16)
    if number:
        raise OSError(-number, f"link {name}: {os.strerror(-number)}")


def _read(folder_fd: int, name: str) -> bytes:
    with open(os.open(name, os.O_RDONLY, dir_fd=folder_fd), "rb") as file:  # noqa: PTH123  (relative to an open folder)
        return file.read()


def _write(folder_fd: int, name: str, content: bytes) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_SYNC, 0o600, dir_fd=folder_fd)
    os.write(file, content)
    os.close(file)


if __name__ == "__main__":
    main(sys.argv[1])
