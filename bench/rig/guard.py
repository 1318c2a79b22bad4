"""Ends what the bench started when the bench itself is gone, however it went.

A controller is a stranger's program: it has no pipe from the bench whose end it would notice. The guard has one. It is
a process of its own, in a session of its own, that knows the process groups to end; a bench that was killed can close
nothing any more, but its end of the pipe is closed for it.

    bench --"watch 4711\\n"--> guard        before anything else can go wrong with group 4711
    bench --"forget 4711\\n"--> guard       it has ended, and its number may be given to another
    end of the pipe                        SIGTERM to every watched group, SIGKILL to what is left after GRACE_S

This file is run as a script with nothing but the standard library, so that it is there in a few milliseconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 3.0
POLL_S = 0.02
STOP_S = 5.0


class Guard:
    """The bench's end: one guard process for as long as the rig is open. Process groups are given by their leader's id."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
        # Unbuffered: what is written is with the guard, also if this process is killed in the next moment.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, bufsize=0)

    def watch(self, group: int) -> None:
        """From now on this group ends with the bench."""
        self._tell(f"watch {group}\n")

    def forget(self, group: int) -> None:
        """This group has ended."""
        self._tell(f"forget {group}\n")

    def close(self) -> None:
        """End the guard, and whatever it still watches with it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(GRACE_S + STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # A guard that was killed guards nothing; that is no reason to end a run.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())


def watched(lines: list[str]) -> set[int]:
    """The groups that are watched after these lines, in their order."""
    groups: set[int] = set()
    for line in lines:
        word, _, number = line.strip().partition(" ")
        if word == "watch" and number.isdecimal():
            groups.add(int(number))
        elif word == "forget" and number.isdecimal():
            groups.discard(int(number))
    return groups


def end(groups: set[int]) -> None:
    """SIGTERM to the groups; SIGKILL to what is left after GRACE_S."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    until_s = time.monotonic() + GRACE_S
    while left and time.monotonic() < until_s:
        time.sleep(POLL_S)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send to a group; False where there is none."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> int:
    """Read until the bench is gone, then end what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the bench, and only then
    end(watched(sys.stdin.readlines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
