"""`bench.power.pack.contactors`: how the pack's contactors close, and contactors that do not open.

judge.closes(bench.power.pack.contactors.closing(3000))
with bench.power.pack.contactors.defect("weld_pole"): ...
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

from v2g_bench.errors import NotTested
from v2g_bench.evidence.shutdown import Closing
from v2g_bench.rig.measuring.aftermath import closing_of
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts

ContactorDefect = Literal["weld_contactor", "weld_pole", "stuck_feedback"]
WELDED, HEALED_S = 3, 1.0


class Asking(Protocol):
    """What asks the controller for power: `bench.power`."""

    def asking(
        self, power_w: float, within_s: float = 0.0, *, releasing: bool = False
    ) -> AbstractContextManager[str]: ...


class Contactors:
    """The contactors between the pack and the power."""

    def __init__(self, parts: Parts, power: Asking) -> None:
        self._parts, self._power = parts, power

    def closing(self, power_w: float) -> Closing:
        """Ask for this power while they are open; how they closed."""
        ready_s = self._parts.loaded.rig.dut.ready_s
        return closing_of(self._parts, self._power.asking(power_w, within_s=ready_s, releasing=True))

    @contextmanager
    def defect(self, name: ContactorDefect) -> Iterator[None]:
        """They have this defect while the block runs, one of `PlantDefects`; NotTested where they are real."""
        plant = self._parts.world.plant
        if plant is None or self._parts.loaded.rig.bms.kind != "emulated":
            raise NotTested(f"a real contactor cannot be given the defect {name}")
        plant.client.set_defects("plant", **{name: True})
        try:
            yield
        finally:
            plant.client.set_defects("plant", **{name: False})
            # What the BMS still reports of it is no fault of the rig.
            wait_until(self._parts, lambda: self._parts.bus.latest_all().get("contactor_state") != WELDED, HEALED_S)
