"""`bench.controller`: the device under test, as a stranger sees it: its commands, its log, what it reports.

reply = bench.controller.run("reset_trip")
bench.controller.log.find("ERR_BMS_TIMEOUT")
with bench.controller.command_line.limits(min_soc=50, max_soc=75): ...
"""

from contextlib import AbstractContextManager

from v2g_bench.errors import NotTested
from v2g_bench.faults import Fault
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.dut.controller_log import LogTail
from v2g_bench.rig.dut.told import told
from v2g_bench.rig.file.model import Dut
from v2g_bench.rig.measuring.command_lines import DutCommandLine
from v2g_bench.rig.measuring.faults_in_force import FaultsInForce
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.watch import Watch
from v2g_bench.rig.parts.protocol import Parts


class UnderTest:
    """The controller, for a test. latches: its trip and charge-only latch, as it reports them; command_line: what
    a person does at it, its files, restarts and plans; watch: powers that it must not give, for a long time.
    """

    def __init__(self, parts: Parts, latches: Latches, faults: FaultsInForce, watch: Watch) -> None:
        self._parts, self._faults = parts, faults
        self.latches, self.watch = latches, watch
        self.command_line = DutCommandLine(parts)

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

    def tells(self, role: str) -> float | None:
        """What its status, or its health report, tells of a role now, 1 and 0 for yes and no; None where it does not tell.

        NotTested where the rig file does not state where that stands: [dut.status_told], [dut.health_told].
        """
        for command, keys in (("status", self.dut.status_told), ("health", self.dut.health_told)):
            key = {str(name): place for name, place in keys.items()}.get(role)
            if key and command in self.dut.commands:
                return told(self.must(command).out, key)
        raise NotTested(f"the rig file does not state how {role} is told: dut.status_told, dut.health_told")

    def starting(self, *faults: Fault) -> AbstractContextManager[None]:
        """It is started, without a past, while these faults are in force: it knows nothing else."""
        return self._faults.starting(*faults)
