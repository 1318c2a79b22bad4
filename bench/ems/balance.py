"""Cell imbalance: no V2G from the BMS's flag until a balancing charge to 100 % has ended and the flag is gone.

balanced --(flag)--> imbalanced --(full, and no flag)--> balanced
"""

from v2g_bench.ems.pack_state import PackState
from v2g_bench.ems.soc import is_full


class CellImbalance:
    """The latch behind the BMS's Cell Imbalance flag."""

    def __init__(self, full_v: float = 4.2) -> None:
        self._full_v = full_v
        self.latched = False
        self._charged = False

    def hear(self, pack: PackState) -> None:
        """Judge the newest flag and state of charge."""
        if pack.flag("cell_imbalance"):
            self._charged = self.latched and (self._charged or is_full(pack, self._full_v))
            self.latched = True
        elif self.latched and (self._charged or is_full(pack, self._full_v)):
            self.latched = self._charged = False
