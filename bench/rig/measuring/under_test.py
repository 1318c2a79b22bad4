"""`bench.controller`: the device under test, as a stranger sees it: its commands, its log, what it reports.

reply = bench.controller.run("reset_trip")
bench.controller.log.find("ERR_BMS_TIMEOUT")
with bench.controller.command_line.limits(min_soc=50, max_soc=75): ...
with bench.controller.in_state("derated") as state: ...
"""

from contextlib import AbstractContextManager

from v2g_bench.faults import Fault
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.dut.controller_log import LogTail
from v2g_bench.rig.file.model import Dut
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.command_lines import DutCommandLine
from v2g_bench.rig.measuring.faults_in_force import FaultsInForce
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.power import Power
from v2g_bench.rig.measuring.states import Setting, Situation, States
from v2g_bench.rig.parts.protocol import Parts


class UnderTest:
    """The controller, for a test. latches: its trip and charge-only latch, as it reports them; command_line: what
    a person does at it, its files, restarts and plans.
    """

    def __init__(self, parts: Parts, latches: Latches, power: Power, bus: Bus, faults: FaultsInForce) -> None:
        self._parts, self._faults, self.latches = parts, faults, latches
        self.command_line = DutCommandLine(parts)
        self._states = States(parts, power, bus, latches, self.command_line, faults)

    @property
    def dut(self) -> Dut:
        """What the rig file says of it: its commands, its thresholds, how long it may take to be ready."""
        return self._parts.loaded.rig.dut

    @property
    def log(self) -> LogTail:
        """Its log since the last mark: a test's begin, or a fault."""
        return self._parts.dut.controller.log

    def run(self, name: str, **values: str) -> Reply:
        """Run one of [dut.commands]; what it answered, refusals included."""
        return self._parts.dut.controller.run(name, **values)

    def must(self, name: str, **values: str) -> Reply:
        """The same; BenchError where it is refused."""
        return self._parts.dut.controller.must(name, **values)

    def starting(self, *faults: Fault) -> AbstractContextManager[None]:
        """It is started, without a past, while these faults are in force: it knows nothing else."""
        return self._faults.starting(*faults)

    def in_state(self, name: str, setting: Setting | None = None) -> AbstractContextManager[Situation]:
        """In one of `states.STATES` while the block runs, shown by what it lets see; restored after it.

        Raises: NotThere where it does not go there, NotTested where this rig or database cannot bring or show it there.
        """
        return self._states.entered(name, setting or Setting())
