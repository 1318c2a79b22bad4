"""A year of a duty, minute by minute, in which the reference controller decides.

Each minute: what the agenda asks (a tour, the grid's wish, charging hours, a departure to be ready for) becomes a request; the
controller makes a power of it and asks for cooling; the battery carries it out. The one who asks (`_Asking`) is no controller:
an aggregator that knows the window and the next departure, as simple as can be.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.model.plans import Departure, V2gWindow
from v2g_bench.life.loop.agenda import Agenda, Tour, agenda
from v2g_bench.life.loop.car import (
    HEATER_W,
    HEATS_BELOW_C,
    STEP_S,
    VEHICLE_COOLS_ABOVE_C,
    Battery,
    Car,
    dc_w,
)
from v2g_bench.life.loop.climate import MINUTES_A_DAY, Climate
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.controller import Controller, Factory
from v2g_bench.life.loop.duty import Duty
from v2g_bench.pack.ageing.series import Series

Floats = NDArray[np.float64]

_HOURS_PER_W = STEP_S / 3600.0
_RESERVE = 0.03  # of SoC: a tour that would end below it cannot be served
_SHORT = 0.02  # of SoC below the wanted one: a departure that counts as short
_ROUNDING_AH = 1e-6  # less than this beyond empty or full is the arithmetic's
_EARLY, _EARLY_MIN = 1.5, 20  # charging for a departure begins this factor, and these minutes, early
_HOLD_SHARE, _HOLD_BAND = 0.3, 0.1  # regulation: share of the power that holds the SoC, reached so far from the middle


@dataclass
class Tally:
    """What a year came to. kWh at the AC terminals; charged and served are what the grid gave and got."""

    charged_kwh: float = 0.0
    served_by_day_kwh: list[float] = field(default_factory=list)
    wished_kwh: float = 0.0
    driven_kwh: float = 0.0
    cooling_heating_kwh: float = 0.0
    unserved_tours: int = 0
    short_departures: int = 0
    tours: int = 0
    clipped_ah: float = 0.0
    trips: int = 0
    hot_minutes: int = 0  # above 35 °C, the end of the manual's window
    cold_charge_minutes: int = 0  # charging below 10 °C
    limited_minutes: dict[str, int] = field(default_factory=dict)  # by what held a request down

    @property
    def served_kwh(self) -> float:
        """Discharged to the grid."""
        return sum(self.served_by_day_kwh)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the duty was not served; empty when it was."""
        found = []
        if self.unserved_tours:
            found.append(
                f"{self.unserved_tours} of {self.tours} tours could not be driven with the charge that was left"
            )
        if self.clipped_ah > _ROUNDING_AH:
            found.append(f"{self.clipped_ah:.2g} Ah were asked for beyond an empty or a full battery")
        return tuple(found)


@dataclass(frozen=True)
class Year:
    """The battery's history, one sample a minute, and the tally. soc, pack_c: (minutes + 1,); current_a: (minutes,)."""

    battery: Battery
    soc: Floats
    pack_c: Floats
    current_a: Floats
    ac_w: Floats
    tally: Tally

    @property
    def series(self) -> Series:
        """For the ageing laws: as SoC and as C-rate of the capacity that is left, so that years of one life add up."""
        time_s = STEP_S * np.arange(self.soc.size, dtype=np.float64)
        one = self.battery
        current = np.append(self.current_a, 0.0) / one.left
        return Series(time_s, self.soc, self.pack_c, current, one.new_ah, one.chemistry, one.nominal_v)


@dataclass(frozen=True)
class Setting:
    """What a year is run with, but for the configuration. served_kwh: the most that the
    grid asks for on each day; None: no bound."""

    duty: Duty
    climate: Climate
    seed: int = 1
    days: int = 365
    warmer_k: float = 0.0
    battery: Battery = field(default_factory=Battery)
    served_kwh: tuple[float, ...] | None = None
    start_soc: float = 0.6

    def agenda(self) -> Agenda:
        """The year's agenda; the same for every configuration."""
        return agenda(self.duty, self.climate, self.seed, self.days, self.warmer_k)


