"""The sync line: one edge that starts the digitizer, at a time that the bench knows."""

from v2g_bench.plant.control import PlantClient
from v2g_bench.rig.trace import Edge

SEEN_A = 40.0  # of the emulated line at the shunt: far above ripple and noise, inside the range at rated current


class NoClockLink(Exception):
    """The bench cannot tell a time between two instruments."""


class EmulatedSync:
    """The plant's own line to the emulated instruments' trigger inputs and, where asked for, the digitizer's input."""

    def __init__(self, client: PlantClient) -> None:
        self._client = client

    def pulse(self, seen: bool = False) -> Edge:
        """Raise the line once. seen: in the digitizer's samples as well, as a step of SEEN_A that lasts 5 ms."""
        pulse = self._client.sync_pulse(marker_a=SEEN_A if seen else 0.0)
        return Edge(pulse.time_s, pulse.half_width_s)


class NoSync:
    """No line is wired: nothing joins the digitizer's clock to that of the frames, and a latency cannot be told."""

    def pulse(self, seen: bool = False) -> Edge:
        """Always NoClockLink."""
        raise NoClockLink(
            "nothing joins the digitizer's clock to the frames' ([sync] kind = \"none\"): no latency can be told"
        )
