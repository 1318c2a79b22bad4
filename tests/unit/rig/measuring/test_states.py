"""States: that each of them is reached on a simulated rig, shows that it is, and leaves nothing behind."""

import pytest

from v2g_bench.faults import OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.measuring.states import STATES, NotThere, Setting
from v2g_bench.sim.rig import SimRig


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    with SimRig(load_rig("sim"), tmp_path_factory.mktemp("rig"), seed=1, note=lambda text: None) as opened:
        yield opened


@pytest.fixture
def bench(parts):
    session = Session(parts)
    session.prepare()
    return session.bench


@pytest.mark.parametrize("name", STATES)
def test_each_state_is_reached_and_left(bench, name):
    with bench.controller.in_state(name, Setting(power_w=-2000)) as state:
        power_w = bench.readings.inverter_power().value
        assert (abs(power_w) > 300) == state.flows
        assert state.name == name
    with bench.controller.in_state("discharging", Setting(fresh=STATES[name].lasting)):
        pass


def test_a_danger_before_the_controller_is_there_when_it_starts(bench):
    with bench.controller.in_state("starting") as state, state.inject(OverTemperature(cell=1, to_c=46)):
        bench.power.insist(-1000, for_s=0.5)
        assert bench.controller.latches.tripped()


def test_a_pack_at_another_charge_and_warmth(bench):
    with bench.controller.in_state("charging", Setting(power_w=1500, soc_pct=36.0, temperature_c=16.0)):
        assert bench.bus.signal("soc") == pytest.approx(36.0, abs=0.3)
        assert bench.bus.signal("cell_temperature_max") == pytest.approx(16.0, abs=0.6)


def test_what_does_not_come_is_named(bench, monkeypatch):
    monkeypatch.setattr("v2g_bench.rig.measuring.states.DERATED_SHARE", 0.01)
    with pytest.raises(NotThere, match="'derated'.* flow at 41 °C"), bench.controller.in_state("derated"):
        pass


def test_a_controller_that_stands_still_is_in_no_state_of_power(bench):
    with (
        bench.controller.command_line.limits(min_soc=60, max_soc=75),
        pytest.raises(NotThere, match="asked for -3000 W, -?0 W flow"),
        bench.controller.in_state("discharging"),
    ):
        pass
