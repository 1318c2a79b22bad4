"""Runs the kernel's process and clears up after it, also when the bench's own process was killed.

    python -IS warden.py CPU FOLDER MEMORY high|normal PROGRAM ARGUMENT...

    running --(the kernel ends)--> ended: standard output is closed, the folder can be read
    running --(standard input ends: the parent is done, or dead)--> the kernel is killed
    ended   --(standard input ends)--> the folder is removed, this process ends

The kernel runs programs as traced processes of the host. They live in its process group and are killed with it: one that
outlived its tracer would go on as a process of the host. Standard library only: it must start fast.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main(cpu: int, folder: Path, memory: str, priority: str, command: list[str]) -> None:
    """Until standard input ends; the folder is gone then, and every process of the kernel.

    memory: the folder where the kernel keeps its memory, a file; priority: of the kernel, where this user may.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # so that the kernel's orphans are ours to reap
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides
    try:
        kernel = start(cpu, folder, memory, priority, command)
        watch(kernel)
        os.close(sys.stdout.fileno())
        sys.stdin.buffer.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(cpu: int, folder: Path, memory: str, priority: str, command: list[str]) -> "subprocess.Popen[bytes]":
    """The kernel, on its CPU and with its priority, which it inherits; this process gets its own back."""
    allowed, niceness = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setaffinity(0, {cpu})  # a kernel that changes its CPU is 4 to 5 times slower
    if priority == "high":
        # not SCHED_FIFO: the kernel and its programs are processes on one CPU, and a program that computes would
        # never let the kernel at its timer
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)
    with (folder / "kernel.log").open("wb") as log:
        kernel = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={"TMPDIR": memory, "HOME": str(folder), "PATH": os.defpath},
        )
    os.sched_setaffinity(0, allowed)
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    return kernel


def watch(kernel: "subprocess.Popen[bytes]") -> None:
    """Until the kernel has ended or standard input has; then its whole process group is killed."""
    ended = os.pidfd_open(kernel.pid)
    select.select([sys.stdin, ended], [], [])
    # before it is reaped, so that the group's number cannot belong to somebody else
    with contextlib.suppress(ProcessLookupError):
        os.killpg(kernel.pid, signal.SIGKILL)
    kernel.wait()
    os.close(ended)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
