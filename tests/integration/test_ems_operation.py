"""The reference EMS in operation: overrides and their audit trail, plans, crashes, SIGTERM at any moment, full disks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from ems_world import World, wait_for


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        yield world


def _ctrl(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "v2g_bench.ems.commands.ctrl", *arguments, "--socket", str(world.socket)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_forced_limit_is_recorded_and_the_trail_verified(world: World) -> None:
    world.bms.values["soc"] = 24.0
    world.start()
    wait_for("SoC is known", lambda: world.ask("status")["bms"]["soc_pct"] == 24.0)
    assert world.ask("set_power", power_w=-1000)["effective_w"] == 0
    done = _ctrl(world, "--force-limit", "15")
    assert (done.returncode, "forced to 15 to 75 %" in done.stdout) == (0, True), done
    wait_for("power", lambda: world.inverter.stage.flowing_w == -1000)
    assert _ctrl(world, "--force-limit", "3").returncode == 1
    assert _ctrl(world, "--force-limit", "off").returncode == 0
    wait_for("no power", lambda: world.inverter.stage.flowing_w == 0)
    done = _ctrl(world, "audit", "--verify")
    assert (done.returncode, "3 entries, whole" in done.stdout) == (0, True), done
    trail = world.folder / "audit.jsonl"
    first, refused, _ = (json.loads(line) for line in trail.read_text(encoding="utf-8").splitlines())
    assert (first["what"], first["ok"], refused["ok"]) == ("force-limit 15", True, False)
    assert (first["before"]["forced"], first["after"]["forced"]) == (None, [15, 75])
    assert first["who"]["uid"] == os.getuid()
    assert first["hash"] in world.log_text(), "the log holds the chain's hash, too"
    assert world.log_text().count("SOC_LIMITS_FORCED") == 2
    trail.write_text(trail.read_text(encoding="utf-8").replace("force-limit 15", "force-limit 20"), "utf-8")
    done = _ctrl(world, "audit", "--verify")
    assert (done.returncode, "line 1" in done.stderr) == (1, True)


def test_override_that_cannot_be_recorded_is_not_carried_out(world: World) -> None:
    world.start()
    (world.folder / "audit.jsonl").mkdir()
    done = _ctrl(world, "--force-limit", "15")
    assert (done.returncode, "audit trail cannot be written" in done.stderr) == (1, True), done
    assert world.ask("status")["window"]["forced_for_s"] is None
    assert world.ask("reset_trip")["ok"], "a reset must not depend on the disk"


def test_resets_and_reloads_are_recorded_by_command_and_by_signal(world: World) -> None:
    world.start()
    assert world.ask("reload")["ok"]
    world.limits.write_text("MIN_SOC=30\nMAX_SOC=seventy\n", encoding="utf-8")
    world.signal(signal.SIGHUP)
    trail = world.folder / "audit.jsonl"
    wait_for("two entries", lambda: trail.exists() and trail.read_text(encoding="utf-8").count("\n") == 2)
    world.limits.write_text("MIN_SOC=30\nMAX_SOC=70\n", encoding="utf-8")
    world.signal(signal.SIGHUP)
    wait_for("three entries", lambda: trail.read_text(encoding="utf-8").count("\n") == 3)
    entries = [json.loads(line) for line in trail.read_text(encoding="utf-8").splitlines()]
    assert [entry["ok"] for entry in entries] == [True, False, True]
    assert "line 2" in entries[1]["outcome"]
    assert entries[1]["before"] == entries[1]["after"], "a broken file changes nothing"
    assert (entries[2]["who"], entries[2]["after"]["max_soc_pct"]) == ({"user": "SIGHUP"}, 70)


def test_broken_policy_leaves_the_limits_too(world: World) -> None:
    world.start()
    world.power(-3000)
    world.limits.write_text("MIN_SOC=60\nMAX_SOC=80\n", encoding="utf-8")
    (world.folder / "thermal-policy.json").write_text('{"ACTIVE_COOLING_TRIGGER": "32C",}', encoding="utf-8")
    refused = world.ask("reload")
    assert not refused["ok"]
    assert "thermal-policy.json: is not JSON: " in refused["text"]
    assert "line 1" in refused["text"]
    assert world.ask("status")["limits"] == {"min_soc_pct": 25, "max_soc_pct": 75}
    assert world.inverter.stage.flowing_w == -3000


def test_limits_that_vanish_are_refused_and_stay_in_force(world: World) -> None:
    """The defaults are wider than what stood there: a lost file must not let the pack out of its window."""
    world.start()
    world.limits.write_text("MIN_SOC=40\nMAX_SOC=60\n", encoding="utf-8")
    assert world.ask("reload")["ok"]
    world.limits.unlink()
    refused = world.ask("reload")
    assert not refused["ok"]
    assert "limits.conf: is not there any more" in refused["text"]
    assert world.ask("status")["limits"] == {"min_soc_pct": 40, "max_soc_pct": 60}
    assert "is not there any more; put it back" in world.log_text()


def test_plans_outlive_a_restart(world: World) -> None:
    world.start()
    assert _ctrl(world, "--departure", "06:30", "--departure-soc", "85").returncode == 0
    done = _ctrl(world, "--v2g-window", "17:00", "19:00")
    assert done.returncode == 0
    assert _ctrl(world, "--departure", "2020-01-01T00:00").returncode == 1
    wait_for("on disk", lambda: world.latches().get("plans", {}).get("v2g_window"))
    before = world.ask("status")["window"]
    assert before["departure"]["soc_pct"] == 85
    world.kill()
    world.start()
    after = world.ask("status")["window"]
    assert (after["departure"], after["v2g_window"]) == (before["departure"], before["v2g_window"])
    assert world.ask("departure", at="none")["ok"]
    assert world.ask("status")["window"]["departure"] is None


def test_crash_is_told_from_a_trip_and_from_a_clean_end(world: World) -> None:
    world.start()
    world.signal(signal.SIGTERM)
    assert world.wait() == 0
    world.start()
    assert world.ask("status")["run"] == {"starts": 2, "crashes": 0, "after_crash": False, "kept": True}
    wait_for("the run is on disk", lambda: world.latches()["run"]["clean"] is False)
    world.kill()
    world.start()
    status = world.ask("status")
    assert status["run"] == {"starts": 3, "crashes": 1, "after_crash": True, "kept": True}
    assert (status["trip_latched"], world.log_text().count("CRASH_RESTART")) == (False, 1)


def _at_once(world: World) -> None:
    wait_for("it listens", world.socket.exists)


def _at_power(world: World) -> None:
    wait_for("healthy", world.healthy)
    world.power(-3000)


def _ramping(world: World) -> None:
    wait_for("healthy", world.healthy)
    world.ask("set_power", power_w=-3000)


def _tripped(world: World) -> None:
    _at_power(world)
    world.bms.values["cell_temperature_max"] = 46.0
    wait_for("trip", lambda: world.bms.received.get("trip_latched") == 1)


def _bms_silent(world: World) -> None:
    _at_power(world)
    world.bms.muted = {"*"}


def _twice(world: World) -> None:
    _at_power(world)
    world.signal(signal.SIGTERM)


MOMENTS = (_at_once, _at_power, _ramping, _tripped, _bms_silent, _twice)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__.strip("_"))
def test_sigterm_at_any_moment_goes_to_zero_power_first(world: World, moment: Callable[[World], None]) -> None:
    world.spawn()
    moment(world)
    world.signal(signal.SIGTERM)
    assert world.wait() == 0
    assert (world.inverter.stage.flowing_w, world.latches()["run"]["clean"]) == (0, True)
    assert "Traceback" not in (world.process.stderr.read() if world.process and world.process.stderr else "")


def test_sigterm_while_the_inverter_is_gone_does_not_hang(world: World) -> None:
    world.start()
    world.power(-3000)
    world.inverter.go_away()
    since_s = time.monotonic()
    world.signal(signal.SIGTERM)
    assert world.wait() == 0
    assert time.monotonic() - since_s < 5
    assert "has not acknowledged the last stop" in world.log_text()


def test_log_comes_back_after_the_disk_was_full(world: World) -> None:
    full = world.folder / "log"
    full.symlink_to("/dev/full")
    world.config.write_text(
        world.config.read_text(encoding="utf-8").replace('log = "v2g-main.log"', 'log = "log"'), encoding="utf-8"
    )
    world.start()
    world.power(-3000)
    full.unlink()
    world.power(-2000)
    wait_for("the line", lambda: full.exists() and "set-power: accepted -2000 W" in full.read_text(encoding="utf-8"))
    assert "lines before this one are missing" in full.read_text(encoding="utf-8")
