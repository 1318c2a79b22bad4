"""What each minute of a year asks: driving power, plugged or not, service, charging, the next departure.

Drawn from a seed alone, so that every configuration meets the same year.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_bench.life.loop.climate import MINUTES_A_DAY, Climate
from v2g_bench.life.loop.duty import Driving, Duty
from v2g_bench.life.loop.frequency import synthetic_mhz

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

_LAST_MINUTE = MINUTES_A_DAY - 10
_DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Tour:
    """Minutes from the start; leave <= ... < back. kwh: at the battery."""

    leave: int
    back: int
    kwh: float


@dataclass(frozen=True)
class Agenda:
    """Arrays of one value a minute. drive_w: taken from the battery. wish_w: of the grid, AC, positive into the battery."""

    outside_c: Floats
    drive_w: Floats
    away: Flags
    plugged: Flags
    wish_w: Floats
    charging: Flags
    tours: tuple[Tour, ...]

    @property
    def minutes(self) -> int:
        """How many."""
        return self.outside_c.size


def agenda(duty: Duty, climate: Climate, seed: int, days: int = 365, warmer_k: float = 0.0) -> Agenda:
    """The year of a duty; day 0 is 1 January, a Monday."""
    weather, driving, grid = (np.random.default_rng([seed, stream]) for stream in (0xC1, 0xD4, 0xF6))
    minutes = days * MINUTES_A_DAY
    tours = _tours(duty.driving, driving, days)
    drive_w, away = np.zeros(minutes), np.zeros(minutes, dtype=bool)
    for tour in tours:
        away[tour.leave : tour.back] = True
        _drive(drive_w, tour, duty.driving)
    plugged = _plugged(away, tours, duty.parked.plugged_share, driving)
    in_service = _within(duty.service.hours, minutes)
    wish_w = np.where(in_service, _wish_w(duty, grid, minutes), 0.0)
    return Agenda(
        outside_c=climate.minutes_c(weather, days, warmer_k),
        drive_w=drive_w,
        away=away,
        plugged=plugged,
        wish_w=wish_w,
        charging=_within(duty.service.charge_hours, minutes),
        tours=tuple(tours),
    )


def _wish_w(duty: Duty, rng: np.random.Generator, minutes: int) -> Floats:
    """What the grid would have at any minute: constant discharge, or a droop on the frequency."""
    service = duty.service
    if service.kind == "none":
        return np.zeros(minutes)
    if service.kind == "peak shaving":
        return np.full(minutes, -service.power_w)
    off = synthetic_mhz(rng, minutes)
    off = np.where(np.abs(off) < service.deadband_mhz, 0.0, off)
    return np.clip(off / service.full_mhz, -1.0, 1.0) * service.power_w


def _tours(driving: Driving, rng: np.random.Generator, days: int) -> list[Tour]:
    tours = []
    for day in range(days):
        # Every day draws the same numbers, driven or not: a changed share then changes that share alone.
        chance, km, leave, back = rng.random(), rng.standard_normal(), rng.standard_normal(), rng.standard_normal()
        weekday = day % _DAYS_A_WEEK
        share = (driving.weekday_share,) * 5 + (driving.saturday_share, driving.sunday_share)
        if chance >= share[weekday]:
            continue
        distance = min(driving.km * float(np.exp(driving.km_sigma * km)), driving.longest_km)
        under_way = max(2, round(60 * distance / driving.speed_km_h))
        first = round(60 * (driving.leave_h + driving.leave_sd_h * leave))
        first = min(max(first, 0), _LAST_MINUTE - under_way)
        last = round(60 * (driving.return_h + driving.return_sd_h * back))
        last = min(max(last, first + under_way), _LAST_MINUTE)
        start = day * MINUTES_A_DAY
        tours.append(Tour(start + first, start + last, distance * driving.kwh_per_km))
    return tours


def _drive(drive_w: Floats, tour: Tour, driving: Driving) -> None:
    """Spread a tour's energy over the minutes in which it is driven."""
    minutes = tour.back - tour.leave
    if driving.pattern == "there and back":
        leg = min(max(1, round(30 * tour.kwh / driving.kwh_per_km / driving.speed_km_h)), minutes // 2)
        power_w = 60_000.0 * tour.kwh / (2 * leg)
        drive_w[tour.leave : tour.leave + leg] = power_w
        drive_w[tour.back - leg : tour.back] = power_w
    else:
        drive_w[tour.leave : tour.back] = 60_000.0 * tour.kwh / minutes


def _plugged(away: Flags, tours: list[Tour], share: float, rng: np.random.Generator) -> Flags:
    """Each stay at home is plugged in or not, as a whole."""
    plugged, begin = ~away, 0
    for leave, back in [(tour.leave, tour.back) for tour in tours] + [(away.size, away.size)]:
        if rng.random() >= share:
            plugged[begin:leave] = False
        begin = back
    return plugged


def _within(hours: tuple[tuple[float, float], ...], minutes: int) -> Flags:
    hour = np.arange(minutes) % MINUTES_A_DAY / 60.0
    found = np.zeros(minutes, dtype=bool)
    for begin, end in hours:
        found |= (hour >= begin) & (hour < end)
    return found
