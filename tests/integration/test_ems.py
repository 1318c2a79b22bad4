"""The reference EMS as its neighbours see it: the real daemon, a userland bus, Modbus TCP, its commands, its log."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from ems_world import World, wait_for

from v2g_bench.ems.service.control_client import ControlClient

BROKEN = "v2g_bench.qualification.defects.controllers"


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds and takes them down again."""
    worlds: list[World] = []

    def make(**kwargs: object) -> World:
        world = World(tmp_path, **kwargs)  # type: ignore[arg-type]
        world.__enter__()
        worlds.append(world)
        return world

    yield make
    for world in reversed(worlds):
        world.__exit__(None, None, None)


@pytest.fixture
def world(build: Callable[..., World]) -> World:
    world = build()
    world.start()
    return world


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"v2g_bench.ems.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    "danger", [{"cell_temperature_max": 45.5}, {"string_voltage_difference": 0.31}], ids=["hot cell", "strings"]
)
def test_dangerous_frame_stops_the_inverter_and_asks_for_open_contactors(
    world: World, danger: dict[str, float]
) -> None:
    world.power(-3000)
    since_s = time.monotonic()
    world.bms.values.update(danger)
    wait_for("STOP on both connections", lambda: len(world.inverter.stops(since_s)) >= 2)
    wait_for("zero power", lambda: world.inverter.stage.flowing_w == 0 and world.inverter.set_w == 0)
    wait_for(
        "contactors", lambda: world.bms.received["contactor_request"] == 0 and world.bms.received["operating_mode"] == 4
    )
    wait_for("the log", lambda: "EMERGENCY_SHUTDOWN" in world.log_text())
    wait_for("latch on disk", lambda: world.latches().get("trip"))


def test_trip_outlives_a_restart_and_is_reset_by_command(world: World) -> None:
    world.power(-3000)
    world.bms.values["cell_temperature_max"] = 46.0
    wait_for("trip", lambda: world.bms.received.get("trip_latched") == 1)
    wait_for("latch on disk", lambda: world.latches().get("trip"))
    world.kill()
    world.start()
    assert world.ask("status")["mode"] == "tripped"
    refused = _run("commands.ctrl", "--reset-trip", "--socket", str(world.socket))
    assert (refused.returncode, "46" in refused.stderr) == (1, True)
    world.bms.values["cell_temperature_max"] = 26.0
    wait_for("cool", lambda: world.ask("status")["bms"]["hottest_c"] == 26.0)
    assert _run("commands.ctrl", "--reset-trip", "--socket", str(world.socket)).returncode == 0
    world.power(-1000)


def test_sigterm_leaves_zero_power_and_open_contactors(world: World) -> None:
    world.power(3000)
    world.signal(signal.SIGTERM)
    assert world.wait() == 0
    assert (world.inverter.stage.on, world.inverter.set_w) == (False, 0)
    wait_for("contactors", lambda: world.bms.received["contactor_request"] == 0)
    assert not world.socket.exists()
    assert world.log_text().rstrip().endswith("v2g-daemon ended")


def test_killed_daemon_is_forgotten_by_the_inverter(world: World) -> None:
    """SIGKILL leaves nobody to stop it: the reversion timer that the daemon armed does."""
    world.power(-3000)
    world.kill()
    wait_for("reversion", lambda: world.inverter.stage.flowing_w == 0, timeout_s=10)


def test_silent_bms_and_its_return(world: World) -> None:
    world.power(-3000)
    world.bms.muted = {"*"}
    wait_for("zero", lambda: world.inverter.stage.flowing_w == 0)
    wait_for("log", lambda: world.log_text().count("ERR_BMS_TIMEOUT") == 1)
    wait_for("contactors", lambda: world.bms.received["contactor_request"] == 0)
    world.bms.muted = set()
    wait_for("power again", lambda: world.inverter.stage.flowing_w == -3000)
    wait_for("its end in the log", lambda: world.log_text().count("ERR_BMS_TIMEOUT") == 2)


def test_corrupt_frames_latch_charge_only(world: World) -> None:
    world.power(-3000)
    world.bms.corrupt_every = 3
    wait_for("charge-only", lambda: world.bms.received.get("charge_only") == 1)
    wait_for("no discharge", lambda: world.inverter.stage.flowing_w == 0)
    assert "0x0B22 Signal Noise" in world.log_text()
    refused = _run("commands.ctrl", "--set-power", "-3000", "--socket", str(world.socket))
    assert refused.returncode == 1
    assert "charge-only" in refused.stderr
    world.power(2000)
    world.bms.corrupt_every = 0
    assert world.bms.received["charge_only"] == 1
    wait_for("reset is accepted", lambda: world.ask("reset_trip")["ok"])
    world.power(-1000)


