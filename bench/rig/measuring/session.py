"""One test on an open rig: how it begins, what must be in order at its end, and what its judge asks for.

session = Session(parts)
session.prepare()
with session.bench.at_power(-3000): ...
session.require_good()
"""

from v2g_bench.errors import BenchError
from v2g_bench.rig.measuring.bench import Bench
from v2g_bench.rig.measuring.bus import Bus, SignalsRead
from v2g_bench.rig.measuring.comparisons import Comparisons
from v2g_bench.rig.measuring.cross_check import CrossCheck
from v2g_bench.rig.measuring.faults_in_force import FaultsInForce
from v2g_bench.rig.measuring.history import History
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.power import COMMAND_POLL_S, Power
from v2g_bench.rig.measuring.readings import Readings
from v2g_bench.rig.measuring.recordings import Recordings
from v2g_bench.rig.measuring.said.compare import account_of, compared
from v2g_bench.rig.measuring.said.notebook import Notebook
from v2g_bench.rig.measuring.said.sheet import Sheet
from v2g_bench.rig.measuring.under_test import UnderTest
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.safety.envelope import Envelope

PROBE_W = 200.0
WELDED = 3  # role contactor_state


class Session:
    """Composes the bench of one test. comparisons: what compares the instruments; history: what the test has done and read."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.comparisons, read = parts, Comparisons(parts), SignalsRead()
        self._notebook = Notebook(parts)
        envelope = Envelope(parts.loaded.rig.safety.model_dump())
        bus, recordings = Bus(parts, read), Recordings(parts, self.comparisons)
        faults = FaultsInForce(parts, envelope)
        cross_check = CrossCheck(parts, self.comparisons, faults.in_force, recordings)
        self._latches = Latches(parts, bus)
        self._omitted = 0
        self.history = History(parts, self._notebook, faults, read)
        power = Power(parts, envelope, self._latches, cross_check, recordings, read, self._notebook)
        self.bench = Bench(
            parts,
            power=power,
            readings=Readings(parts, bus, self.comparisons, cross_check, recordings, self._notebook),
            bus=bus,
            controller=UnderTest(parts, self._latches, power, bus, faults),
            recordings=recordings,
            faults=faults,
        )

    def prepare(self) -> None:
        """A quiet, healthy pack and a controller without history: how every test begins."""
        parts, ready_s = self.parts, self.parts.loaded.rig.dut.ready_s
        self._omitted = parts.world.omitted()
        self._notebook.watch()
        parts.dut.fresh()
        if not wait_until(parts, lambda: self._latches.takes(PROBE_W), ready_s, COMMAND_POLL_S):
            parts.dut.controller.require_alive()
            # One that reports charge-only and takes a discharge all the same contradicts itself: that is the test's to find.
            reply = parts.dut.controller.run("set_power", power_w=f"{-PROBE_W:.0f}")
            if reply.status != 0 or self._latches.tripped():
                message = " ".join((reply.err + reply.out).split())
                where = f"controller {parts.loaded.rig.dut.name}"
                raise BenchError(where, f"takes no power command within {ready_s:g} s", message)
        parts.dut.controller.must("set_power", power_w="0")

    def require_good(self) -> None:
        """BenchError where the controller has died, or a part shows that it did not do its share."""
        self.parts.dut.controller.require_alive()
        if self.parts.bus.latest_all().get("contactor_state") == WELDED:
            raise BenchError(
                "bms", "reports a welded contactor", "replace it: the pack cannot be isolated by it any more"
            )

    def said_and_seen(self) -> Sheet:
        """What the controller has said in this test, held against what the bench has seen; its status is asked once
        more where it reports a latch, its record of overrides where there were some.
        """
        parts = self.parts
        if any(one.name == "force_limit" for one in self._notebook.commands):
            self.bench.controller.command_line.audit()
        if "status" in parts.dut.controller.dut.commands and self._latches.any_reported():
            parts.dut.controller.run("status")
            parts.clock.pause(self._latches.shown_s())
        return compared(account_of(parts, self._notebook, self._latches.shown_s(), self.omitted()))

    def omitted(self) -> int:
        """Frames that the emulated BMS has not sent since the test began, because the machine did not let it run: the
        controller has received less of it than the test states.
        """
        return self.parts.world.omitted() - self._omitted