def run_year(
    setting: Setting,
    configuration: Configuration,
    *,
    factory: Factory = Ems,
    year: Agenda | None = None,
    progress: Callable[[int], None] = lambda day: None,
) -> Year:
    """One year (or `setting.days`). factory: makes the controller. progress: called with each day that begins."""
    plan = year or setting.agenda()
    loop = _Loop(setting, configuration, factory, plan)
    for day in range(setting.days):
        progress(day)
        loop.day(day)
    return loop.result()


class _Asking:
    """The request of a minute, W (AC, positive into the battery)."""

    def __init__(self, setting: Setting, configuration: Configuration) -> None:
        self._service = setting.duty.service
        self._wanted = setting.duty.parked.wanted_soc_pct / 100.0
        limits = configuration.limits
        self._middle = (limits.min_soc_pct + limits.max_soc_pct) / 200.0
        self._power_w = self._service.power_w
        self._minutes_per_soc = 60_000.0 * setting.battery.energy_kwh / self._power_w

    def request_w(self, soc: float, wish_w: float, charging: bool, left_min: float, served_enough: bool) -> float:
        """left_min: until the next departure."""
        lacks = self._wanted - soc
        if lacks > 0 and left_min <= _EARLY * lacks * self._minutes_per_soc + _EARLY_MIN:
            return self._power_w
        if wish_w < 0 and served_enough:
            wish_w = 0.0
        if self._service.kind == "frequency regulation":
            held = max(self._middle, self._wanted) if charging else self._middle
            base = min(max((held - soc) / _HOLD_BAND, -1.0), 1.0) * _HOLD_SHARE * self._power_w
            return min(max(wish_w + base, -self._power_w), self._power_w)
        return wish_w if wish_w < 0 else self._power_w if charging else 0.0


