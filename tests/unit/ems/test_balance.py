from v2g_bench.ems.balance import CellImbalance
from v2g_bench.ems.pack_state import PackState


def test_states() -> None:
    guard, pack = CellImbalance(), PackState()
    seen = []
    for flag, soc_pct in ((0, 50), (1, 50), (0, 50), (0, 99), (0, 100), (0, 50), (1, 100), (1, 100), (0, 90)):
        pack.update({"cell_imbalance": flag, "soc": soc_pct})
        guard.hear(pack)
        seen.append(guard.latched)
    assert seen == [False, True, True, True, False, False, True, True, False]
