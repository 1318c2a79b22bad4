from typing import Any

import pytest

from v2g_bench.ems.commands import thermal_monitor
from v2g_bench.ems.commands.thermal_monitor import thermal_line
from v2g_bench.ems.service import control_client as client

STATUS: dict[str, Any] = {
    "ok": True,
    "limited_by": ["derating map at 30 to 40 degC and 50 % SoC", "rating"],
    "cooling_request": True,
    "precooling": False,
    "cooling_trigger_c": 32.0,
    "bms": {"hottest_c": 40.2, "gradient_k": None},
}


def test_line() -> None:
    line = thermal_line(STATUS)
    assert line.startswith("hottest_c=40 gradient_k=unknown cooling=on precooling=off trigger_c=32 derated=")
    assert "30 to 40 degC" in line
    assert thermal_line({**STATUS, "limited_by": ["rating"]}).endswith("derated=no")


def test_once_with_and_without_a_daemon(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert thermal_monitor.main(["--once", "--socket", str(tmp_path / "absent")]) == 3
    assert "daemon=silent" in capsys.readouterr().out
    monkeypatch.setattr(client.ControlClient, "ask", lambda self, request: STATUS)
    assert thermal_monitor.main(["--once"]) == 0
    assert "hottest_c=40" in capsys.readouterr().out


def test_usage() -> None:
    with pytest.raises(SystemExit):
        thermal_monitor.main(["--interval", "0"])
