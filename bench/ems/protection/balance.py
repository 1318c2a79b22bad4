"""Cell imbalance: no V2G from the BMS's flag or trouble code until a balancing charge to 100 % is complete and both are clear.

balanced --(flag | trouble code)--> imbalanced --(full, no flag, no active code)--> balanced

A trouble code (DTC) can stay in the BMS's memory after its cause has ended. So only one that is still active blocks the
release, and one that is merely stored does not latch again before it has been cleared once.
"""

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.soc import is_full


class CellImbalance:
    """The latch behind the BMS's Cell Imbalance flag and its trouble codes."""

    def __init__(self, full_v: float = 4.2) -> None:
        self._full_v = full_v
        self.latched = False
        self.cause = "flag of the BMS"
        self.charged = False  # the balancing charge has reached 100 %
        self._active = False
        self._stored = False
        self._concluded = False  # the stored code has had its balancing charge

    def update(self, pack: PackState) -> None:
        """Judge the newest flag and state of charge."""
        flag = pack.flag("cell_imbalance")
        if flag and not self.latched:
            self.cause = "flag of the BMS"
        self._judge(flag, full=is_full(pack, self._full_v))

    def on_trouble_codes(self, code: str, *, stored: bool, active: bool, pack: PackState) -> None:
        """Judge a readout of the trouble codes. code: its name for people."""
        self._concluded = self._concluded and stored
        self._stored, self._active = stored, active
        if not self.latched and (active or (stored and not self._concluded)):
            self.latched, self.charged, self.cause = True, False, f"trouble code {code} of the BMS"
        self._judge(pack.flag("cell_imbalance"), full=is_full(pack, self._full_v))

    def _judge(self, flag: bool, *, full: bool) -> None:
        if not self.latched:
            self.latched = flag
            return
        self.charged = self.charged or full
        if self.charged and not flag and not self._active:
            self.latched = self.charged = False
            self._concluded = self._stored
