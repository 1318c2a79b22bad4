"""What all faults of the wire itself have: a condition for a bus with physics, and a readback from the wire's own counters.

They need `physics = true` in the rig's [bus.main]; elsewhere an injection is refused. The faults of frames (`EmiNoise`,
`BmsSilence`) work on every bus: they change what the BMS hands over, not what happens on the wires.
"""

import math

from v2g_bench.can.physics.condition import Condition
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import NODES, WireExpectation


class WireFault(Fault):
    """A fault of the wire, described by `condition`. silences: no frame of the BMS gets through while it acts."""

    @property
    def silences(self) -> bool:
        return False

    def condition(self) -> Condition:
        """What is wrong with the wire."""
        raise NotImplementedError

    def wire(self) -> Condition | None:
        return self.condition()

    def readback(self) -> WireExpectation:
        """Frames are destroyed."""
        return WireExpectation({"destroyed": (1, math.inf)})

    def _check_node(self, field: str = "node") -> None:
        value = getattr(self, field)
        if value not in NODES:
            raise BenchError(f"fault {self.kind}", f"{field}={value!r} is no node", f"use {', '.join(NODES)}")
