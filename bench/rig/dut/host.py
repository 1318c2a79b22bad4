"""Where a controller's programs run: on this machine, or on another one by the system's `ssh`.

What is started for long (`launch`) hangs on its standard input: when that ends, it is ended, politely first. So a
controller on another machine ends with the bench, with the connection, and with a bench that was killed.
"""

import contextlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

from v2g_bench.errors import BenchError

ALIVE_S, ALIVE_COUNT = 2, 3  # a connection that is silent for that long is lost
CONNECT_S = 5
SSH_FAILED = 255
KILLED = 128 + 9  # a shell's status for a program that SIGKILL ended

# Runs "$@" in a new session until it ends or standard input does; then SIGTERM, and SIGKILL after 5 s.
WATCHED = """
exec 3<&0
setsid "$@" </dev/null 3<&- &
pid=$!
{
    cat <&3 >/dev/null
    kill -TERM -$pid || kill -TERM $pid
    left=50
    while kill -0 -$pid && [ $left -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
    kill -KILL -$pid
} 2>/dev/null &
watcher=$!
wait $pid
status=$?
kill -TERM -$pid 2>/dev/null
kill $watcher 2>/dev/null
exit $status
"""


class Host(Protocol):
    """A machine that programs run on."""

    name: str

    def argv(self, words: Sequence[str], key: str = ...) -> list[str]:
        """What to run here so that this command runs there; BenchError that names `key` where that cannot be."""
        ...


class ThisMachine:
    """This machine. A program is found on PATH, else in the folder of the Python that runs the bench."""

    name = ""

    def argv(self, words: Sequence[str], key: str = "dut.command") -> list[str]:
        """The command with its program found."""
        beside = Path(sys.executable).parent / words[0]
        found = shutil.which(words[0]) or (str(beside) if beside.is_file() else None)
        if found is None:
            raise BenchError(key, f"no such program: {words[0]}", "is it installed, and on PATH?")
        return [found, *words[1:]]


class SshHost:
    """Another machine. Never asks: the key must be known to it, and its host key to this user.

    options: further words for ssh, such as -p, 2222, -i, /etc/v2g-bench/key.
    """

    def __init__(self, name: str, options: Sequence[str] = ()) -> None:
        self.name = name
        self._options = list(options)

    def argv(self, words: Sequence[str], key: str = "dut.host") -> list[str]:
        """`ssh …` with the command quoted for the shell there."""
        ssh = shutil.which("ssh")
        if ssh is None:
            raise BenchError(key, "no such program: ssh", "apt-get install openssh-client")
        own = ["BatchMode=yes", f"ConnectTimeout={CONNECT_S}"]
        own += [f"ServerAliveInterval={ALIVE_S}", f"ServerAliveCountMax={ALIVE_COUNT}"]
        return [ssh, *self._options, *(word for one in own for word in ("-o", one)), self.name, shlex.join(words)]

    def failed(self, message: str) -> BenchError:
        """The error that ssh's own exit status means."""
        hint = f"try: ssh -o BatchMode=yes {shlex.join([*self._options, self.name])} true"
        words = " / ".join(message.strip().splitlines()[:3]) or "it printed nothing"
        return BenchError("dut.host", f"ssh to {self.name} failed: {words}", hint)


def launch(host: Host, words: Sequence[str], out: IO[bytes], err: IO[bytes], key: str = "dut.command") -> "Launched":
    """Start what runs until its `end`, in a new process group."""
    command = host.argv(["sh", "-c", WATCHED, "v2g-bench", *words], key)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True)
    return Launched(process)


class Launched:
    """A program that ends with its standard input."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def end(self, within_s: float) -> bool:
        """End it; False where it had to be killed."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            return self.process.wait(within_s) != KILLED
        except subprocess.TimeoutExpired:
            self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # hangs in the kernel: its `poll` shows it
                self.process.wait(within_s)
            return False
