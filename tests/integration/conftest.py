"""What tests here share: two markers, and an sshd of the test's own (throw-away keys, 127.0.0.1, a free port)."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

BOUND_S = 15.0
SEPARATION = Path("/run/sshd")  # Debian's sshd wants it when it is started by root; its service makes it


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "simulated: measures no real time, so that it may run beside anything (.ci/run selects by it)"
    )
    config.addinivalue_line("markers", "long: runs where V2G_LONG is set, as in .ci/long")


def pytest_collection_modifyitems(items):
    if "V2G_LONG" not in os.environ:
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: V2G_LONG=1, as in .ci/long"))


class Sshd:
    """host and options for [dut]; `stop` breaks every connection."""

    def __init__(self, folder):
        self.port = free_port()
        self.host = f"{getpass.getuser()}@127.0.0.1"
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}")
        settings = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": folder / "host",
            "AuthorizedKeysFile": folder / "authorized",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
        }
        (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        self.options = ["-F", "none", "-p", str(self.port), "-i", str(folder / "user"), "-o", "IdentitiesOnly=yes"]
        self.options += ["-o", f"UserKnownHostsFile={folder / 'known'}", "-o", "StrictHostKeyChecking=yes"]
        self._log = (folder / "sshd.log").open("wb")
        command = [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=self._log, start_new_session=True)
        deadline_s = time.monotonic() + BOUND_S
        while not self._answers():
            assert self._process.poll() is None, (folder / "sshd.log").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.02)

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def sessions(self):
        """Process ids of its connections."""
        return [pid for pid in descendants(self._process.pid) if "sshd" in command_of(pid)]

    def stop(self):
        """The machine is gone: the listener and all connections."""
        for pid in [self._process.pid, *self.sessions()]:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        self._process.wait()
        self._log.close()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def descendants(pid):
    """All processes below this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(path.parent.name), *descendants(int(path.parent.name))]
    return found


@contextmanager
def separation_folder():
    made = os.geteuid() == 0 and not SEPARATION.exists()
    if made:
        SEPARATION.mkdir(mode=0o755)
    try:
        yield
    finally:
        if made:
            SEPARATION.rmdir()


@pytest.fixture
def sshd(tmp_path):
    if not (shutil.which("sshd") or Path("/usr/sbin/sshd").exists()) or not shutil.which("ssh"):
        pytest.skip("no sshd here: apt-get install openssh-server (its service need not run)")
    folder = tmp_path / "sshd"
    folder.mkdir()
    with separation_folder():
        server = Sshd(folder)
        try:
            yield server
        finally:
            server.stop()
