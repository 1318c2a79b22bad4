"""The sync line: one edge that starts the digitizer, at a time that the bench knows."""

from v2g_bench.errors import BenchError
from v2g_bench.plant.control import PlantClient
from v2g_bench.rig.trace import Edge


class EmulatedSync:
    """The plant's own line to the emulated instruments' external trigger inputs."""

    def __init__(self, client: PlantClient) -> None:
        self._client = client

    def pulse(self) -> Edge:
        """Raise the line once."""
        pulse = self._client.sync_pulse()
        return Edge(pulse.time_s, pulse.half_width_s)


class NoSync:
    """No line is wired: a digitizer cannot be started at a known time."""

    def pulse(self) -> Edge:
        """Always a BenchError that says what is missing."""
        raise BenchError("sync", "this rig has no sync line to the digitizer", "wire one, and describe it under [sync]")
