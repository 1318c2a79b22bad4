"""`bench.power`: the power that a test asks the controller for, and what stands behind it.

    with bench.power.asking(2000, within_s=bench.controller.dut.ready_s): ...
    with bench.power.watch.once(-3000, for_s=1.0) as trace: ...        a power that must not come
    with bench.power.inverter.silent() as since: ...
    bench.power.pack.charge_to_full()

Whatever a block asked for is taken back when the block is left, also when it is left by an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.measuring.bus import Bus, SignalsRead
from v2g_bench.rig.measuring.comparisons import by_inverter
from v2g_bench.rig.measuring.cross_check import CrossCheck
from v2g_bench.rig.measuring.inverter_side import InverterSide
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.pack import Pack
from v2g_bench.rig.measuring.rating import RATED_W, within_rating
from v2g_bench.rig.measuring.recordings import Recordings
from v2g_bench.rig.measuring.said.notebook import Notebook
from v2g_bench.rig.measuring.steady import wait_for_power
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.measuring.watch import Watch
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.safety.envelope import Envelope

COMMAND_POLL_S, INSIST_POLL_S = 0.02, 0.1
TURN_S = 1.0  # longer than precharge and the closing of the contactors
MOST_REQUESTS = 40  # of one `insist`: a command line is a process of its own on most rigs


class Power:
    """Asks the controller for power. watch: for one that must not come; pack, inverter: what stands behind it."""

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
        self._cross_check, self._read, self._notebook = cross_check, read, notebook
        self.pack, self.inverter = Pack(parts, Bus(parts, read), self), InverterSide(parts)
        self.watch = Watch(parts, self, recordings)

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

    def granted(self) -> None:
        """Wait the time that the rig grants a fallback, where a trace then shows that it is in force."""
        self._parts.clock.pause(self._parts.loaded.rig.judging.fallback_s)

    def settle(self) -> None:
        """Wait the time that the rig grants a fallback, and until the power stands still."""
        clock, fallback_s = self._parts.clock, self._parts.loaded.rig.judging.fallback_s
        until_s = clock.now_s() + fallback_s
        wait_for_power(self._parts)
        wait_until(self._parts, lambda: clock.now_s() >= until_s, fallback_s + 1.0)

    def allowed_w(self, power_w: float = RATED_W) -> float:
        """This power (W), RATED_W as the most that the rig allows; BenchError beyond its ratings or its envelope."""
        return within_rating(self._parts, self._envelope, power_w)
