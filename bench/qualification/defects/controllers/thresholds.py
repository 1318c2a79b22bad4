"""What counts as a danger: trips elsewhere than at 45 °C and 300 mV, or not at all, always or at times."""

from collections.abc import Mapping
from typing import ClassVar

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.protection.trip import EmergencyTrip, TripLimits
from v2g_bench.qualification.defects.controllers import make

HAIR = 2e-6  # less than one step of any signal


class _Trip(EmergencyTrip):
    """A trip with its own idea of what is dangerous."""

    blind_to: tuple[str, ...] = ()
    above: ClassVar[dict[str, float]] = {"cell": 45.0, "module": 45.0, "string": 0.3}

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self.limits_of = dict(self.above)

    def judge(self, role: str, value: float) -> str | None:
        if role.startswith(self.blind_to):
            return None
        limit = self.limits_of.get(role.partition("_")[0]) if "temperature" in role or role == make.STRINGS else None
        return f"{role} is {value:g}, limit {limit:g}" if limit is not None and value > limit + 1e-6 else None


def _tripping(blind_to: tuple[str, ...] = (), **above: float) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        trip = _Trip(make.trip_limits(settings))
        trip.blind_to, trip.limits_of = blind_to, _Trip.above | above
        return make.having(settings, trip=trip)

    return factory


hot_cell_ignored = _tripping(("cell_temperature", "module_temperature"))
strings_ignored = _tripping((make.STRINGS,))
hot_limit_one_bit_high = _tripping(cell=45.1, module=45.1)
strings_limit_one_bit_high = _tripping(string=0.301)
hot_limit_one_bit_low = _tripping(cell=44.9, module=44.9)
strings_limit_one_bit_low = _tripping(string=0.299)
trips_at_limit = _tripping(cell=45.0 - HAIR, module=45.0 - HAIR, string=0.3 - HAIR)  # >= where the manual has "above"
hot_limit_50 = _tripping(cell=50.0, module=50.0)
strings_limit_310_mv = _tripping(string=0.31)
strings_limit_500_mv = _tripping(string=0.5)
modules_from_the_9th_on_unread = _tripping(tuple(f"module_temperature[{number}]" for number in range(9, 13)))
hot_limit_in_volts = _tripping(cell=45.0e3, module=45.0e3)  # a unit mixed up


class _HalfBlind(Ems):
    """Does not trip while power flows in one direction."""

    charging = True

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if (self.request_w > 0) is self.charging and self.request_w:
            safe = {r: v for r, v in frame.values.items() if self.parts.trip.judge(r, v) is None}
            frame = Frame(frame.message, safe, frame.quality)
        return super().on_frame(frame, now_s)


class _BlindDischarging(_HalfBlind):
    charging = False


blind_while_charging: make.Factory = _HalfBlind
blind_while_discharging: make.Factory = _BlindDischarging


class _Distracted(EmergencyTrip):
    parts: EmsParts

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        return self.parts.v2g_blocked() is None and super().update(values, now_s)


def trip_asleep_in_charge_only(settings: EmsSettings) -> Ems:
    """Nothing trips while another fault has latched V2G off."""
    trip = _Distracted(make.trip_limits(settings))
    ems = make.having(settings, trip=trip)
    trip.parts = ems.parts
    return ems
