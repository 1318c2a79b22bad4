"""Whether a rig's locks are still held: checked outside the supervisor's loop, which waits for no file system."""

import contextlib
import threading
import time

from v2g_bench.errors import BenchError
from v2g_bench.rig.safety.lock import Holding

REFRESH_S = 1.0
HUNG_S = 30.0  # a file system that has not answered for this long: whether the locks are held cannot be known


class LockWatch(threading.Thread):
    """Checks every REFRESH_S until a lock is lost, which `problem` states. Started by its user, ended by `release`."""

    def __init__(self, holding: Holding) -> None:
        super().__init__(name="lock watch", daemon=True)
        self._holding, self._lost = holding, ""
        self._over = threading.Event()
        self._looked_s = time.monotonic()

    def run(self) -> None:
        while not self._lost and not self._over.wait(REFRESH_S):
            self._lost = self._holding.lost()
            self._looked_s = time.monotonic()

    def problem(self) -> str:
        """Why the rig may not go on; "" while all locks are held."""
        if not self._lost and self.is_alive() and time.monotonic() - self._looked_s > HUNG_S:
            return f"the folder of the locks has not answered for {HUNG_S:g} s: {self._holding.paths[0].parent}"
        return self._lost

    def release(self) -> None:
        """Give the locks back; left to the end of this process where the file system does not answer."""
        self._over.set()
        self.join(REFRESH_S)
        if not self.is_alive():
            with contextlib.suppress(BenchError):  # whether the loss has been reported
                self._holding.release()
