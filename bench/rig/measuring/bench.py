"""The bench as a test uses it: power, faults and recordings, and one object for each further capability; the same on every rig.

    with bench.at_power(-3000), bench.recording() as trace:
        with bench.inject(OverTemperature(cell=1, to_c=45.5)) as fault:
            isolation = trace.isolation(after=fault.on_bus)

| `bench.power`      | a power that may be refused, one that must not come; pack and inverter behind it |
| `bench.readings`   | what analyzer, digitizer, inverter and BMS measure                               |
| `bench.bus`        | signals, traffic, the wire                                                       |
| `bench.controller` | its states, its commands, its log, its latches, its operator                     |

Whatever a block changed is put back when the block is left, also when it is left by an error.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

from v2g_bench.draws.world import World
from v2g_bench.errors import NotTested as NotTested  # tests look for it here
from v2g_bench.faults import Fault
from v2g_bench.rig.measuring.anything import nearly
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.command_lines import NoStart
from v2g_bench.rig.measuring.faults_in_force import FaultsInForce
from v2g_bench.rig.measuring.injection import Active
from v2g_bench.rig.measuring.power import Power
from v2g_bench.rig.measuring.rating import RATED_W as RATED_W
from v2g_bench.rig.measuring.readings import Readings
from v2g_bench.rig.measuring.recordings import Recordings
from v2g_bench.rig.measuring.trace import RATE_HZ, Trace
from v2g_bench.rig.measuring.under_test import UnderTest
from v2g_bench.rig.measuring.waiting import POLL_S, wait_until
from v2g_bench.rig.parts.protocol import Parts

T = TypeVar("T")


class NotAtPower(NoStart):
    """The controller does not bring the rig to the power that a test starts from."""

    def __init__(self, asked_w: float, found_w: float, message: str) -> None:
        super().__init__(
            f"asked for {asked_w:.0f} W, the inverter stands at {found_w:.0f} W: the test cannot start; "
            f"the controller said: {message or 'nothing'}"
        )


class Bench:
    """What a conformance test holds in its hand; `session.Session` makes it."""

    def __init__(
        self,
        parts: Parts,
        *,
        power: Power,
        readings: Readings,
        bus: Bus,
        controller: UnderTest,
        recordings: Recordings,
        faults: FaultsInForce,
    ) -> None:
        self._parts, self._recordings, self._faults = parts, recordings, faults
        self.power, self.readings, self.bus, self.controller = power, readings, bus, controller

    @contextmanager
    def at_power(self, power: float | World) -> Iterator[None]:
        """Steady at this AC power (W, charge positive) while the block runs; raises NotAtPower where it cannot be had.

        RATED_W and -RATED_W: as much as the rig allows. A world that a trial drew: at its power, with the pack and the past
        that it drew as well. Such a pack is one that the controller has never seen otherwise: it is started with it. Then
        come the drawn time at power, the same power commanded again, and the drawn time since. Where its fault is a slow ramp,
        the pack is near that ramp's end.
        """
        world = power if isinstance(power, World) else World({"power_w": power})
        self.power.pack.brought(soc_pct=world.get("soc_pct"), temperature_c=world.get("pack_c"))
        target_w = self.power.allowed_w(world.power_w)
        with self.power.asking(target_w, within_s=self.controller.dut.ready_s, releasing=True) as message:
            found_w = self.readings.inverter_power().value or 0.0
            if abs(found_w - target_w) > 0.2 * abs(target_w):
                raise NotAtPower(target_w, found_w, message)
            with self._past(world) if world is power else nullcontext():
                yield

    @contextmanager
    def _past(self, world: World) -> Iterator[None]:
        """The past that was drawn, at power: near its ramp's end, some time, the same power commanded again, and some time."""
        near, since_command_s = nearly(world.get("fault")), world.get("since_command_s")
        with self.inject(near) if near else nullcontext():
            if near:
                self.power.settle()
            self._parts.clock.pause(world.get("idle_s") or 0.0)
            if since_command_s is not None:
                self.controller.must("set_power", power_w=f"{self.power.allowed_w(world.power_w):.0f}")
                self._parts.clock.pause(since_command_s)
            yield

    def recording(
        self, *, rate_hz: float = RATE_HZ, before_s: float = 0.05, after_s: float = 0.35, seen: bool = False
    ) -> Trace:
        """A recording of the DC current at the pack; see `Trace`."""
        return self._recordings(rate_hz=rate_hz, before_s=before_s, after_s=after_s, seen=seen)

    def inject(
        self,
        *faults: Fault,
        phase_s: float = 0.0,
        meanwhile: Callable[[], object] | None = None,
        alone: bool = False,
    ) -> AbstractContextManager[Active]:
        """These faults, all from `phase_s` from now on; proven on the bus before the block runs, taken back after it.

        meanwhile: done once the faults are on their way, so that they come while it runs. alone: an emulated BMS derives
        no flag or limit of them, so that nothing else ends the power; before a gateway a real one never does.
        """
        return self._faults.inject(*faults, phase_s=phase_s, meanwhile=meanwhile, alone=alone)

    def wait_until(self, condition: Callable[[], T], within_s: float, poll_s: float = POLL_S) -> T:
        """Wait for a condition with a bound; its last value, which is false when the time is over."""
        return wait_until(self._parts, condition, within_s, poll_s)
