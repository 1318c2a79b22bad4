import tomllib
from dataclasses import replace

import pytest
from pydantic import ValidationError

from v2g_bench.commands.check import check_rig
from v2g_bench.errors import BenchError
from v2g_bench.open_rig import open_parts
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.parts.protocol import emi_mark
from v2g_bench.rig.parts.real import OpenRig
from v2g_bench.sim.rig import MARK, SimRig


def changed(**tables):
    data = tomllib.loads(load_rig("sim").text)
    for table, values in tables.items():
        data[table] = data[table] | values if isinstance(values, dict) else values
    return data


@pytest.mark.parametrize(
    "tables",
    [
        {"evidence": "emulated"},
        {"evidence": "hardware"},
        {"bus": {"main": {"interface": "userland"}}},
        {"dut": {"kind": "process"}},
        {"inverter": {"kind": "modbus-tcp", "host": "192.0.2.9"}},
        {"bms": {"kind": "real"}},
    ],
)
def test_a_simulation_never_looks_like_anything_better(tables):
    with pytest.raises(
        ValidationError, match="go together|starts no program|cannot be in a simulation|but these parts are emulated"
    ):
        Rig.model_validate(changed(**tables))


@pytest.mark.parametrize("kind", ["process", "external"])
def test_a_controller_of_ones_own_on_a_simulated_rig_is_told_where_it_can_run(kind):
    with pytest.raises(ValidationError) as caught:
        Rig.model_validate(changed(dut={"kind": kind}))
    said = str(caught.value)
    assert f'[dut] kind = "{kind}"' in said
    assert all(word in said for word in ('evidence = "emulated"', 'interface = "userland"', "virtual.toml", "core"))
    dut = {"kind": kind, "command": ["ems"]}
    assert not Rig.model_validate(
        changed(evidence="emulated", bus={"main": {"interface": "userland"}}, dut=dut)
    ).simulated


def test_which_rig_is_opened_how(tmp_path):
    assert isinstance(open_parts(load_rig("sim"), tmp_path, 1, strict=False, note=print), SimRig)
    assert isinstance(open_parts(load_rig("virtual"), tmp_path, 1, strict=False, note=print), OpenRig)


def test_a_command_that_needs_real_time_refuses_a_simulation(tmp_path):
    with pytest.raises(BenchError, match="no wires to open"):
        OpenRig(load_rig("sim"), tmp_path, 1, strict=False, note=print)


def test_a_strangers_database_in_a_simulation(tmp_path):
    data = changed(bms={"dbc": "dbc/compact_classic.dbc", "roles": "dbc/compact_classic.roles.toml"})
    data["bus"] = {"main": {"interface": "sim", "fd": False}}
    loaded = replace(load_rig("sim"), rig=Rig.model_validate(data))
    with SimRig(loaded, tmp_path, seed=1, note=lambda text: None) as parts:
        session = Session(parts)
        session.prepare()
        bench = session.bench
        with bench.at_power(3000):
            assert bench.readings.ac_power().value == pytest.approx(3000.0, abs=60.0)


def test_it_says_what_it_is(tmp_path):
    message = []
    with SimRig(load_rig("sim"), tmp_path, seed=1, note=message.append):
        assert message == [MARK, emi_mark(load_rig("sim").rig)]


def test_check_finds_every_part_in_order():
    findings = list(check_rig("sim"))
    assert all(finding.ok for finding in findings), findings
    assert {"database", "bus", "plant", "capture", "meters.dc_current", "inverter", "controller"} <= {
        finding.part for finding in findings
    }


def test_the_bench_reads_power_at_the_terminals(sim_rig):
    session = Session(sim_rig)
    session.prepare()
    bench = session.bench
    with bench.at_power(-3000):
        assert bench.readings.ac_power().value == pytest.approx(-3000.0, abs=30.0)
        assert bench.readings.inverter_power().value == pytest.approx(-3000.0, abs=30.0)
    assert not bench.controller.latches.tripped()


def test_the_same_calls_give_the_same_frames(tmp_path):
    logs = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        with SimRig(load_rig("sim"), tmp_path / name, seed=2 if name == "c" else 1, note=lambda text: None) as parts:
            parts.dut.controller.run("set_power", power_w="3000")
            parts.clock.pause(2.0)
            frames = parts.bus.capture.frames()
            logs.append((frames.timestamp_s.tobytes(), frames.data.tobytes()))
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


def test_a_dead_bms_keeps_the_rig_from_opening(tmp_path, monkeypatch):
    monkeypatch.setattr("v2g_bench.sim.plant.SimPlant._wake", lambda plant: None)
    with (
        pytest.raises(BenchError, match="no frame of the BMS"),
        SimRig(load_rig("sim"), tmp_path, seed=1, note=lambda text: None),
    ):
        pass


def test_what_no_task_took_care_of_fails_the_run(tmp_path):
    with pytest.raises(BenchError, match="lost in the loop"):
        with SimRig(load_rig("sim"), tmp_path, seed=1, note=lambda text: None) as parts:
            parts.loop.call_exception_handler({"message": "lost in the loop"})


def test_a_simulated_meter_has_no_calibration(sim_rig):
    with pytest.raises(BenchError, match="no calibration"):
        sim_rig.instruments.calibration("dc_current")


def test_what_the_controller_sent_before_it_was_started_anew_is_not_its_word(sim_rig):
    assert "trip_latched" in sim_rig.bus.latest_all()
    sim_rig.dut.fresh()
    assert "soc" in sim_rig.bus.latest_all()
    assert "trip_latched" not in sim_rig.bus.latest_all()
    with pytest.raises(BenchError, match="role trip_latched: no frame"):
        sim_rig.bus.latest("trip_latched")
    sim_rig.clock.pause(0.3)
    assert sim_rig.bus.latest("trip_latched") == 0.0
