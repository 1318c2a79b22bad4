import pytest

from v2g_bench.campaign.bus_observer import Limits
from v2g_bench.campaign.invariants import Judge, latency_ms
from v2g_bench.campaign.onrig import log_entries, play_on
from v2g_bench.campaign.prepared_world import play
from v2g_bench.faults import BmsSilence, OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with SimRig(load_rig("sim"), tmp_path_factory.mktemp("rig"), seed=1, note=lambda text: None) as parts:
        session = Session(parts)
        session.prepare()
        bench = session.bench
        yield parts, bench


@pytest.mark.parametrize(
    "faults", [(), (OverTemperature(cell=17, to_c=45.5),), (BmsSilence(),)], ids=["none", "hot", "silent"]
)
def test_the_bare_world_and_the_rig_agree(rig, setup, reported, faults):
    """The same verdict, the same codes; the latency within the 2 ms mean that the rig's record is."""
    scenario = reported(*faults, clear_s=0.3, end_s=0.36)
    bare, judge = play(setup, scenario), Judge(setup.db)
    whole, limits = play_on(*rig, scenario, Limits())
    auditor = Judge(rig[0].bus.db, limits)
    assert judge.judge(bare) == auditor.judge(whole) == []
    assert codes(bare) == codes(whole)
    assert whole.before_a == pytest.approx(bare.before_a, rel=0.01)
    if faults and isinstance(faults[0], OverTemperature):
        one = latency_ms(bare, judge.look(bare), judge.limits)
        other = latency_ms(whole, auditor.look(whole), auditor.limits)
        assert other == pytest.approx(one, abs=1.0)


def codes(scenario_run):
    return sorted({code for _, code, _ in scenario_run.log if code != "-"})


def test_a_log_in_another_form_is_read_for_its_codes():
    log = "2026-01-01T00:00:00 12.500000 ERROR EMERGENCY_SHUTDOWN Emergency shutdown: hot\nJan 1 bms: 0x0B22 noise\n\n"
    assert log_entries(log, 9.0) == [
        (12.5, "EMERGENCY_SHUTDOWN", "Emergency shutdown: hot"),
        (9.0, "0x0B22", "Jan 1 bms: 0x0B22 noise"),
    ]
