"""What happens in the bare world (`standing` begins it)."""

from v2g_bench.faults import OverTemperature

HOT = OverTemperature(cell=17, to_c=45.5)


def test_a_hot_cell_ends_the_current(standing, told):
    played = standing.play(told(HOT))
    assert abs(played.current_a[-1]) < 0.01
    assert [code for _, code, _ in played.log if code != "-"] == ["EMERGENCY_SHUTDOWN"]
    assert not played.answer[0]


def test_a_core_that_raises_has_crashed(broken):
    played, violations = broken("crashes_on_danger", HOT)
    assert played.crash == "RuntimeError: index out of range"
    assert {"alive"} <= {one.invariant for one in violations}
