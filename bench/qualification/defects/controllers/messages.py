"""What comes over the wires, and what does not: silence, stale and damaged frames, nonsense; and frames sent wrong.

One of the defects is of the shell around the core: its factory changes the running process, which is the
controller's own, or that of a simulation with no other controller in it.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import can

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame, Quality, SendFrame
from v2g_bench.ems.model.setpoint import Arbiter, Ceiling, Setpoint
from v2g_bench.ems.ports.can_port import CanPort
from v2g_bench.ems.protection.ranges import PlausibleRange
from v2g_bench.ems.protection.signal_quality import SignalQuality
from v2g_bench.ems.protection.watchdog import BmsWatchdog, InverterWatch
from v2g_bench.qualification.defects.controllers import make

SPOILED_EVERY = 20  # frames of its own


class _NeverSilent(BmsWatchdog):
    def tick(self, now_s: float) -> None:
        if not self.alive:
            super().tick(now_s)

    def lose(self, why: str) -> None:
        return

    def deadline_s(self) -> float:
        return float("inf")


def stale_data_used(settings: EmsSettings) -> Ems:
    """Goes on with the last values when the BMS is silent."""
    thresholds = settings.thresholds
    watchdog = _NeverSilent(settings.plan.watched, thresholds.bms_recover_s, thresholds.startup_s)
    return make.having(settings, watchdog=watchdog)


def silence_after_a_second(settings: EmsSettings) -> Ems:
    """Waits a second for the BMS."""
    watched = {name: patience_s + 1.0 for name, patience_s in settings.plan.watched.items()}
    return Ems(replace(settings, plan=replace(settings.plan, watched=watched)))


class _Optimist(BmsWatchdog):
    """Counts as alive before the first frame; correct afterwards."""

    received = False

    def on_frame(self, message: str, now_s: float) -> None:
        self.received = True
        super().on_frame(message, now_s)

    def tick(self, now_s: float) -> None:
        if self.received:
            super().tick(now_s)
        else:
            self.alive = True


class _NeedsNoData(Arbiter):
    def arbitrate(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        return super().arbitrate(request_w, [one for one in ceilings if one.reason != "no BMS data yet"])


def starts_blind(settings: EmsSettings) -> Ems:
    """Accepts power commands before the first frame of the BMS."""
    thresholds = settings.thresholds
    watchdog = _Optimist(settings.plan.watched, thresholds.bms_recover_s, thresholds.startup_s)
    return make.having(settings, watchdog=watchdog, arbiter=_NeedsNoData())


class _PatientWatch(InverterWatch):
    def tick(self, now_s: float) -> None:
        return


def inverter_silence_ignored(settings: EmsSettings) -> Ems:
    """Never notices that the inverter does not answer."""
    return make.having(settings, inverter=_PatientWatch())


class _RepeatsCount(Ems):
    """Takes repeated frames for new ones."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is Quality.REPEATED:
            frame = Frame(frame.message, frame.values)
        return super().on_frame(frame, now_s)


class _Gullible(Ems):
    """Takes frames with a wrong checksum or counter for good ones."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        return super().on_frame(Frame(frame.message, frame.values), now_s)


class _Deaf(SignalQuality):
    def on_frame(self, message: str, quality: Quality, now_s: float) -> None:
        return


class _BelievesWhileCharging(Ems):
    """Counts frames with a wrong checksum as lost, and acts on their content while it charges."""

    way = 1.0  # or while it discharges

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is not Quality.BAD or self.way * self.request_w <= 0:
            return super().on_frame(frame, now_s)
        signal, self.parts.signal = self.parts.signal, _Deaf(self.settings.plan.expected)
        try:
            signal.on_frame(frame.message, frame.quality, now_s)
            return super().on_frame(Frame(frame.message, frame.values), now_s)
        finally:
            self.parts.signal = signal


class _BelievesWhileDischarging(_BelievesWhileCharging):
    way = -1.0


class _ReadsNothing(Ems):
    """Reads the trouble codes of the BMS and does nothing about them."""

    def on_trouble_codes(self, code: str, now_s: float, *, stored: bool, active: bool) -> list[Action]:
        return []


counter_unchecked: make.Factory = _RepeatsCount
checksum_unchecked: make.Factory = _Gullible
damage_believed_while_charging: make.Factory = _BelievesWhileCharging
damage_believed_while_discharging: make.Factory = _BelievesWhileDischarging
trouble_codes_ignored: make.Factory = _ReadsNothing


class _Credulous(PlausibleRange):
    def believable(self, values: Mapping[str, float], now_s: float) -> Mapping[str, float]:
        return values


def implausible_believed(settings: EmsSettings) -> Ems:
    """Accepts every value in a frame, without a plausibility check."""
    return make.having(settings, believable=_Credulous())


class _Spoiler:
    """A bus that damages what goes through it."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def send(self, message: can.Message, timeout: float | None = None) -> None:
        message.data[-1] ^= 1
        self._bus.send(message, timeout=timeout)


def commands_spoiled(settings: EmsSettings) -> Ems:
    """Each 20th of its frames has a checksum that does not fit."""
    sound, count = CanPort.send, itertools.count(1)

    def send(self: CanPort, frame: SendFrame) -> None:
        bus = self._bus
        if bus is not None and next(count) % SPOILED_EVERY == 0:
            self._bus = cast(Any, _Spoiler(bus))
        try:
            sound(self, frame)
        finally:
            if isinstance(self._bus, _Spoiler):
                self._bus = bus

    CanPort.send = send  # type: ignore[method-assign]
    return Ems(settings)
