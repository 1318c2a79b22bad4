"""What one test has read, what faults it has had, and what happened at a moment of it: for whoever explains it afterwards."""

from v2g_bench.rig.measuring.around import Around, Surroundings
from v2g_bench.rig.measuring.bus import SignalsRead
from v2g_bench.rig.measuring.faults_in_force import FaultsInForce, Injected
from v2g_bench.rig.measuring.said.notebook import Notebook
from v2g_bench.rig.parts.protocol import Parts


class History:
    """Of one test. read: the signals that it has read."""

    def __init__(self, parts: Parts, notebook: Notebook, faults: FaultsInForce, read: SignalsRead) -> None:
        self._parts, self._notebook, self._faults, self.read = parts, notebook, faults, read

    def around(self, from_s: float, until_s: float, t0_s: float | None = None) -> Around:
        """What happened between these times (bench clock).

        t0_s: what it is about; None for when the last fault came on the bus, where that was between them.
        """
        if t0_s is None:
            last = self._faults.last
            t0_s = last.on_bus.time_s if last and from_s <= last.on_bus.time_s <= until_s else from_s
        return Surroundings(self._parts, self._notebook).around(t0_s, until_s)

    def injected(self) -> list[Injected]:
        """The faults that the test has injected."""
        return self._faults.injected

    def played(self) -> list[Injected]:
        """The faults of a scenario, which plays them on the emulated world itself."""
        clock = self._parts.clock
        wall_s, now_s = clock.wall_minus_bench_s(), clock.now_s()
        return [
            Injected([one.fault.kind], one.from_s + wall_s, None, min(one.to_s, now_s) + wall_s)
            for one in self._notebook.faults
        ]
