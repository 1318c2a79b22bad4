"""The emulated world on a simulated bus: what the plant process is on the emulated rigs, without a process.

The same world, register map, Modbus server and instruments, put together by the same `compose`; `client` gives the bench the
operations of the control socket as plain calls.
"""

from collections.abc import Mapping
from typing import Any

import can

from v2g_bench.can.database import BusDatabase
from v2g_bench.inputs.models import checked_arguments
from v2g_bench.plant.compose import Composition
from v2g_bench.plant.control import Operation, PlantClient
from v2g_bench.plant.settings import PlantSettings
from v2g_bench.sim.bus import SimBus
from v2g_bench.sim.loop import SimLoop
from v2g_bench.sim.timeline import Event, Timeline
from v2g_bench.sim.wirebus import SimWireBus

SAMPLE_S = 0.01  # the simulated BMS looks at its sensors this often, as real ones do; the emulated one for every frame


class DirectClient(PlantClient):
    """The test's hand on the simulated world: every operation is a call, done when it returns."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    def close(self) -> None:
        """There is no connection."""

    def _call(self, op: str, args: Mapping[str, Any]) -> Any:
        operation = self._operations[op]
        return operation(**checked_arguments(operation, args, f"control: {op}"))


class SimPlant:
    """Plant, BMS, inverter and meters. `open` starts them, `close` ends them."""

    def __init__(
        self, settings: PlantSettings, db: BusDatabase, timeline: Timeline, loop: SimLoop, bus: SimBus
    ) -> None:
        self._timeline, self._loop, self._bus = timeline, loop, bus
        parts = Composition(settings, timeline)
        assert parts.inverter is not None
        assert parts.server is not None
        self.plant, self.stage, self.inverter, self._server = parts.plant, parts.stage, parts.inverter, parts.server
        self.meters = parts.meters
        self.world = parts.join_bus(db, sample_s=SAMPLE_S, wire=bus if isinstance(bus, SimWireBus) else None)
        self.client = DirectClient(parts.operations(end=self.close, changed=self._arm))
        self.modbus_port = 0
        self._event: Event | None = None

    def open(self) -> None:
        """Join the bus, serve Modbus, begin to send."""
        self.modbus_port = self._loop.complete(self._server.start(), 1.0)
        self._bus.join(self, self._on_frame, "bms")
        self._arm()

    def close(self) -> None:
        """Leave the bus, close the server; nothing happens the second time."""
        if self._event is None:
            return
        self._event.cancel()
        self._event = None
        self._bus.leave(self)
        self._loop.complete(self._server.stop(), 1.0)

    def _on_frame(self, message: can.Message) -> None:
        self.world.on_frame(message, self._timeline.now_s())

    def _arm(self) -> None:
        if self._event is not None:
            self._event.cancel()
        self._event = self._timeline.at(self.world.next_due_s, self._wake)

    def _wake(self) -> None:
        now_s = self._timeline.now_s()
        for sent in self.world.advance(now_s):
            self._bus.send(self, sent.frame)
            self.world.handed_over(sent, now_s, now_s)
        self._event = self._timeline.at(self.world.next_due_s, self._wake)
