"""Supervision of the bus: what is taken for news, for an answer, or for a value, and is none; and limits that are not kept.

Some of the defects are of the shell around the core: their factories change the running process, which is the
controller's own, or that of a simulation with no other controller in it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import inf

import can

from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import COUNTER_BYTE, check, protect
from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame, Quality
from v2g_bench.ems.model.setpoint import Arbiter, Ceiling, Setpoint
from v2g_bench.ems.ports.can_port import CanPort
from v2g_bench.ems.ports.modbus import ModbusLink
from v2g_bench.ems.protection.signal_quality import SignalQuality
from v2g_bench.ems.protection.trip import EmergencyTrip
from v2g_bench.qualification.defects.controllers import make

LARGE_W = 2000.0
BUCKET = 5  # frames, as in a receiver that counts one up and one down
OF_THE_BMS = "BMS power limit"


class _FedByBadFrames(Ems):
    """Any frame of a message keeps its watchdog quiet, a damaged or repeated one as well."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is not Quality.GOOD:
            self.parts.watchdog.on_frame(frame.message, now_s)
        return super().on_frame(frame, now_s)


bad_frames_feed_the_watchdog: make.Factory = _FedByBadFrames


def heartbeat_alone_is_watched(settings: EmsSettings) -> Ems:
    """Counts the BMS as alive while its heartbeat comes; without one, while anything but the safety values does."""
    plan = settings.plan
    heartbeats = {name: patience_s for name, patience_s in plan.watched.items() if not plan.needed.get(name)}
    if not heartbeats:
        return safety_message_unwatched(settings)
    return Ems(replace(settings, plan=replace(plan, watched=heartbeats)))


def safety_message_unwatched(settings: EmsSettings) -> Ems:
    """Watches every message but the one with the safety values."""
    plan = settings.plan
    others = {name: s for name, s in plan.watched.items() if "cell_temperature_max" not in plan.needed.get(name, ())}
    return Ems(replace(settings, plan=replace(plan, watched=others)))


class _Bucket(SignalQuality):
    """One up for a bad frame, one down for a good one, noise at five: what alternates never fills it."""

    level: Counter[str]

    def on_frame(self, message: str, quality: Quality, now_s: float) -> None:
        self.level[message] = max(0, self.level[message] + (-1 if quality is Quality.GOOD else 1))
        if self.level[message] >= BUCKET and self.noisy is None:
            self.noisy = f"{message}: too many bad frames"


def leaky_bucket(settings: EmsSettings) -> Ems:
    """Judges the line by a leaky bucket."""
    bucket = _Bucket(settings.plan.expected)
    bucket.level = Counter()
    return make.having(settings, signal=bucket)


def sequence_ignored(settings: EmsSettings) -> Ems:
    """Takes a frame whose checksum fits for good, whatever its counter."""
    sound = CanPort._judge

    def judge(self: CanPort, message: can.Message, spec: MessageSpec) -> Quality:
        quality = sound(self, message, spec)
        fits = spec.e2e is not None and check(message.data[: spec.length], spec.e2e.data_id)
        return Quality.GOOD if quality is Quality.BAD and fits else quality

    CanPort._judge = judge  # type: ignore[method-assign]
    return Ems(settings)


def short_frames_used(settings: EmsSettings) -> Ems:
    """Fills a frame that is too short with zeros, and takes it for the whole."""
    sound = CanPort._take

    def take(self: CanPort, message: can.Message) -> None:
        spec = self._db.by_id(message.arbitration_id, message.is_extended_id)
        if spec is not None and len(message.data) < spec.length:
            fits = spec.e2e is None or check(message.data, spec.e2e.data_id)
            message.data = bytearray(message.data).ljust(spec.length, b"\0")
            if spec.e2e is not None and fits:
                protect(message.data, spec.e2e.data_id, message.data[COUNTER_BYTE])
        sound(self, message)

    CanPort._take = take  # type: ignore[method-assign]
    return Ems(settings)


