"""`bench.power.inverter`: its DC link; and an inverter that is not as it should be, where the rig emulates it, sound again
after the block.

with bench.power.inverter.silent() as since: ...
with bench.power.inverter.line(ServerFault("garbage")) as since: ...
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from v2g_bench.errors import BenchError, NotTested
from v2g_bench.evidence.reading import Reading
from v2g_bench.inverter.server_faults import ServerFault
from v2g_bench.rig.measuring.comparisons import by_inverter
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.parts.timing import Timestamp


class InverterSide:
    """The inverter and the line to it. What makes them sick is NotTested where they are real."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def link_voltage(self) -> Reading:
        """The voltage of its DC link (V), behind the contactors, as it reports it; NotTested where it does not."""
        reading = by_inverter(self._parts.loaded.rig, self._parts.inverter.reading(), "DC voltage")
        if reading is None:
            raise NotTested("this inverter does not report the voltage of its DC link")
        return reading

    def silent(self) -> AbstractContextManager[Timestamp]:
        """An inverter that answers nobody; from when on. BenchError where its server does not confirm the silence."""
        return self.line(ServerFault("silence"))

    @contextmanager
    def line(self, *faults: ServerFault) -> Iterator[Timestamp]:
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
    def deaf(self) -> Iterator[None]:
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
