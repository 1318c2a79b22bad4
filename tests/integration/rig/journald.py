"""Runs a command beside a systemd-journald of its own: `unshare --mount python journald.py COMMAND…`, as root.

No systemd runs: journald makes its sockets by itself where nobody hands it any. Its /run is the command's alone, and so
are the journals. `unit` speaks to it as systemd does for a service's standard output.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

JOURNALD = "/lib/systemd/systemd-journald"
STDOUT = Path("/run/systemd/journal/stdout")
KEPT = Path("/var/log/journal")
BOUND_S = 15.0


def unit(name):
    """A stream of lines that the journal keeps as this unit's."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The sender's process goes with each line: a line that journald gets between accept() and its own SO_PASSCRED has
    # none otherwise, and so no unit. (systemd hands journald sockets that have it from the start.)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    stream.connect(str(STDOUT))
    stream.sendall(f"{name}\n{name}\n6\n0\n0\n0\n0\n".encode())  # identifier, unit, priority; nothing is passed on
    return stream


def as_unit(name, *command):
    """Run a command whose standard output is a unit's; its exit status. SIGTERM is for the command."""
    stream = unit(name)  # held until it has been duplicated
    os.dup2(stream.fileno(), 1)
    os.execvp(command[0], command)


def main(command):
    """The command's exit status."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for folder in ["/run", *([str(KEPT)] if KEPT.is_dir() else [])]:
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    STDOUT.parent.mkdir(parents=True)
    Path("/run/log/journal").mkdir(parents=True)
    journald = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", JOURNALD], stdin=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + BOUND_S
        while not STDOUT.exists():
            assert journald.poll() is None, f"journald has ended with status {journald.returncode}"
            assert time.monotonic() < until_s, "journald does not listen"
            time.sleep(0.02)
        return subprocess.run(command).returncode
    finally:
        journald.terminate()
        journald.wait(BOUND_S)


if __name__ == "__main__":
    if sys.argv[1] == "--as-unit":
        as_unit(*sys.argv[2:])
    sys.exit(main(sys.argv[1:]))
