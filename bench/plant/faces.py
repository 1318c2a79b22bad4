"""The plant as the inverter and the meters read it: stepped to the present before it answers."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from v2g_bench.clock import Clock
from v2g_bench.grid.supply import AcQuantities
from v2g_bench.inverter.port import InverterReading
from v2g_bench.plant.model import Plant

Samples = NDArray[np.float64]

MARK_S = 0.005
MOST_MARKS = 16  # more than any record holds


class PlantStage:
    """The plant as the inverter's power stage (`v2g_bench.inverter.port.PowerStage`)."""

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self._plant, self._clock = plant, clock

    def set_ac_power(self, ac_power_w: float, now_s: float, /) -> None:
        """Aim for this AC power, W, + = charge."""
        self._plant.set_ac_power(ac_power_w, now_s)

    def enable_bridge(self, on: bool, now_s: float, /) -> None:
        """Let the bridge switch, or stop it."""
        self._plant.enable_bridge(on, now_s)

    def measure(self) -> InverterReading:
        """What the inverter measures now. One that ignores a stop claims that it has stopped."""
        plant = self._plant
        now_s = self._clock.now_s()
        plant.step(now_s)
        now = np.array([now_s])
        return InverterReading(
            ac_power_w=plant.ac_power_w * plant.defects.inverter_scale,
            ac_voltage_v=float(plant.grid.voltage_v(now)[0]),
            frequency_hz=float(plant.grid.frequency_hz(now)[0]),
            dc_voltage_v=plant.bus_voltage_v,
            dc_current_a=plant.dc_current_a * plant.defects.inverter_scale,
            soc_pct=plant.soc_pct,
            running=plant.bridge_commanded if plant.defects.ignore_stop else plant.bridge_on,
            fault=False,
        )


class PlantProbe:
    """The plant as the meters' probe (`v2g_bench.instruments.emulated.meter.Probe`)."""

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self._plant, self._clock = plant, clock
        self._marks: deque[tuple[float, float, float]] = deque(maxlen=MOST_MARKS)

    def mark(self, at_s: float, height_a: float, lasts_s: float = MARK_S) -> None:
        """Let the meters see the sync line's mark: a pulse from at_s on, on top of the current."""
        self._marks.append((at_s, at_s + lasts_s, height_a))

    def unmark(self, at_s: float) -> None:
        """End a mark that was to last for ever."""
        if self._marks and math.isinf(self._marks[-1][1]):
            begun_s, _, height_a = self._marks.pop()
            self._marks.append((begun_s, at_s, height_a))

    def dc_current(self, t: Samples) -> Samples:
        """DC current with ripple at the times t, A, + = charge."""
        self._plant.step(self._clock.now_s())
        current_a = self._plant.dc_current(t)
        for from_s, until_s, height_a in self._marks:
            if t[0] < until_s and from_s <= t[-1]:
                current_a = current_a + height_a * ((t >= from_s) & (t < until_s))
        return current_a

    def ac(self, t_from_s: float, t_to_s: float) -> AcQuantities:
        """AC quantities over the window."""
        self._plant.step(self._clock.now_s())
        return self._plant.ac(t_from_s, t_to_s)
