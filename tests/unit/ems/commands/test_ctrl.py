import json
import subprocess
import sys
from typing import Any

import pytest

from v2g_bench.ems.commands import ctrl, health
from v2g_bench.ems.service import control_client as client

STATUS: dict[str, Any] = {
    "ok": True,
    "text": "",
    "mode": "v2g",
    "requested_w": -3000,
    "effective_w": -1500,
    "limited_by": ["0x01A2 High Thermal Gradient"],
    "faults": [{"code": "0x01A2", "text": "High Thermal Gradient: 9 K", "advice": "check the coolant"}],
    "limits": {"min_soc_pct": 25, "max_soc_pct": 75},
    "bms": {"alive": True, "soc_pct": None, "loss_pct": 0},
    "inverter": {"online": True, "ac_power_w": None, "state": None},
}
HEALTH: dict[str, Any] = {
    "ok": True,
    "soh_pct": 79.0,
    "cycle_count": 212.0,
    "energy_throughput_kwh": None,
    "equivalent_full_cycles": None,
    "review": True,
    "review_below_pct": 80.0,
    "bms_alive": False,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was asked; the answer is in `answers`."""
    seen: list[dict[str, Any]] = []

    def ask(self: client.ControlClient, request: dict[str, Any]) -> dict[str, Any]:
        seen.append(request)
        if request["cmd"] == "health":
            return HEALTH
        if request["cmd"] == "status":
            return STATUS
        return {"ok": request["cmd"] != "reset_trip", "text": "so it is"}

    monkeypatch.setattr(client.ControlClient, "ask", ask)
    return seen


@pytest.mark.parametrize(
    ("argv", "request_", "status"),
    [
        (["--set-power", "-3000"], {"cmd": "set_power", "power_w": -3000.0}, 0),
        (["--set-power=-3000"], {"cmd": "set_power", "power_w": -3000.0}, 0),
        (["--set-power", "1.5e3"], {"cmd": "set_power", "power_w": 1500.0}, 0),
        (["--status"], {"cmd": "status"}, 0),
        (["--reset-trip"], {"cmd": "reset_trip"}, 1),
        (["--reset-soc-offset"], {"cmd": "reset_soc_offset"}, 0),
        (["--force-limit", "15:90"], {"cmd": "force_limit", "value": "15:90"}, 0),
        (["--departure", "06:30"], {"cmd": "departure", "at": "06:30"}, 0),
        (["--departure", "06:30", "--departure-soc", "85"], {"cmd": "departure", "at": "06:30", "soc_pct": 85.0}, 0),
        (["--v2g-window", "17:00", "19:00"], {"cmd": "v2g_window", "times": ["17:00", "19:00"]}, 0),
    ],
)
def test_requests_and_exit_status(
    asked: list[dict[str, Any]], argv: list[str], request_: dict[str, Any], status: int
) -> None:
    assert ctrl.main(argv) == status
    assert asked == [request_]


@pytest.mark.parametrize(
    "argv", [[], ["--set-power"], ["--set-power", "much"], ["--set-power", "nan"], ["--frob"], ["audit"]]
)
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ctrl.main(argv)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_no_daemon(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for command, options in ((ctrl.main, ["--status"]), (health.main, ["--status"])):
        assert command([*options, "--socket", str(tmp_path / "absent")]) == 2
        assert "no daemon here" in capsys.readouterr().err


def test_refusal_says_why(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    ctrl.main(["--reset-trip"])
    assert capsys.readouterr().err == "v2g-ctrl: refused: so it is\n"


def test_status_text_and_json(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    ctrl.main(["--status"])
    text = capsys.readouterr().out
    assert "requested -3000 W, effective -1500 W, measured unknown" in text
    assert "fault      0x01A2 High Thermal Gradient: 9 K; check the coolant" in text
    ctrl.main(["--status", "--json"])
    assert json.loads(capsys.readouterr().out) == STATUS


def test_health_text_and_json(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert health.main(["--status"]) == 0
    text = capsys.readouterr().out
    assert "state of health         79 %" in text
    assert "REVIEW: health is below 80 %" in text
    assert "not reported by the BMS" in text
    assert "silent" in text
    health.main(["--status", "--json"])
    assert json.loads(capsys.readouterr().out) == HEALTH


@pytest.mark.parametrize("module", ["commands.ctrl", "commands.health", "service.daemon", "commands.thermal_monitor"])
def test_commands_import_the_standard_library_only(module: str) -> None:
    code = (
        f"import sys, v2g_bench.ems.{module}\n"
        "heavy = {'numpy', 'can', 'cantools', 'pydantic', 'pymodbus', 'asyncio', 'scipy', 'e2e'} & sys.modules.keys()\n"
        "ours = {name for name in sys.modules if name.startswith('v2g_bench')}\n"
        f"room = 'v2g_bench.ems.{module}'.rpartition('.')[0]\n"
        f"extra = ours - {{'v2g_bench', 'v2g_bench.ems', 'v2g_bench.ems.service', 'v2g_bench.ems.service.control_client',"
        f" room, 'v2g_bench.ems.{module}', 'v2g_bench.errors',"
        " 'v2g_bench.sockets', 'v2g_bench.sockets.client', 'v2g_bench.sockets.lines'}\n"
        "print(sorted(heavy), sorted(extra))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--set-power", "abc"], "not a power in watts: 'abc'"),
        (["--set-power", "inf"], "not a power in watts: 'inf'"),
        (["--departure", "06:30", "--departure-soc", "lots"], "not a percentage within 0 to 100: 'lots'"),
        (["--status", "--departure-soc", "85"], "--departure-soc goes with --departure"),
    ],
)
def test_usage_says_what_is_wrong(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ctrl.main(argv)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
