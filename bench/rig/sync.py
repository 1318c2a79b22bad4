"""The sync line: one edge that starts the digitizer, at a time that the bench knows."""

from v2g_bench.plant.control import PlantClient
from v2g_bench.rig.trace import Edge


class NoClockLink(Exception):
    """The bench cannot tell a time between two instruments."""


class EmulatedSync:
    """The plant's own line to the emulated instruments' external trigger inputs."""

    def __init__(self, client: PlantClient) -> None:
        self._client = client

    def pulse(self) -> Edge:
        """Raise the line once."""
        pulse = self._client.sync_pulse()
        return Edge(pulse.time_s, pulse.half_width_s)


class NoSync:
    """No line is wired: nothing joins the digitizer's clock to that of the frames, and a latency cannot be told."""

    def pulse(self) -> Edge:
        """Always NoClockLink."""
        raise NoClockLink(
            "nothing joins the digitizer's clock to the frames' ([sync] kind = \"none\"): no latency can be told"
        )