class _Loop:
    def __init__(self, setting: Setting, configuration: Configuration, factory: Factory, plan: Agenda) -> None:
        self._setting, self._plan = setting, plan
        self._controller = Controller(configuration, factory)
        self._car = Car(setting.battery, setting.start_soc, float(plan.outside_c[:MINUTES_A_DAY].mean()))
        self._asking = _Asking(setting, configuration)
        self._tours: Iterator[Tour] = iter(plan.tours)
        self._next: Tour | None = next(self._tours, None)
        self._was_plugged = False
        self._soc, self._pack_c = [self._car.soc], [self._car.pack_c]
        self._current_a: list[float] = []
        self._ac_w: list[float] = []
        self._served_kwh, self._cap_kwh = 0.0, inf
        self.tally = Tally(tours=len(plan.tours), driven_kwh=sum(tour.kwh for tour in plan.tours))

    def day(self, day: int) -> None:
        """One day's minutes."""
        plan, first = self._plan, day * MINUTES_A_DAY
        today = slice(first, first + MINUTES_A_DAY)
        columns = (plan.outside_c, plan.drive_w, plan.away, plan.plugged, plan.wish_w, plan.charging)
        self._served_kwh, caps = 0.0, self._setting.served_kwh
        self._cap_kwh = inf if caps is None else caps[day]
        rows = zip(*(column[today].tolist() for column in columns), strict=True)
        for minute, (outside_c, drive_w, away, plugged, wish_w, charging) in enumerate(rows, start=first):
            if self._next is not None and minute == self._next.leave:
                self._depart(self._next, minute)
            if plugged:
                self._plugged(minute, outside_c, wish_w, charging)
            else:
                self._was_plugged = False
                self._note(0.0, self._car.move(-drive_w))
                self._car.exchange(outside_c, away and drive_w > 0 and self._car.pack_c > VEHICLE_COOLS_ABOVE_C)
            self._soc.append(self._car.soc)
            self._pack_c.append(self._car.pack_c)
        self.tally.served_by_day_kwh.append(self._served_kwh)

    def _depart(self, tour: Tour, minute: int) -> None:
        car, tally = self._car, self.tally
        needs = 1000.0 * tour.kwh / (car.battery.capacity_ah * car.battery.nominal_v)
        tally.unserved_tours += car.soc - needs < _RESERVE
        tally.short_departures += car.soc < self._setting.duty.parked.wanted_soc_pct / 100.0 - _SHORT
        self._controller.plan(None, STEP_S * minute)
        self._next = next(self._tours, None)

    def _plugged(self, minute: int, outside_c: float, wish_w: float, charging: bool) -> None:
        now_s, car, controller = STEP_S * minute, self._car, self._controller
        if not self._was_plugged:
            self._was_plugged = True
            self._arrive(now_s)
        if controller.awaits_window:
            self._announce(minute, now_s)
        left_min = self._next.leave - minute if self._next else inf
        request_w = self._asking.request_w(car.soc, wish_w, charging, left_min, self._served_kwh >= self._cap_kwh)
        controller.see(car, now_s, at_rest=request_w == 0.0)
        power_w = controller.power_w(request_w, now_s)
        if power_w != request_w:
            self._count_limits()
        self.tally.wished_kwh -= min(0.0, wish_w) * _HOURS_PER_W / 1000.0
        self._note(power_w, car.move(dc_w(power_w)))
        heater_w = HEATER_W if request_w > 0 and car.pack_c < HEATS_BELOW_C else 0.0
        used_j = car.exchange(outside_c, controller.cooling, heater_w)
        self.tally.cooling_heating_kwh += used_j / 3.6e6

    def _arrive(self, now_s: float) -> None:
        """The operator states the next departure, as far as there is one."""
        wanted = self._setting.duty.parked.wanted_soc_pct
        tour = self._next
        self._controller.plan(Departure(STEP_S * tour.leave, wanted) if tour else None, now_s)

    def _announce(self, minute: int, now_s: float) -> None:
        """The next hours of service of the day, or tomorrow's first ones."""
        hours = self._setting.duty.service.hours
        if self._setting.duty.service.kind == "none" or not hours:
            return
        day, at = divmod(minute, MINUTES_A_DAY)
        later = [pair for pair in hours if 60 * pair[1] > at]
        begin, end = later[0] if later else hours[0]
        midnight = MINUTES_A_DAY * (day if later else day + 1)
        self._controller.announce(V2gWindow(STEP_S * (midnight + 60 * begin), STEP_S * (midnight + 60 * end)), now_s)

    def _note(self, ac_w: float, current_a: float) -> None:
        self._ac_w.append(ac_w)
        self._current_a.append(current_a)
        tally, pack_c = self.tally, self._car.pack_c
        tally.hot_minutes += pack_c > 35.0
        if ac_w > 0:
            tally.charged_kwh += ac_w * _HOURS_PER_W / 1000.0
            tally.cold_charge_minutes += pack_c < 10.0
        elif ac_w < 0:
            self._served_kwh -= ac_w * _HOURS_PER_W / 1000.0

    def _count_limits(self) -> None:
        counts = self.tally.limited_minutes
        for reason in self._controller.limited_by:
            for kind in _KINDS:
                if kind in reason:
                    counts[kind] = counts.get(kind, 0) + 1
                    break

    def result(self) -> Year:
        self.tally.clipped_ah, self.tally.trips = self._car.clipped_ah, self._controller.trips
        soc, pack_c, current_a, ac_w = map(np.array, (self._soc, self._pack_c, self._current_a, self._ac_w))
        return Year(self._setting.battery, soc, pack_c, current_a, ac_w, self.tally)


# What a ceiling's reason is counted under; the controller words them with values
_KINDS = (
    "MIN_SOC",
    "MAX_SOC",
    "derating map",
    "micro-cycle",
    "BMS power limit",
    "continuous",
    "a cell at",
    "emergency",
)
