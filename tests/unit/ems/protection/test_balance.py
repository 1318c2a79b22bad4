from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.balance import CellImbalance


def test_states() -> None:
    guard, pack = CellImbalance(), PackState()
    seen = []
    for flag, soc_pct in ((0, 50), (1, 50), (0, 50), (0, 99), (0, 100), (0, 50), (1, 100), (1, 100), (0, 90)):
        pack.update({"cell_imbalance": flag, "soc": soc_pct})
        guard.update(pack)
        seen.append(guard.latched)
    assert seen == [False, True, True, True, False, False, True, True, False]


def _codes(guard: CellImbalance, soc_pct: float, *, stored: bool, active: bool) -> bool:
    pack = PackState()
    pack.update({"cell_imbalance": 0, "soc": soc_pct})
    guard.update(pack)
    guard.on_trouble_codes("P0BBD", stored=stored, active=active, pack=pack)
    return guard.latched


def test_trouble_code_latches_until_the_balancing_charge_is_complete() -> None:
    guard = CellImbalance()
    assert not _codes(guard, 50, stored=False, active=False)
    assert _codes(guard, 50, stored=True, active=True)
    assert "P0BBD" in guard.cause
    assert _codes(guard, 50, stored=False, active=False), "gone, but not charged"
    assert _codes(guard, 50, stored=True, active=True)
    assert _codes(guard, 100, stored=True, active=True), "charged, but still active"
    assert guard.charged
    assert not _codes(guard, 99, stored=True, active=False)


def test_stored_code_does_not_latch_again_before_it_was_cleared() -> None:
    guard = CellImbalance()
    assert _codes(guard, 50, stored=True, active=False)
    assert not _codes(guard, 100, stored=True, active=False)
    assert not _codes(guard, 60, stored=True, active=False)
    assert not _codes(guard, 60, stored=False, active=False)
    assert _codes(guard, 60, stored=True, active=False)
