"""What an operator can do to a controller, on the simulated rig: each change acts, and is taken back after its block."""

import re
from types import SimpleNamespace

import pytest

from v2g_bench.can.roles import EMS_ROLES
from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.faults import (
    BmsSilence,
    CellImbalance,
    EmiNoise,
    ImbalanceCode,
    OverTemperature,
    StateOfCharge,
    StringVoltageDifference,
)
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.command_lines import DutCommandLine, accepted
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    with SimRig(load_rig("sim"), tmp_path_factory.mktemp("run"), seed=1, note=lambda text: None) as parts:
        yield parts


@pytest.fixture
def session(parts):
    session = Session(parts)
    session.prepare()
    return session


@pytest.fixture
def bench(session):
    return session.bench


def limits(bench) -> str:
    return re.search(r'"limits": \{[^}]*\}', bench.controller.must("status").out)[0]


def test_limits_are_in_force_and_taken_back(bench):
    with bench.controller.command_line.limits(min_soc=40, max_soc=60):
        assert limits(bench) == '"limits": {"min_soc_pct": 40.0, "max_soc_pct": 60.0}'
    assert limits(bench) == '"limits": {"min_soc_pct": 25.0, "max_soc_pct": 75.0}'


def test_limits_that_are_refused_are_an_error_and_taken_back(bench):
    with pytest.raises(BenchError, match="is not below"), bench.controller.command_line.limits(min_soc=60, max_soc=40):
        pass
    assert limits(bench) == '"limits": {"min_soc_pct": 25.0, "max_soc_pct": 75.0}'


def test_a_file_that_the_rig_does_not_name_is_an_error(bench, parts):
    parts.dut.controller.dut = parts.loaded.rig.dut.model_copy(update={"files": {}})
    try:
        with (
            pytest.raises(BenchError, match="dut.files.limits"),
            bench.controller.command_line.limits(min_soc=40, max_soc=60),
        ):
            pass
    finally:
        parts.dut.controller.dut = parts.loaded.rig.dut


def test_an_override_and_a_departure_end_with_their_blocks(bench):
    with (
        bench.controller.command_line.forced_limit("30"),
        bench.controller.command_line.plan.departure(in_s=600, soc_pct=80),
    ):
        status = bench.controller.must("status").out
        assert '"forced_for_s": null' not in status
        assert '"departure": {' in status
    status = bench.controller.must("status").out
    assert '"forced_for_s": null' in status
    assert '"departure": null' in status


def test_a_plan_outlives_a_restart_and_a_window_ends_with_its_block(bench):
    with bench.controller.command_line.plan.v2g_window(in_s=600, for_s=60):
        bench.controller.command_line.restart()
        assert '"v2g_window": "2000-01-01T' in bench.controller.must("status").out
    assert '"v2g_window": null' in bench.controller.must("status").out


def test_overrides_are_recorded_and_the_record_verifies(bench):
    with bench.controller.command_line.forced_limit("30"):
        pass
    reply = bench.controller.must("audit")
    assert "2 entries, whole" in reply.out
    assert bench.controller.log.find(r"audit entry 1: force-limit 30 by operator")


def test_refused_is_an_error_with_the_reason(bench):
    with pytest.raises(BenchError, match="is not a window within"), bench.controller.command_line.forced_limit("99"):
        pass
    with pytest.raises(BenchError, match="exit status 2"):
        accepted(bench.controller.run("set_power", power_w="much"))


def test_an_external_controller_is_restarted_by_its_own_command_or_not_at_all():
    ran: list[str] = []
    dut = SimpleNamespace(kind="external", commands={"restart": ["x"]}, ready_s=5.0)
    silent = SimpleNamespace(has=lambda role: False)
    controller = SimpleNamespace(dut=dut, must=ran.append)
    operator = DutCommandLine(
        SimpleNamespace(dut=SimpleNamespace(controller=controller), clock=SimClock(), bus=SimpleNamespace(db=silent))
    )
    operator.restart()
    assert ran == ["restart"]
    dut.commands = {}
    with pytest.raises(NotTested, match="no \\[dut.commands\\] restart"):
        operator.restart()


def ending(dut, **more):
    """The command line of a controller with this dut, and what it was made to do."""
    ran: list[str] = []
    controller = SimpleNamespace(
        dut=dut,
        must=ran.append,
        kill=lambda: ran.append("kill"),
        start=lambda: ran.append("start"),
        power_cycle=lambda: ran.append("power_cycle"),
        **more,
    )
    bus = SimpleNamespace(db=SimpleNamespace(has=lambda role: False))
    return DutCommandLine(SimpleNamespace(dut=SimpleNamespace(controller=controller), clock=SimClock(), bus=bus)), ran


def test_a_controller_is_killed_or_loses_its_supply_only_where_the_rig_can_do_that():
    dut = SimpleNamespace(kind="process", commands={}, ready_s=5.0)
    operator, ran = ending(dut, killable=True, supply_switched=False)
    operator.restart("kill")
    assert ran == ["kill", "start"]
    with pytest.raises(NotTested, match="no \\[dut.commands\\] power_cycle"):
        operator.restart("power_cycle")
    operator, ran = ending(dut, killable=False, supply_switched=True)
    operator.restart("power_cycle")
    assert ran == ["power_cycle"]
    with pytest.raises(NotTested, match="no \\[dut.commands\\] kill"):
        operator.restart("kill")


@pytest.mark.parametrize("how", ["restart", "kill", "power_cycle"])
def test_a_simulated_controller_has_its_latches_after_each_ending(bench, how):
    with bench.at_power(-3000), bench.inject(OverTemperature(cell=1, to_c=45.5)):
        assert bench.wait_until(bench.controller.latches.tripped, within_s=1)
    bench.controller.command_line.restart(how)
    assert bench.controller.latches.tripped()


