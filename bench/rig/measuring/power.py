"""`bench.power`: the power that a test asks the controller for, and what stands behind it.

    with bench.power.asking(2000, within_s=bench.controller.dut.ready_s): ...
    with bench.power.watching(-3000, for_s=1.0) as trace: ...          a power that must not come
    bench.power.settle()

Whatever a block asked for is taken back when the block is left, also when it is left by an error.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from v2g_bench.errors import BenchError, NotTested
from v2g_bench.evidence.shutdown import Closing
from v2g_bench.inverter.server_faults import ServerFault
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.measuring.aftermath import closing_of
from v2g_bench.rig.measuring.bus import Bus, SignalsRead
from v2g_bench.rig.measuring.comparisons import by_inverter
from v2g_bench.rig.measuring.cross_check import CrossCheck
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.pack import Pack
from v2g_bench.rig.measuring.rating import RATED_W, within_rating
from v2g_bench.rig.measuring.recordings import Recordings
from v2g_bench.rig.measuring.said.notebook import Notebook
from v2g_bench.rig.measuring.steady import START_S, wait_for_power
from v2g_bench.rig.measuring.trace import Trace
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.parts.timing import Timestamp
from v2g_bench.rig.safety.envelope import Envelope

COMMAND_POLL_S, INSIST_POLL_S = 0.02, 0.1
TURN_S = 1.0  # longer than precharge and the closing of the contactors
MOST_REQUESTS = 40  # of one `insist`: a command line is a process of its own on most rigs


class Power:
    """Asks the controller for power."""

    def __init__(
        self,
        parts: Parts,
        envelope: Envelope,
        latches: Latches,
        cross_check: CrossCheck,
        recordings: Recordings,
        read: SignalsRead,
        notebook: Notebook,
    ) -> None:
        self._parts, self._envelope, self._latches = parts, envelope, latches
        self._cross_check, self._recordings, self._read, self._notebook = cross_check, recordings, read, notebook
        self.pack = Pack(parts, Bus(parts, read), self)

    @contextmanager
    def asking(self, power_w: float, within_s: float = 0.0, *, releasing: bool = False) -> Iterator[str]:
        """Ask the controller for this power; the block runs when it is there or stands still elsewhere, at once if refused.

        Gives what the controller answered; asks for zero at the end. within_s: ask again for so long while it refuses,
        as one that has just been started does until it has received BMS and inverter. releasing: its latches first.
        """
        target_w, run = self.allowed_w(power_w), self._parts.dut.controller.run
        reply = Reply([], 1, "", "its latches cannot be released")

        def takes() -> bool:
            nonlocal reply
            if not releasing or self._latches.released():
                reply = run("set_power", power_w=f"{target_w:.0f}")
            return reply.status == 0

        if not wait_until(self._parts, takes, within_s, COMMAND_POLL_S) and releasing:
            self._latches.tripped()  # an error where nothing is received of the controller
        try:
            if reply.status == 0:
                wait_for_power(self._parts, target_w)
                standing = by_inverter(self._parts.loaded.rig, self._parts.inverter.reading(), "AC power")
                self._notebook.power(standing, "inverter")
                self._cross_check.check(target_w)
            self._read.clear()  # what was asked on the way is no part of what is judged
            yield " ".join((reply.out + reply.err).split())
        finally:
            run("set_power", power_w="0")

    def insist(self, *powers_w: float, for_s: float) -> None:
        """Ask for this power again and again, whatever the answer; for these in turn, TURN_S each."""
        run, clock = self._parts.dut.controller.run, self._parts.clock
        begun_s, turn_s = clock.now_s(), min(TURN_S, max(for_s, INSIST_POLL_S) / len(powers_w))

        def ask() -> None:
            turn = int((clock.now_s() - begun_s) / turn_s) % len(powers_w)
            run("set_power", power_w=f"{powers_w[turn]:.0f}")

        every_s = max(INSIST_POLL_S, min(turn_s, for_s / MOST_REQUESTS))
        wait_until(self._parts, ask, for_s, every_s)

    def closing(self, power_w: float) -> Closing:
        """Ask for this power while the contactors are open; how they closed."""
        ready_s = self._parts.loaded.rig.dut.ready_s
        return closing_of(self._parts, self.asking(power_w, within_s=ready_s, releasing=True))

    def dwell(self, power_w: float, idle_s: float, since_command_s: float | None) -> None:
        """Stay at a power for a time (s); then, unless None, command the same power again, and stay for that time."""
        self._parts.clock.pause(idle_s)
        if since_command_s is not None:
            self._parts.dut.controller.must("set_power", power_w=f"{self.allowed_w(power_w):.0f}")
            self._parts.clock.pause(since_command_s)

    @contextmanager
    def watching(self, power_w: float, for_s: float) -> Iterator[Trace]:
        """From a standstill ask for this power, and record what comes of it from that moment on.

        For a power that must not come: at least as long as a busy machine may take to begin with it.
        """
        wait_for_power(self._parts, 0.0)
        run = self._parts.dut.controller.run
        with self._recordings(rate_hz=1000, after_s=max(for_s, START_S)) as trace:
            try:
                run("set_power", power_w=f"{self.allowed_w(power_w):.0f}")
                yield trace
            finally:
                run("set_power", power_w="0")

    def granted(self) -> None:
        """Wait the time that the rig grants a fallback, where a trace then shows that it is in force."""
        self._parts.clock.pause(self._parts.loaded.rig.judging.fallback_s)

    def settle(self) -> None:
        """Wait the time that the rig grants a fallback, and until the power stands still."""
        clock, fallback_s = self._parts.clock, self._parts.loaded.rig.judging.fallback_s
        until_s = clock.now_s() + fallback_s
        wait_for_power(self._parts)
        wait_until(self._parts, lambda: clock.now_s() >= until_s, fallback_s + 1.0)

    def silent_inverter(self) -> AbstractContextManager[Timestamp]:
        """An inverter that answers nobody; from when on. BenchError where its server does not confirm the silence."""
        return self.inverter_line(ServerFault("silence"))

    @contextmanager
    def inverter_line(self, *faults: ServerFault) -> Iterator[Timestamp]:
        """An inverter whose line damages or loses what goes over it; from when on. BenchError where that is not confirmed."""
        plant = self._parts.world.plant
        if plant is None or self._parts.loaded.rig.inverter.kind != "emulated":
            raise NotTested("this rig cannot disturb the line between the controller and its inverter")
        self._parts.dut.controller.log.mark()
        before = plant.client.set_defects("inverter")
        wanted = [fault.to_dict() for fault in faults]
        try:
            if plant.client.set_defects("inverter", faults=wanted)["faults"] != wanted:
                raise BenchError("inverter", "its emulator did not take up the faults of its line")
            yield self._parts.bus.timestamp(self._parts.clock.now_s())
        finally:
            plant.client.set_defects("inverter", faults=before["faults"])

    @contextmanager
    def deaf_inverter(self) -> Iterator[None]:
        """An inverter that acknowledges every order to stop and runs on."""
        plant = self._parts.world.plant
        if plant is None or self._parts.loaded.rig.inverter.kind != "emulated":
            raise NotTested("a real inverter cannot be made to ignore a stop")
        before = plant.client.set_defects("plant")
        try:
            plant.client.set_defects("plant", ignore_stop=True, ignore_setpoint=True)
            yield
        finally:
            plant.client.set_defects(
                "plant", ignore_stop=before["ignore_stop"], ignore_setpoint=before["ignore_setpoint"]
            )

    def allowed_w(self, power_w: float = RATED_W) -> float:
        """This power (W), RATED_W as the most that the rig allows; BenchError beyond its ratings or its envelope."""
        return within_rating(self._parts, self._envelope, power_w)
