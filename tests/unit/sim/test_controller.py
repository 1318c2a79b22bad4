from dataclasses import replace

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.sim.controller import core_of
from v2g_bench.sim.rig import SimRig

BROKEN = "v2g_bench.qualification.defects.controllers"
CRASHING = """
from v2g_bench.ems.core.controller import Ems

class Crashing(Ems):
    def on_frame(self, frame, now_s):
        if frame.values.get("cell_temperature_max", 0.0) > 45.0:
            raise ZeroDivisionError("too hot to think")
        return super().on_frame(frame, now_s)

def crashing(settings):
    return Crashing(settings)
"""


def rig_with_core(folder, core):
    loaded = load_rig("sim")
    dut = loaded.rig.dut.model_copy(update={"command": ["v2g-daemon", "--config", "{config}", "--core", core]})
    return SimRig(replace(loaded, rig=loaded.rig.model_copy(update={"dut": dut})), folder, 1, note=lambda text: None)


def isolated_after_s(parts):
    parts.clock.pause(1.0)
    assert parts.dut.controller.run("set_power", power_w="-3000").status == 0
    parts.clock.pause(1.0)
    asked_s = parts.clock.now_s()
    parts.world.plant.client.inject(OverTemperature(cell=17, to_c=45.5))
    parts.clock.pause(0.5)
    isolated_s = parts.world.plant.client.truth_isolation(asked_s)
    return None if isolated_s is None else isolated_s - asked_s


def test_the_sound_core_isolates_in_time(sim_rig):
    assert isolated_after_s(sim_rig) < 0.04
    assert sim_rig.dut.controller.log.find(r"EMERGENCY_SHUTDOWN")
    assert '"trip_latched": true' in sim_rig.dut.controller.run("status").out


def test_a_late_core_is_late(tmp_path):
    with rig_with_core(tmp_path, f"{BROKEN}:hot_cell_in_70_ms") as parts:
        assert isolated_after_s(parts) > 0.06


def test_a_blind_core_does_not_isolate(tmp_path):
    with rig_with_core(tmp_path, f"{BROKEN}:hot_cell_ignored") as parts:
        assert isolated_after_s(parts) is None


def test_a_core_that_raises_has_crashed_and_is_never_taken_for_alive(tmp_path):
    core = tmp_path / "crashing.py"
    core.write_text(CRASHING, "utf-8")
    with rig_with_core(tmp_path, f"{core}:crashing") as parts:
        isolated_after_s(parts)
        assert not parts.dut.controller.alive()
        with pytest.raises(BenchError, match="too hot to think"):
            parts.dut.controller.require_alive()
        assert parts.dut.controller.run("status").status == 2
        assert parts.dut.controller.log.find("internal error, stopping: ZeroDivisionError")


def test_a_core_that_cannot_be_loaded(tmp_path):
    with pytest.raises(BenchError, match="cannot be loaded"), rig_with_core(tmp_path, "nowhere:nothing"):
        pass


def test_a_refusal_has_a_status_and_a_reason(sim_rig):
    sim_rig.world.plant.client.inject(OverTemperature(cell=17, to_c=45.5))
    sim_rig.clock.pause(0.1)
    reply = sim_rig.dut.controller.run("set_power", power_w="-3000")
    assert reply.status == 1
    assert "emergency shutdown is latched" in reply.err


def test_a_latch_survives_a_restart_and_not_a_fresh_start(sim_rig):
    number = sim_rig.world.plant.client.inject(OverTemperature(cell=17, to_c=45.5))
    sim_rig.clock.pause(0.1)
    sim_rig.world.plant.client.clear(number)
    sim_rig.dut.controller.stop()
    sim_rig.dut.controller.start()
    sim_rig.clock.pause(1.0)
    assert '"trip_latched": true' in sim_rig.dut.controller.run("status").out
    sim_rig.dut.fresh()
    sim_rig.clock.pause(1.0)
    assert '"trip_latched": false' in sim_rig.dut.controller.run("status").out


def test_reload_health_and_an_unknown_command(sim_rig):
    sim_rig.clock.pause(1.0)
    assert sim_rig.dut.controller.run("reload").status == 0
    assert "soh_pct" in sim_rig.dut.controller.run("health").out
    (sim_rig.folder / "limits.conf").write_text("MIN_SOC=nonsense\n", "utf-8")
    assert sim_rig.dut.controller.run("reload").status == 1
    with pytest.raises(BenchError, match="names no such command"):
        sim_rig.dut.controller.run("dance")


def test_who_it_is_depends_on_the_core(sim_rig, tmp_path):
    with rig_with_core(tmp_path, f"{BROKEN}:hot_cell_in_70_ms") as parts:
        assert parts.dut.controller.program()[1] != sim_rig.dut.controller.program()[1]
    assert sim_rig.dut.controller.version()


@pytest.mark.parametrize(
    ("command", "core"),
    [
        (["v2g-daemon", "--config", "x"], ""),
        (["v2g-daemon", "--core", "a.py:f", "--config", "x"], "a.py:f"),
        (["v2g-daemon", "--core=b:g"], "b:g"),
    ],
)
def test_the_core_in_a_command_line(command, core):
    assert core_of(command) == core
