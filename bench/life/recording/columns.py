"""Which column of a recording is what, and in which unit its numbers are.

A column is found by its name, in whatever case, with whatever stands between its words: `SoC [%]`, `battery_level`,
`BatteryTemperature_degC`. Where two fit equally well, or none does, the caller states it: `soc=Column A:%,current=I:A`.

>>> split("Pack Temp (°C)"), split("current_mA"), split("SoC")
(('pack_temp', '°C'), ('current', 'mA'), ('soc', ''))
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from v2g_bench.errors import BenchError
from v2g_bench.life.recording.table import Column, Table

# Quantity -> names that mean it, the clearest first; a name is compared without case, and `_` stands for any separator.
NAMES: Final = {
    "time": ("time", "timestamp", "timestamps", "datetime", "date_time", "date", "utc", "record_time", "t"),
    "soc": ("soc", "state_of_charge", "battery_soc", "batt_soc", "soc_bms", "pack_soc", "battery_level"),
    "temperature": (
        *("temperature", "battery_temperature", "batt_temp", "pack_temperature", "battery_temp", "pack_temp"),
        *("cell_temperature", "cell_temp", "cell_temperature_max", "cell_temp_max", "max_temperature", "temp"),
    ),
    "current": ("current", "pack_current", "battery_current", "batt_current", "charge_current", "i"),
    "voltage": ("voltage", "pack_voltage", "battery_voltage", "batt_voltage", "v"),
    "power": ("power", "battery_power", "batt_power", "pack_power"),
    "ambient": ("ambient", "ambient_temperature", "ambient_temp", "outside_temp", "outside_temperature", "ext_temp"),
    "odometer": ("odometer", "mileage", "odo"),
}
_THERMAL = {
    "°c": "°C",
    "c": "°C",
    "degc": "°C",
    "celsius": "°C",
    "k": "K",
    "kelvin": "K",
    "°f": "°F",
    "f": "°F",
    "degf": "°F",
}
# Quantity -> how a unit may be written -> the unit. The first of each is what the audit calculates with.
UNITS: Final[dict[str, dict[str, str]]] = {
    "time": {
        **{"s": "s", "sec": "s", "seconds": "s", "ms": "ms", "us": "µs", "µs": "µs", "ns": "ns"},
        **{"min": "min", "h": "h", "date": "date"},
    },
    "soc": {"1": "1", "fraction": "1", "%": "%", "pct": "%", "percent": "%"},
    "temperature": _THERMAL,
    "ambient": _THERMAL,
    "current": {"a": "A", "ma": "mA"},
    "voltage": {"v": "V", "mv": "mV"},
    "power": {"w": "W", "kw": "kW"},
    "odometer": {"km": "km", "mi": "mi", "miles": "mi", "m": "m"},
}
_ALL_UNITS = {written for units in UNITS.values() for written in units} - {"1", "t", "f", "c", "k", "v", "m", "date"}
_SUFFIXES = _ALL_UNITS | {"c", "k", "f", "v", "m"}


@dataclass(frozen=True)
class Found:
    """A column with its quantity. unit: one of UNITS, "" where nobody stated it; asked: whether the caller named it."""

    quantity: str
    column: Column
    unit: str
    asked: bool


def split(name: str) -> tuple[str, str]:
    """(name in small letters with `_` between its words, the unit that stands in it or "")."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip().replace("SoC", "Soc"))
    unit = ""
    if brackets := re.search(r"[\[(]\s*([^\])]*?)\s*[\])]\s*$", text):
        unit, text = re.sub(r"^(deg)_(?=[CF]$)", r"\1", brackets[1]), text[: brackets.start()]
    words = [word for word in re.split(r"[^0-9A-Za-z%°µ]+", text) if word]
    words = words if len(words) < 2 or words[-2:-1] != ["deg"] else [*words[:-2], "deg" + words[-1]]
    if not unit and len(words) > 1:
        joined = "".join(words[-2:])
        if joined in ("mA", "mV", "kW"):  # camel case was taken apart
            unit, words = joined, words[:-2]
        elif words[-1].lower() in _SUFFIXES and not _least(words):
            unit, words = words[-1], words[:-1]
    return "_".join(words).lower(), unit


def _least(words: list[str]) -> bool:
    """Whether the last word says that it is the least of several (`cell_temp_min`), and not that it is in minutes."""
    return words[-1].lower() == "min" and "_".join(words[:-1]).lower() not in NAMES["time"]


def stated(text: str) -> dict[str, tuple[str, str]]:
    """The argument of `--columns`: quantity -> (column, unit or ""). BenchError where it is none."""
    found: dict[str, tuple[str, str]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        quantity, equals, rest = part.partition("=")
        if not equals or quantity not in NAMES:
            raise BenchError(
                "--columns", f"{part!r} states no quantity", f"QUANTITY=COLUMN[:UNIT], of: {', '.join(NAMES)}"
            )
        column, colon, unit = rest.rpartition(":")
        if colon and unit.lower() not in UNITS[quantity]:
            raise BenchError(
                "--columns",
                f"{unit!r} is no unit of {quantity}",
                f"of: {', '.join(dict.fromkeys(UNITS[quantity].values()))}",
            )
        found[quantity] = (column, UNITS[quantity][unit.lower()]) if colon else (rest, "")
    return found


def find(table: Table, asked: Mapping[str, tuple[str, str]]) -> dict[str, Found]:
    """Quantity -> its column, for all that are there. BenchError where it is not clear which, or a unit is unknown."""
    plain = {name: split(name) for name in table.columns}
    found = {}
    for quantity, names in NAMES.items():
        if quantity in asked:
            found[quantity] = _asked(table, quantity, *asked[quantity])
            continue
        for wanted in names:
            fits = [name for name, (words, _) in plain.items() if words == wanted]
            if len(fits) > 1:
                hint = f"state which: --columns {quantity}={fits[0]}"
                raise BenchError(table.where, f"both {fits[0]!r} and {fits[1]!r} can be the {quantity}", hint)
            if fits:
                column = table.columns[fits[0]]
                found[quantity] = Found(quantity, column, _unit(table, quantity, column, plain[fits[0]][1]), False)
                break
    return found


def _asked(table: Table, quantity: str, name: str, unit: str) -> Found:
    if name not in table.columns:
        raise BenchError(
            table.where, f"has no column {name!r} for {quantity}", f"its columns: {', '.join(table.columns)}"
        )
    column = table.columns[name]
    return Found(quantity, column, unit or _unit(table, quantity, column, split(name)[1]), True)


def _unit(table: Table, quantity: str, column: Column, written: str) -> str:
    """The unit that the file states. What a file states and nobody here knows is an error, never a guess."""
    written = column.unit or written
    if not written:
        return ""
    known = UNITS[quantity]
    if written.lower() not in known:
        hint = f"known: {', '.join(dict.fromkeys(known.values()))}; state it: --columns {quantity}={column.name}:UNIT"
        raise BenchError(
            table.where, f"column {column.name!r} is in {written!r}, which is no unit of {quantity} here", hint
        )
    return known[written.lower()]
