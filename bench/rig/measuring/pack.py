"""`bench.power.pack`: the pack that a test wants, where the rig can have another one than its own."""

import math
from contextlib import AbstractContextManager
from typing import Protocol

from v2g_bench.errors import NotTested
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.command_lines import NoStart
from v2g_bench.rig.measuring.contactors import Contactors
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts

FULL_PCT = 99.95  # shown
NEARLY_PCT = 0.001  # short of it an emulated pack begins its calibration charge: a second or two before it shows 100 %
NEARLY_FULL_SHOWN_PCT = 99.0
FULL_CHARGE_S = 12 * 3600.0
CHARGE_PATIENCE_S = 10.0
CHARGE_W = 2000.0
SECONDS_AH = 0.1  # 1.6 % a second at CHARGE_W and 350 V; a multiple of what a BMS can report


def nearly_full_pct(step_pct: float) -> float:
    """The state of charge a moment before a signal of this resolution shows a full pack.

    >>> nearly_full_pct(0.1), nearly_full_pct(0.5)
    (99.949, 99.749)
    """
    shown_pct = math.ceil(round(FULL_PCT / step_pct, 6)) * step_pct
    return round(shown_pct - step_pct / 2 - NEARLY_PCT, 6)


class Charging(Protocol):
    """What a charge is made with: `bench.power`."""

    def asking(
        self, power_w: float, within_s: float = 0.0, *, releasing: bool = False
    ) -> AbstractContextManager[str]: ...

    def settle(self) -> None: ...


class Pack:
    """The battery behind the power, and its contactors."""

    def __init__(self, parts: Parts, bus: Bus, power: Charging) -> None:
        self._parts, self._bus, self._power = parts, bus, power
        self.contactors = Contactors(parts, power)
        self._brief = False  # an emulated one that is full after seconds of charging

    def small(self, capacity_ah: float, soc_pct: float | None = None) -> None:
        """A pack of this capacity and state of charge (None: the rig's), and a controller that knows no other; NoStart
        where the rig cannot emulate one."""
        plant = self._parts.world.plant
        if plant is None or self._parts.loaded.rig.bms.kind != "emulated":
            self._parts.dut.controller.require_alive()
            raise NoStart("the test cannot start: with this pack it takes hours")
        plant.client.reset(capacity_ah=capacity_ah, soc_pct=soc_pct)
        self._parts.dut.fresh(heal=False)

    def brought(self, *, soc_pct: float | None, temperature_c: float | None) -> None:
        """An emulated pack at this state of charge and temperature, and a controller that knows no other; None: as it rests.

        Nothing is done where both are None.
        """
        plant = self._parts.world.plant
        if plant is not None and (soc_pct, temperature_c) != (None, None):
            plant.client.reset(soc_pct=soc_pct, temperature_c=temperature_c)
            self._parts.dut.fresh(heal=False)

    def charged_to(self, soc_pct: float) -> None:
        """A pack at this state of charge (%), and a controller that knows no other; NotTested where the pack is real."""
        if self._parts.world.plant is None or self._parts.loaded.rig.bms.kind != "emulated":
            raise NotTested(f"this rig has no emulated pack to be at {soc_pct:g} % at once")
        self.brought(soc_pct=soc_pct, temperature_c=None)

    def nearly_full(self) -> None:
        """A pack a few seconds short of 100 %, where the rig emulates one, and a controller that knows no other."""
        if self._parts.world.plant is not None:
            self._parts.world.plant.client.reset(soc_pct=nearly_full_pct(self._bus.signals.resolution("soc")))
            self._parts.dut.fresh(heal=False)

    def seconds_below_full(self, soc_pct: float) -> None:
        """A pack at this SoC that is full after seconds of charging, where the rig emulates one, and a controller that
        knows no other; elsewhere the pack stays as it is."""
        if self._parts.world.plant is not None:
            self._parts.world.plant.client.reset(soc_pct=soc_pct, capacity_ah=SECONDS_AH)
            self._brief = True
            self._parts.dut.fresh(heal=False)

    def charge_to_full(self) -> bool:
        """A calibration charge: charge until the BMS says 100 %; False where the controller lets nothing flow."""
        signal = self._bus.signal
        if self._parts.world.plant is not None and signal("soc") < NEARLY_FULL_SHOWN_PCT and not self._brief:
            self._parts.world.plant.client.reset(soc_pct=nearly_full_pct(self._bus.signals.resolution("soc")))
        return self.charge_to(FULL_PCT)

    def charge_to(self, soc_pct: float) -> bool:
        """Charge until the BMS reports this SoC or more; False where the controller lets nothing flow."""
        signal, clock = self._bus.signal, self._parts.clock
        none_w = self._parts.loaded.rig.judging.no_discharge_w
        with self._power.asking(CHARGE_W):
            flowed_s = clock.now_s()

            def done() -> bool:
                nonlocal flowed_s
                now_s = clock.now_s()
                if self._parts.inverter.reading().ac_power_w > none_w:
                    flowed_s = now_s
                return signal("soc") >= soc_pct or now_s - flowed_s > CHARGE_PATIENCE_S

            wait_until(self._parts, done, FULL_CHARGE_S)
            reached = signal("soc") >= soc_pct
            if reached and soc_pct >= FULL_PCT:
                # A controller counts the charge as full when it has seen it, not in the same instant.
                self._power.settle()
        return reached
