"""The units: what systemd itself says of them, and what must stand in them."""

import configparser
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

UNITS = ("v2g-daemon.service", "thermal-monitor.service")
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectKernelModules": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallFilter": "@system-service",
}


def _text(unit: str) -> str:
    return (resources.files("v2g_bench.ems") / "systemd" / unit).read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", UNITS)
def test_hardened_restarted_and_enabled(unit: str) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(_text(unit))
    service = parser["Service"]
    assert {key: service.get(key) for key in HARDENING} == HARDENING
    assert service["Restart"] in ("on-failure", "always")
    assert parser["Install"]["WantedBy"] == "multi-user.target"


def test_daemon_is_watched_and_reloads_by_the_signal_it_knows() -> None:
    text = _text("v2g-daemon.service")
    assert "Type=notify" in text
    assert "WatchdogSec=" in text
    assert "ExecReload=/bin/kill -HUP $MAINPID" in text
    assert "AF_CAN" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("broken", [False, True], ids=["as shipped", "with a misspelt key"])
def test_systemd_analyze_verify(tmp_path: Path, broken: bool) -> None:
    for unit in UNITS:
        text = _text(unit).replace("/usr/local/bin/v2g-daemon", sys.executable)
        text = text.replace("/usr/local/bin/v2g-thermal-monitor", sys.executable)
        (tmp_path / unit).write_text(text.replace("RestartSec=", "RestartSecs=") if broken else text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit) for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    ours = [line for line in done.stderr.splitlines() if any(unit in line for unit in UNITS)]
    assert bool(ours) is broken, done.stderr
