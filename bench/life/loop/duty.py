"""A duty: how a car is driven, when it is plugged in, and what the grid asks of it. Data files in `life/duties`.

>>> load_duty("commuter").driving.km
34.0
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import model_validator

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import Percent, PowerW, Within
from v2g_bench.inputs.text import read_toml

Chance = Annotated[float, Within(0, 1)]
DayH = Annotated[float, Within(0, 24)]
SpreadH = Annotated[float, Within(0, 12)]
LONGEST_H = 20.0  # of a tour under way
DistanceKm = Annotated[float, Within(0, 2000, over=True)]


class Driving(Checked):
    """At most one tour a day. km_sigma: of the logarithm; longer tours than longest_km charge on the way.

    pattern: "there and back" drives half of the way at each end, "all day" drives evenly from leaving to returning.
    """

    weekday_share: Chance
    saturday_share: Chance
    sunday_share: Chance
    km: DistanceKm
    km_sigma: Annotated[float, Within(0, 2)]
    longest_km: DistanceKm
    kwh_per_km: Annotated[float, Within(0, 5, over=True)]
    speed_km_h: Annotated[float, Within(1, 200)] = 35.0
    leave_h: DayH
    leave_sd_h: SpreadH
    return_h: DayH
    return_sd_h: SpreadH
    pattern: Literal["there and back", "all day"] = "there and back"

    @model_validator(mode="after")
    def _within_a_day(self) -> "Driving":
        if (hours := self.longest_km / self.speed_km_h) > LONGEST_H:
            raise ValueError(
                f"longest_km takes {hours:.3g} h at speed_km_h; a tour ends on its day: {LONGEST_H:g} h at most"
            )
        return self


class Parked(Checked):
    """plugged_share: of the stays at home. wanted_soc_pct: what the operator asks of the controller for each departure."""

    plugged_share: Chance
    wanted_soc_pct: Percent


class Service(Checked):
    """power_w: AC. hours, charge_hours: of the day, as pairs. Regulation: a droop of power_w at full_mhz."""

    kind: Literal["none", "peak shaving", "frequency regulation"]
    power_w: PowerW
    hours: tuple[tuple[DayH, DayH], ...] = ()
    charge_hours: tuple[tuple[DayH, DayH], ...]
    deadband_mhz: Annotated[float, Within(0, 500)] = 10.0
    full_mhz: Annotated[float, Within(1, 1000)] = 200.0

    @model_validator(mode="after")
    def _forwards(self) -> "Service":
        for begin, end in (*self.hours, *self.charge_hours):
            if begin >= end:
                raise ValueError(f"{begin:g} to {end:g} h does not run forwards; split it at midnight")
        return self


class Duty(Checked):
    """A duty file. heavy: a van (N1), whose durability limits are its own."""

    title: str
    source: str
    heavy: bool = False
    driving: Driving
    parked: Parked
    service: Service

    @model_validator(mode="after")
    def _leaves_first(self) -> "Duty":
        if self.driving.leave_h >= self.driving.return_h:
            raise ValueError("driving.leave_h is not before driving.return_h")
        return self


def names_in(folder: str) -> list[str]:
    """The data files of this kind that the bench brings ("duties", "climates")."""
    files = resources.files("v2g_bench.life").joinpath(folder).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def data_file(name: str, folder: str) -> Path:
    """The path of a data file: one of the bench's by name, or a file of one's own. Raises: BenchError."""
    if name in names_in(folder):
        return Path(str(resources.files("v2g_bench.life").joinpath(folder, f"{name}.toml")))
    if name.endswith(".toml"):
        return Path(name)
    known = ", ".join(names_in(folder))
    raise BenchError(name, f"is none of the bench's {folder}", f"known: {known}; or give a .toml file of your own")


def load_duty(name: str) -> Duty:
    """A duty by name, or from a file. Raises: BenchError with file and key."""
    path = data_file(name, "duties")
    return validated(Duty, read_toml(path, "see the duties that the bench brings"), str(path), root="duty")