def test_inverter_goes_and_comes_back(world: World) -> None:
    world.power(-3000)
    world.inverter.go_away()
    wait_for("log", lambda: "FAULT_INVERTER_OFFLINE" in world.log_text())
    wait_for("contactors", lambda: world.bms.received["contactor_request"] == 0)
    world.inverter.come_back()
    wait_for("the stop that was due", lambda: world.inverter.stage.flowing_w == 0)
    wait_for("power again", lambda: world.inverter.stage.flowing_w == -3000, timeout_s=15)
    assert world.log_text().count("FAULT_INVERTER_OFFLINE") == 2


def test_hub_gone_stops_and_its_return_is_taken_up(world: World) -> None:
    world.power(-3000)
    world.bms.close()
    world.hub.stop()
    wait_for("zero", lambda: world.inverter.stage.flowing_w == 0)
    wait_for("log", lambda: "CAN v2g_userland" in world.log_text() and "is gone" in world.log_text())
    world.hub.start()
    world.bms = type(world.bms)(world.hub.path, world.db, world.inverter)
    wait_for("power again", lambda: world.inverter.stage.flowing_w == -3000, timeout_s=20)


def test_commands(world: World) -> None:
    socket = ["--socket", str(world.socket)]
    done = _run("commands.ctrl", "--set-power", "-3000", *socket)
    assert (done.returncode, done.stdout) == (0, "accepted -3000 W, effective -3000 W\n")
    wait_for("power", lambda: world.ask("status")["inverter"]["ac_power_w"] == -3000)
    status = json.loads(_run("commands.ctrl", "--status", "--json", *socket).stdout)
    assert (status["mode"], status["effective_w"], status["faults"]) == ("v2g", -3000, [])
    wait_for("health", lambda: world.ask("health")["soh_pct"] == 96.0)
    assert "state of health         96 %" in _run("commands.health", "--status", *socket).stdout
    assert _run("commands.ctrl", "--set-power", "much", *socket).returncode == 2
    assert _run("commands.ctrl", "--reset-soc-offset", *socket).returncode == 0
    for nonsense in ({"cmd": "format"}, {"cmd": "set_power", "power_w": True}, {"cmd": "set_power"}):
        assert not ControlClient(str(world.socket)).ask(nonsense)["ok"]


def test_reload_by_command_and_by_signal(world: World) -> None:
    world.power(-3000)
    config = ["--config", str(world.config)]
    world.limits.write_text("MIN_SOC=90\nMAX_SOC=80\n", encoding="utf-8")
    refused = _run("service.daemon", *config, "--reload")
    assert refused.returncode == 1
    assert "limits.conf: MIN_SOC=90 is not below MAX_SOC=80" in refused.stderr
    assert world.ask("status")["limits"] == {"min_soc_pct": 25, "max_soc_pct": 75}
    world.limits.write_text("MIN_SOC=55\nMAX_SOC=80\n", encoding="utf-8")
    assert _run("service.daemon", *config, "--reload").returncode == 0
    wait_for("no discharge at 50 %", lambda: world.inverter.stage.flowing_w == 0)
    world.limits.write_text("MIN_SOC=20\nMAX_SOC=80\n", encoding="utf-8")
    world.signal(signal.SIGHUP)
    wait_for("discharge again", lambda: world.inverter.stage.flowing_w == -3000)


def test_second_daemon_is_refused(world: World) -> None:
    done = _run("service.daemon", "--config", str(world.config))
    assert done.returncode == 2
    assert "another controller listens here" in done.stderr
    assert world.healthy()


def test_unwritable_log_does_not_stop_it(build: Callable[..., World]) -> None:
    world = build()
    world.config.write_text(
        world.config.read_text(encoding="utf-8").replace('log = "v2g-main.log"', 'log = "/dev/full"'), encoding="utf-8"
    )
    world.start()
    world.power(-3000)
    world.signal(signal.SIGTERM)
    assert world.wait() == 0
    assert world.process is not None
    assert world.process.stderr is not None
    assert "/dev/full: cannot be written" in world.process.stderr.read()


def test_cyclic_frames_and_log_lines(world: World) -> None:
    wait_for("status frames", lambda: "error_code" in world.bms.received)
    world.power(-3000)
    wait_for("setpoint on CAN", lambda: world.bms.received["power_setpoint"] == -3000)
    pattern = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 \d+\.\d{6} (INFO|WARNING|ERROR) \S+ .+")
    lines = world.log_text().splitlines()
    assert lines
    assert all(pattern.fullmatch(line) for line in lines)


def test_seeded_defect_is_loaded_by_the_test_hook(build: Callable[..., World]) -> None:
    world = build(options=["--core", f"{BROKEN}:hot_cell_ignored"])
    world.start()
    world.power(-3000)
    world.bms.values.update({"cell_temperature_max": 46.0, "cell_temperature_min": 45.0})
    wait_for("the hot cell is known", lambda: world.ask("status")["bms"]["hottest_c"] == 46.0)
    assert world.ask("status")["trip"] is None
    assert world.inverter.stage.flowing_w < 0