def gap_stops(settings: EmsSettings) -> Ems:
    """Gives the bus up when a counter shows that a single frame was lost."""
    sound = CanPort._judge

    def judge(self: CanPort, message: can.Message, spec: MessageSpec) -> Quality:
        receiver = self._receivers.get(spec.name)
        before = receiver.lost if receiver is not None else 0
        quality = sound(self, message, spec)
        if receiver is not None and receiver.lost > before:
            self._lost("a frame was lost")
        return quality

    CanPort._judge = judge  # type: ignore[method-assign]
    return Ems(settings)


def missing_value_ignored(settings: EmsSettings) -> Ems:
    """Goes on with the last value when the BMS states that it has none."""
    return Ems(replace(settings, plan=replace(settings.plan, needed={})))


class _MissingIsHot(Ems):
    """Takes a temperature that is not available for one that is too high."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        role = "cell_temperature_max"
        needed = self.settings.plan.needed.get(frame.message, frozenset())
        if frame.quality is Quality.GOOD and role in needed and role not in frame.values:
            frame = replace(frame, values={**frame.values, role: 3276.7})
        return super().on_frame(frame, now_s)


missing_value_trips: make.Factory = _MissingIsHot


class _HighestAlone(EmergencyTrip):
    def judge(self, role: str, value: float) -> str | None:
        return super().judge(role, value) if role in ("cell_temperature_max", make.STRINGS) else None


def highest_cell_alone_trips(settings: EmsSettings) -> Ems:
    """Believes the highest cell temperature against every other temperature that the BMS sends."""
    return make.having(settings, trip=_HighestAlone(make.trip_limits(settings)))


class _Greedy(Arbiter):
    """Leaves the BMS's own limits out, in one direction or in both."""

    directions: frozenset[str] = frozenset()

    def arbitrate(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        return super().arbitrate(request_w, [self._without(one) for one in ceilings])

    def _without(self, one: Ceiling) -> Ceiling:
        if one.reason != OF_THE_BMS:
            return one
        charge_w = inf if "charge" in self.directions else one.charge_w
        return replace(one, charge_w=charge_w, discharge_w=inf if "discharge" in self.directions else one.discharge_w)


def _greedy(settings: EmsSettings, *directions: str) -> Ems:
    arbiter = _Greedy()
    arbiter.directions = frozenset(directions)
    return make.having(settings, arbiter=arbiter)


def bms_limits_ignored(settings: EmsSettings) -> Ems:
    """Ignores the charge and the discharge limit that the BMS sends."""
    return _greedy(settings, "charge", "discharge")


def bms_charge_limit_ignored(settings: EmsSettings) -> Ems:
    """Keeps the BMS's discharge limit alone."""
    return _greedy(settings, "charge")


class _KeepsSmallLimits(_Greedy):
    """Leaves the BMS's own limits out while they are large."""

    def _without(self, one: Ceiling) -> Ceiling:
        small_w = [power_w if power_w < LARGE_W else inf for power_w in (one.charge_w, one.discharge_w)]
        return replace(one, charge_w=small_w[0], discharge_w=small_w[1]) if one.reason == OF_THE_BMS else one


def bms_limits_above_2_kw_ignored(settings: EmsSettings) -> Ems:
    """Keeps a limit of the BMS below 2 kW alone."""
    return make.having(settings, arbiter=_KeepsSmallLimits())


def _answered_by_damage(settings: EmsSettings, least_w: float) -> Ems:
    ems, sound = Ems(settings), ModbusLink._fail

    def fail(self: ModbusLink, why: str) -> None:
        if why.startswith(("what came", "an unrequested")) and -ems.request_w >= least_w:
            ems.parts.inverter.on_answer(asyncio.get_running_loop().time())
        sound(self, why)

    ModbusLink._fail = fail  # type: ignore[method-assign]
    return ems


def damaged_reply_is_an_answer(settings: EmsSettings) -> Ems:
    """Counts whatever comes from the inverter as a sign of life, damaged replies as well."""
    return _answered_by_damage(settings, -inf)


def damaged_reply_is_an_answer_discharging(settings: EmsSettings) -> Ems:
    """The same while it discharges alone."""
    return _answered_by_damage(settings, 1.0)
