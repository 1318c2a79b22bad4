"""Runs a command in a user-mode kernel on the file system of this machine, as if it ran here.

    starting --(ready)--> running --(the command ends)--> powered off
        \\--(a signal, or the bound)--> ending: the command is asked to end --(grace)--> killed

Standard output, standard error and the exit status are the command's; its environment and folder are the caller's. What
differs: it is root, its standard input is empty, TMPDIR, /dev and /proc are the guest's own, and it sees no network but lo.

>>> run(real_clock_image(), ["candump", "-n1", "vcan0"], timeout_s=10.0)  # doctest: +SKIP
124
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from v2g_bench.errors import BenchError
from v2g_bench.kernel.images import REAL_CLOCK, KernelImage
from v2g_bench.kernel.mconsole import press_ctrl_alt_del

TIMED_OUT = 124  # as timeout(1) has it
SIGNALLED = 128  # plus the signal's number, as a shell has it

LOOK_EVERY_S = 0.05
BOOT_BOUND_S = 60.0
GRACE_S = 30.0  # a suite brings its rig to the safe state when it is interrupted
POWER_OFF_BOUND_S = 20.0

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOG_TAIL_BYTES = 1500
_COPY_BYTES = 1 << 20


def run(
    image: KernelImage,
    command: Sequence[str],
    *,
    memory_mib: int = 2048,
    cpu: int | None = None,
    timeout_s: float | None = None,
) -> int:
    """The command's exit status; 128 + n if signal n ended it, 124 if `timeout_s` of real time did.

    cpu: the one that the kernel runs on; default the last that this process may use. BenchError if the kernel did not
    come up, or ended without a report on the command.
    """
    cpu = max(os.sched_getaffinity(0)) if cpu is None else cpu
    folder = Path(tempfile.mkdtemp(prefix="v2g-kernel-", dir=_roomy_folder(64)))
    write_order(folder, image, command)
    reaper = subprocess.Popen(
        [
            *(sys.executable, "-IS", str(Path(__file__).with_name("reaper.py"))),
            *(str(cpu), str(folder), str(_roomy_folder(memory_mib)), kernel_priority(image)),
            *command_line(image, folder, memory_mib),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is for us; we hand it on
    )
    try:
        with _Guest(folder, reaper, timeout_s) as guest:
            return guest.watch()
    finally:
        assert reaper.stdin is not None
        assert reaper.stdout is not None
        reaper.stdin.close()
        reaper.wait()
        reaper.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)  # the warden has done so, unless it was killed itself


def command_line(image: KernelImage, folder: Path, memory_mib: int) -> list[str]:
    """The kernel's program and arguments. Its root is this machine's file system, its consoles go to its log."""
    return [
        str(image.program),
        f"mem={memory_mib}M",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rw",
        "quiet",
        "con=null",
        "con0=null,fd:1",
        "noreboot",
        "devtmpfs.mount=0",  # would hide the folder; the guest mounts it
        f"uml_dir={folder}/",
        "umid=guest",
        f"init={folder}/init",
        *image.boot_arguments,
    ]


def kernel_priority(image: KernelImage) -> str:
    """A kernel on the real clock must not wait for a compiler, as in v2g_bench.priority; if that leaves a CPU to others."""
    return "high" if image.clock == REAL_CLOCK and len(os.sched_getaffinity(0)) > 1 else "normal"


def write_order(folder: Path, image: KernelImage, command: Sequence[str]) -> None:
    """What guest.py reads, and the script that starts it."""
    order = {
        "command": list(command),
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "modules": [str(module) for module in image.modules],
        "clock": image.clock,
        "hostname": socket.gethostname(),
        "umask": _umask(),
        "one_output": _same_file(1, 2),
    }
    (folder / "order.json").write_text(json.dumps(order))
    (folder / "out").touch()
    (folder / "err").touch()
    init = folder / "init"
    guest = Path(__file__).with_name("guest.py")
    init.write_text(f"#!/bin/sh\nexec '{sys.executable}' -IS '{guest}' '{folder}'\n")
    init.chmod(0o700)


class _Guest:
    """A running kernel: its output is copied, and signals to this process are forwarded."""

    def __init__(self, folder: Path, reaper: "subprocess.Popen[bytes]", timeout_s: float | None) -> None:
        self._folder, self._reaper = folder, reaper
        started_s = time.monotonic()
        self._boot_bound_s = started_s + BOOT_BOUND_S
        self._bound_s = None if timeout_s is None else started_s + timeout_s
        self._timeout_s = timeout_s
        self._why: int | None = None  # the status, if we ended it
        self._kill_s: float | None = None
        self._pending: list[int] = []
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "_Guest":
        self._streams: list[tuple[BinaryIO, int]] = [
            (self._cleanup.enter_context((self._folder / name).open("rb")), target)
            for name, target in (("out", 1), ("err", 2))
        ]
        for number in _FORWARDED:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
                self._cleanup.callback(signal.signal, number, signal.signal(number, self._on_signal))
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def watch(self) -> int:
        """Until the kernel has ended."""
        try:
            while not self._ended():
                self._copy()
                self._bounds()
                self._forward_output()
                if self._kill_s is not None and time.monotonic() > self._kill_s:
                    break  # the warden kills when we close its input
            self._copy()
        except BrokenPipeError:
            return SIGNALLED + signal.SIGPIPE
        return self._status()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._pending.append(number)

    def _ended(self) -> bool:
        assert self._reaper.stdout is not None
        readable, _, _ = select.select([self._reaper.stdout], [], [], LOOK_EVERY_S)
        return bool(readable)

    def _bounds(self) -> None:
        now_s = time.monotonic()
        if self._kill_s is not None:
            return
        if (self._folder / "status.json").exists():
            self._kill_s = now_s + POWER_OFF_BOUND_S
        elif now_s > self._boot_bound_s and not self._is_ready():
            self._kill_s = now_s
        elif self._bound_s is not None and now_s > self._bound_s:
            _print(f"the command had not ended after {self._timeout_s:g} s of real time (--timeout): it is ended")
            self._why, self._kill_s = TIMED_OUT, now_s + GRACE_S
            self._pending.append(signal.SIGTERM)

    def _forward_output(self) -> None:
        if not self._pending or not self._is_ready():
            return
        number = self._pending.pop(0)
        if self._why is None:
            self._why, self._kill_s = SIGNALLED + number, time.monotonic() + GRACE_S
        (self._folder / "signal").write_text(str(int(number)))
        with contextlib.suppress(OSError):  # it has just ended
            press_ctrl_alt_del(self._folder / "guest" / "mconsole")

    def _is_ready(self) -> bool:
        return (self._folder / "ready").exists()

    def _copy(self) -> None:
        for stream, target in self._streams:
            while data := stream.read(_COPY_BYTES):
                view = memoryview(data)
                while view:
                    view = view[os.write(target, view) :]

    def _status(self) -> int:
        try:
            result = json.loads((self._folder / "status.json").read_text())
        except (FileNotFoundError, ValueError):
            if self._why is not None:
                _print(f"the command did not end within {GRACE_S:g} s: the kernel was killed")
                return self._why
            raise BenchError("v2g-bench kernel", "the kernel ended before the command did", self._log_tail()) from None
        if "failed" in result:
            raise BenchError("v2g-bench kernel", f"the kernel came up sick: {result['failed']}", self._log_tail())
        if self._why == TIMED_OUT:
            return TIMED_OUT
        return int(result["exit"]) if "exit" in result else SIGNALLED + int(result["signal"])

    def _log_tail(self) -> str:
        try:
            log = (self._folder / "kernel.log").read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        except FileNotFoundError:
            return "it was not even started"
        return "the kernel's last words:\n" + "\n".join(f"    {line}" for line in log.splitlines()[-12:])


def _roomy_folder(needed_mib: int) -> Path:
    """In memory where that has room and may hold programs (a container's /dev/shm often has neither), else on disk."""
    shm = Path("/dev/shm")
    with contextlib.suppress(OSError):
        about = os.statvfs(shm)
        has_room = about.f_bavail * about.f_frsize >= needed_mib << 20
        if has_room and not about.f_flag & os.ST_NOEXEC and os.access(shm, os.W_OK):
            return shm
    return Path(tempfile.gettempdir())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _same_file(first: int, second: int) -> bool:
    """Whether two descriptors are one file, terminal or pipe (`2>&1`): then the order of what is written counts."""
    with contextlib.suppress(OSError):
        return os.path.sameopenfile(first, second)
    return False


def _print(text: str) -> None:
    print(f"v2g-bench kernel: {text}", file=sys.stderr, flush=True)
