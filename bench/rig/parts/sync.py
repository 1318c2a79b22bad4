"""The sync line: one edge that starts the digitizer, at a time that the bench knows."""

from typing import Protocol

from v2g_bench.clock import Clock
from v2g_bench.plant.control import PlantClient
from v2g_bench.rig.parts.output import Output
from v2g_bench.rig.parts.timing import Edge

SEEN_A = 40.0  # of the emulated line at the shunt: far above ripple and noise, inside the range at rated current
PULSE_S = 0.005


class NoClockLink(Exception):
    """The bench cannot measure a time between two instruments."""


class Pause(Protocol):
    """Let bench time pass (s)."""

    def __call__(self, duration_s: float, /) -> None: ...


class EmulatedSync:
    """The plant's own line to the emulated instruments' trigger inputs and, where asked for, the digitizer's input."""

    marks = True

    def __init__(self, client: PlantClient) -> None:
        self._client = client

    def pulse(self, seen: bool = False) -> Edge:
        """Raise the line once. seen: in the digitizer's samples as well, as a step of SEEN_A that lasts 5 ms."""
        pulse = self._client.sync_pulse(marker_a=SEEN_A if seen else 0.0)
        return Edge(pulse.time_s, pulse.half_width_s)


class WiredSync:
    """Two wires of this machine. The edge was between the clock's readings before and after the call that made it."""

    def __init__(self, output: Output, clock: Clock, pause: Pause, *, marks: bool) -> None:
        self._output, self._clock, self._pause, self.marks = output, clock, pause, marks

    def pulse(self, seen: bool = False) -> Edge:
        """Raise the trigger once, for PULSE_S; seen: the mark with it."""
        if seen and not self.marks:
            raise NoClockLink("no wire reaches the digitizer's input (sync.mark): no edge can be seen in its samples")
        before_s = self._clock.now_s()
        try:
            self._output.set(trigger=True, mark=True if seen else None)
            after_s = self._clock.now_s()
            self._pause(PULSE_S)
        finally:
            self._output.set(trigger=False, mark=False if seen else None)
        return Edge((before_s + after_s) / 2, (after_s - before_s) / 2)


class NoSync:
    """No line is wired: nothing joins the digitizer's clock to that of the frames, and a latency cannot be measured."""

    marks = False

    def pulse(self, seen: bool = False) -> Edge:
        """Always NoClockLink."""
        raise NoClockLink(
            "nothing joins the digitizer's clock to the frames' ([sync] kind = \"none\"): no latency can be told"
        )
