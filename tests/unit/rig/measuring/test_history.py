"""What a scenario has played, for the run's record."""

from types import SimpleNamespace

from v2g_bench.faults import BmsSilence, OverTemperature
from v2g_bench.rig.measuring.faults_in_force import Injected
from v2g_bench.rig.measuring.history import History
from v2g_bench.rig.measuring.said.notebook import InForce


def test_the_faults_of_a_scenario_are_on_the_clock_of_the_capture_and_end_with_the_test():
    hot, silent = OverTemperature(cell=1, to_c=50), BmsSilence()
    clock = SimpleNamespace(wall_minus_bench_s=lambda: 1000.0, now_s=lambda: 9.0)
    notebook = SimpleNamespace(faults=[InForce(hot, 3.0, 5.0), InForce(silent, 4.0)])
    history = History(SimpleNamespace(clock=clock), notebook, SimpleNamespace(injected=[]), None)
    assert history.played() == [
        Injected([hot.kind], 1003.0, None, 1005.0),
        Injected([silent.kind], 1004.0, None, 1009.0),
    ]
    assert history.injected() == []
