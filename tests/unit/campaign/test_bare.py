"""What happens in the bare world (`prepared` begins it)."""

from v2g_bench.faults import OverTemperature

HOT = OverTemperature(cell=17, to_c=45.5)


def test_a_hot_cell_ends_the_current(prepared, reported):
    scenario_run = prepared.play(reported(HOT))
    assert abs(scenario_run.current_a[-1]) < 0.01
    assert [code for _, code, _ in scenario_run.log if code != "-"] == ["EMERGENCY_SHUTDOWN"]
    assert not scenario_run.answer[0]


def test_a_core_that_raises_has_crashed(broken):
    scenario_run, violations = broken("crashes_on_danger", HOT)
    assert scenario_run.crash == "RuntimeError: index out of range"
    assert {"alive"} <= {one.invariant for one in violations}
