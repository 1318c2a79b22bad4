import pytest

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.soc import SocDivergence, is_full


def _pack(soc_pct: float, current_a: float = 0.0, capacity_ah: float | None = 100.0, **more: float) -> PackState:
    pack = PackState()
    pack.update({"soc": soc_pct, "pack_current": current_a, **more})
    if capacity_ah is not None:
        pack.update({"capacity": capacity_ah})
    return pack


def test_counts_coulombs_both_ways() -> None:
    guard = SocDivergence()
    guard.update(_pack(50.0), 0.0)
    for tick in range(1, 3601):
        guard.update(_pack(50.0, -100.0), tick * 0.1)
    assert guard.own_pct == pytest.approx(40.0)
    assert guard.offset_pct == pytest.approx(10.0)
    for tick in range(3601, 7201):
        guard.update(_pack(50.0, 100.0), tick * 0.1)
    assert guard.own_pct == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("jump_pct", "diverges"), [(4.9, False), (5.0, False), (5.1, True), (-5.0, False), (-5.1, True)]
)
def test_boundary(jump_pct: float, diverges: bool) -> None:
    guard = SocDivergence()
    guard.update(_pack(50.0), 0.0)
    guard.update(_pack(50.0 + jump_pct), 0.1)
    assert (guard.diverged is not None) is diverges


def test_latched_until_calibrated_and_reset() -> None:
    guard = SocDivergence()
    guard.update(_pack(50.0), 0.0)
    guard.update(_pack(60.0), 0.1)
    guard.update(_pack(50.0), 0.2)
    assert guard.diverged is not None, "agreeing again does not release it"
    assert guard.reset_offset() == "the calibration charge to 100 % is not complete"
    guard.update(_pack(99.9), 0.3)
    assert guard.reset_offset() is not None
    guard.update(_pack(99.95), 0.4)
    guard.update(_pack(99.0), 0.5)
    assert guard.reset_offset() is None
    assert (guard.diverged, guard.calibrated, guard.offset_pct) == (None, False, 0.0)
    guard.update(_pack(99.0), 0.6)
    assert guard.own_pct == 99.0


def test_full_by_cell_voltage_when_the_bms_never_shows_100() -> None:
    assert is_full(_pack(92.0, cell_voltage_max=4.196), full_v=4.2)
    assert not is_full(_pack(92.0, cell_voltage_max=4.19), full_v=4.2)


def test_gap_is_not_filled_with_a_guess() -> None:
    guard = SocDivergence()
    guard.update(_pack(50.0, -100.0), 0.0)
    guard.update(_pack(50.0, -100.0), 3600.0)
    assert guard.own_pct == pytest.approx(50.0, abs=0.01)


def test_without_capacity_it_does_not_count_but_still_compares() -> None:
    guard = SocDivergence()
    guard.update(_pack(50.0, -100.0, None), 0.0)
    guard.update(_pack(50.0, -100.0, None), 0.1)
    assert guard.own_pct == 50.0
    guard.update(_pack(56.0, 0.0, None), 0.2)
    assert guard.diverged is not None


def test_restored_divergence_is_latched() -> None:
    guard = SocDivergence()
    guard.restore("yesterday", calibrated=False)
    guard.update(_pack(50.0), 0.0)
    assert guard.diverged == "yesterday"
    assert guard.reset_offset() is not None
