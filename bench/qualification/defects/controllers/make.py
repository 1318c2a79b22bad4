"""Makes the controllers with defects: the reference controller with a part or a threshold replaced."""

from collections.abc import Callable
from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.protection.trip import TripLimits

Factory = Callable[[EmsSettings], Ems]
STRINGS = "string_voltage_difference"


def having(settings: EmsSettings, **parts: object) -> Ems:
    """The reference controller with these parts replaced."""
    return Ems(settings, replace(EmsParts.build(settings), **parts))  # type: ignore[arg-type]


def tuned(**thresholds: float) -> Factory:
    """Makes the reference controller with other thresholds."""

    def factory(settings: EmsSettings) -> Ems:
        return Ems(replace(settings, thresholds=settings.thresholds.model_copy(update=thresholds)))

    return factory


def trip_limits(settings: EmsSettings) -> TripLimits:
    """Where the reference controller trips."""
    thresholds = settings.thresholds
    return TripLimits(thresholds.trip_temperature_c, thresholds.trip_string_difference_v)