def test_a_pack_is_charged_short_of_full_and_then_to_full(bench):
    bench.power.pack.seconds_below_full(90.0)
    with bench.inject(CellImbalance()):  # the upper limit makes room for the balancing charge
        bench.power.granted()
    assert bench.power.pack.charge_to(95.0)
    assert 94.9 <= bench.bus.signal("soc") < 97.0
    assert bench.power.pack.charge_to_full()


def test_a_controller_is_heard_again_after_its_restart(bench, parts):
    began_s = bench.bus.now_s()
    bench.controller.command_line.restart()
    frames = parts.bus.capture.frames(since_s=began_s)
    message = {role for at in range(len(frames)) for role in parts.bus.db.decode(frames.frame(at).message())}
    assert set(EMS_ROLES) <= message


def test_a_restart_after_which_nothing_is_heard_is_an_error(bench, monkeypatch, parts):
    start = parts.dut.controller.start
    monkeypatch.setattr(parts.dut.controller, "start", lambda: (start(), parts.dut.controller.stop()))
    began_s = bench.bus.now_s()
    with pytest.raises(BenchError, match="controller v2g-daemon"):
        bench.controller.command_line.restart()
    assert bench.bus.now_s() - began_s < bench.controller.dut.ready_s + 1.0


def test_a_controller_that_starts_in_a_fault_knows_nothing_else(bench):
    with bench.controller.starting(StateOfCharge(to_pct=27.0)):
        assert bench.wait_until(lambda: '"soc_own_pct": 27.0' in bench.controller.must("status").out, within_s=2)
    assert bench.bus.signal("soc") == pytest.approx(50.0, abs=0.2)


def test_a_silent_inverter_is_offline_and_answers_again(bench):
    with bench.power.inverter.silent():
        assert bench.wait_until(lambda: bench.controller.log.find("FAULT_INVERTER_OFFLINE"), within_s=3)
    assert bench.wait_until(lambda: '"online": true' in bench.controller.must("status").out, within_s=5)


def test_two_faults_at_once_begin_together_and_both_are_proven(bench, parts):
    both = (OverTemperature(cell=3, to_c=40.0), StringVoltageDifference(to_mv=250))
    done: list[str] = []
    with bench.inject(*both, meanwhile=lambda: done.append("meanwhile")) as active:
        seen = parts.bus.latest_all()
        assert seen["cell_temperature_max"] == pytest.approx(40.0, abs=0.1)
        assert seen["string_voltage_difference"] == pytest.approx(0.25, abs=0.001)
        assert active.on_bus.time_s <= bench.bus.now_s()
    assert done == ["meanwhile"]


def test_after_a_silence_the_bms_is_back(bench):
    with bench.inject(BmsSilence()):
        pass
    assert bench.bus.signal("pack_voltage") > 300


def test_a_trouble_code_is_read_over_the_bus(bench):
    with bench.inject(ImbalanceCode()):
        assert bench.wait_until(lambda: '"P0BBD"' in bench.controller.must("health").out, within_s=10)
        assert not bench.bus.signal("cell_imbalance")
        refused = bench.controller.run("set_power", power_w="-3000")
    assert "Cell Imbalance" in refused.err


def test_own_frames_are_looked_at(bench):
    count, wrong = bench.bus.unprotected_commands(over_s=0.5)
    assert count > 40
    assert wrong == []


def test_a_small_pack_is_as_large_as_asked_and_back_with_the_next_test(session, bench):
    bench.power.pack.small(capacity_ah=1.0)
    assert bench.wait_until(lambda: bench.bus.signal("capacity") == pytest.approx(1.0, abs=0.02), within_s=2)
    session.prepare()
    assert bench.wait_until(lambda: bench.bus.signal("capacity") > 100, within_s=2)


def test_power_at_the_pack_is_that_at_the_terminals_and_the_losses(bench):
    with bench.at_power(-3000):
        reading = bench.readings.pack_power()
        assert reading.value == pytest.approx(-3000 / 0.97, abs=40)
        assert reading.uncertainty.expanded < 60
        assert bench.readings.bms_current().value == pytest.approx(reading.value / 354, abs=0.5)


def test_a_charge_that_does_not_flow_is_given_up(bench, parts):
    began_s = bench.bus.now_s()
    parts.dut.controller.dut = parts.loaded.rig.dut.model_copy(
        update={"commands": {"set_power": ["v2g-ctrl", "--status"]}}
    )
    try:
        assert not bench.power.pack.charge_to_full()
    finally:
        parts.dut.controller.dut = parts.loaded.rig.dut
    assert bench.bus.now_s() - began_s < 60


def test_what_a_test_stands_on_is_no_failure_of_the_controller(bench):
    with pytest.raises(NotTested, match="has no signal for tyre_pressure"):
        bench.bus.needs("soc", "tyre_pressure")
    with pytest.raises(NotTested, match="has no signal for tyre_pressure"):
        bench.bus.signal("tyre_pressure")
    assert (bench.bus.signals.has("soc"), bench.bus.signals.has("tyre_pressure")) == (True, False)


def test_asking_again_and_again_is_asking_again(bench):
    with bench.inject(EmiNoise(jitter_ms=5)):
        before = len(re.findall("set-power", bench.controller.log.since_mark()))
        bench.power.insist(500, for_s=1.0)
        assert len(re.findall("set-power", bench.controller.log.since_mark())) - before >= 5
