import socket
from pathlib import Path

from v2g_bench.ems.service.notify import Notifier


def test_says_ready_alive_and_stopping(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(2)
        notifier = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "4000000"})
        notifier.ready()
        for tenth in range(25):
            notifier.alive(100.0 + tenth / 10)
        notifier.stopping()
        message = [systemd.recv(100) for _ in range(5)]
    assert message == [b"READY=1", *[b"WATCHDOG=1"] * 3, b"STOPPING=1"]
    notifier.alive(200.0)  # systemd is gone: nothing happens


def test_silent_without_systemd() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive(0.0)
