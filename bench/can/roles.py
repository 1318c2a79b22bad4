"""Signal roles: what a signal means to the bench, independent of a maker's name for it and of the unit on the bus.

A *role* is a quantity with one canonical unit (`ROLES`). A *role table* maps each role to a DBC signal:

    cell_temperature_max = "BMS_Safety.CellTempMax"
    pack_current = { signal = "BATT.I_PACK", invert = true }        # the maker counts discharge as positive
    soc = { signal = "BATT.SOC", unit = "%" }                       # the database states none, or another
    contactor_state = { signal = "BATT.HV", labels = { UP = "closed", DOWN = "open" } }     # its own words: see `labels`
    cell_voltage = "BMS_CellVoltages*.CellVoltage{n:02d}"           # one signal per cell: {n} is its number

What the database does not say of its messages stands beside the roles, in the table `messages`:

    messages = { "f_*" = { sender = "BMS", cycle_ms = 100 } }

Indexed roles (`INDEXED`) have one key per signal: "cell_voltage[17]".

>>> unit_conversion("mV", "V")
(Fraction(1, 1000), Fraction(0, 1))
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import Within, shown
from v2g_bench.inputs.text import read_toml

BMS_ROLES: dict[str, str] = {
    "cell_temperature_max": "degC",
    "cell_temperature_min": "degC",
    "module_temperature": "degC",
    "cell_voltage": "V",
    "cell_voltage_max": "V",
    "cell_voltage_min": "V",
    "string_voltage": "V",
    "string_voltage_difference": "V",
    "pack_voltage": "V",
    "pack_current": "A",
    "soc": "%",
    "soh": "%",
    "cycle_count": "1",
    "energy_throughput": "kWh",
    "capacity": "Ah",
    "charge_power_limit": "W",
    "discharge_power_limit": "W",
    "discharge_power_continuous": "W",
    "over_current": "1",
    "cell_imbalance": "1",
    "dtc_count": "1",
    "contactor_state": "1",  # 0 open, 1 precharge, 2 closed, 3 welded
}
EMS_ROLES: dict[str, str] = {
    "contactor_request": "1",
    "power_setpoint": "W",
    "operating_mode": "1",  # 0 standby, 1 charge, 2 v2g, 3 charge_only, 4 tripped
    "cooling_request": "1",
    "error_code": "1",
    "trip_latched": "1",
    "charge_only": "1",
}
ROLES: dict[str, str] = BMS_ROLES | EMS_ROLES
"""Every role with its canonical unit; "1" is a plain number. Current and power are positive into the battery; the
limits are magnitudes."""

INDEXED = frozenset({"cell_voltage", "module_temperature", "string_voltage"})

MESSAGES = "messages"
CYCLE_MS = Within(0, 86_400_000)

_KILO, _MILLI = Fraction(1000), Fraction(1, 1000)
# Other signs that are meant: U+2103, ring, ordinal; and GB 2312 and UTF-8 where they were read as cp1252.
CELSIUS = ("℃", "˚C", "ºC", "¡æ", "¡ãC", "Â°C", "â„ƒ", "degree C", "Celsius", "celsius")
_CELSIUS_OF_KELVIN = Fraction(27315, 100)
# canonical unit -> unit as written in a DBC -> (factor, offset): canonical = written * factor + offset
_UNITS: dict[str, dict[str, tuple[Fraction, Fraction]]] = {
    canonical: {name: (factor, Fraction(0)) for name, factor in written.items()}
    for canonical, written in {
        "V": {"V": Fraction(1), "mV": _MILLI, "kV": _KILO, "uV": _MILLI**2, "µV": _MILLI**2},
        "A": {"A": Fraction(1), "mA": _MILLI, "kA": _KILO},
        "W": {"W": Fraction(1), "kW": _KILO, "MW": _KILO**2},
        "%": dict.fromkeys(("%", "pct", "percent"), Fraction(1)) | {"‰": Fraction(1, 10)},
        "kWh": {"kWh": Fraction(1), "Wh": _MILLI, "MWh": _KILO},
        "Ah": {"Ah": Fraction(1), "mAh": _MILLI},
        "1": dict.fromkeys(("1", "", "-", "count", "counts", "cycles", "bool", "boolean", "enum"), Fraction(1)),
        "degC": dict.fromkeys(("degC", "deg C", "°C", "C", "Cel", "deg", *CELSIUS), Fraction(1)),
    }.items()
}
_UNITS["degC"]["K"] = (Fraction(1), -_CELSIUS_OF_KELVIN)


@dataclass(frozen=True)
class RoleEntry:
    """One line of a role table: `message` may hold wildcards, `signal` may hold {n}. labels: see `can.labels`."""

    role: str
    message: str
    signal: str
    invert: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""  # where the database has none, or a wrong one


@dataclass(frozen=True)
class StatedMessage:
    """What the role table says of the messages of this name (it may hold wildcards); "" and None: what the file says."""

    message: str
    sender: str = ""
    cycle_s: float | None = None


def close_to(word: str, known: Mapping[str, Any] | list[str], asked: str = "did you mean") -> str:
    """A hint that names the known words nearest to `word`; empty if none is near."""
    folded = {name.casefold(): name for name in known}
    near = [folded[hit] for hit in get_close_matches(word.casefold(), list(folded), n=3, cutoff=0.5)]
    return f"{asked} {' or '.join(near)}?" if near else ""


def unit_conversion(written: str, canonical: str) -> tuple[Fraction, Fraction]:
    """(factor, offset) with canonical = written * factor + offset, exactly; KeyError if there is none."""
    return _UNITS[canonical][written.strip()]


def unit_names(canonical: str) -> list[str]:
    """The spellings in a DBC that can be converted to that canonical unit."""
    return [name for name in _UNITS[canonical] if name and name not in CELSIUS]


def read_roles(path: str | Path) -> dict[str, Any]:
    """The [roles] table of a TOML file, unchecked; BenchError if the file or the table is missing or broken."""
    path = Path(path)
    table = read_toml(path, unreadable="is the path right?").get("roles")
    if not isinstance(table, dict):
        raise BenchError(str(path), "has no [roles] table")
    return table


def parse_roles(table: Mapping[str, Any], where: str = "roles") -> list[RoleEntry]:
    """Check the shape of a role table; BenchError names the role. Signals are looked up later, in the database."""
    return [_entry(role, value, f"{where}.{role}") for role, value in table.items() if role != MESSAGES]


def parse_messages(table: Mapping[str, Any], where: str = "roles") -> list[StatedMessage]:
    """Check what a role table says of messages; BenchError names the message."""
    stated, found = table.get(MESSAGES, {}), []
    if not isinstance(stated, Mapping):
        raise BenchError(f"{where}.{MESSAGES}", f"must be a table, not {shown(stated)}", _MESSAGES_SHAPE)
    for name, value in stated.items():
        place = f"{where}.{MESSAGES}.{name}"
        if not isinstance(value, Mapping) or set(value) - {"sender", "cycle_ms"}:
            raise BenchError(place, f"must say sender, cycle_ms or both, not {shown(value)}", _MESSAGES_SHAPE)
        sender, cycle_ms = value.get("sender", ""), value.get("cycle_ms")
        if not isinstance(sender, str):
            raise BenchError(f"{place}.sender", f"must be a name, not {shown(sender)}", _MESSAGES_SHAPE)
        if cycle_ms is not None and cycle_ms not in CYCLE_MS:
            raise BenchError(
                f"{place}.cycle_ms", f"must be a number {CYCLE_MS}, not {shown(cycle_ms)}", _MESSAGES_SHAPE
            )
        found.append(StatedMessage(name, sender, None if cycle_ms is None else float(cycle_ms) / 1000))
    return found


def _entry(role: str, value: object, where: str) -> RoleEntry:
    if role not in ROLES:
        hint = close_to(role, ROLES) or f"the roles are: {', '.join(ROLES)}"
        raise BenchError(where, f"there is no role {role!r}", hint)
    invert, labels, unit = False, dict[str, str](), ""
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - {"signal", "invert", "labels", "unit"})
        if unknown or "signal" not in value:
            raise BenchError(where, f"unknown key {unknown[0]!r}" if unknown else "key 'signal' is missing", _SHAPE)
        invert, labels, unit = value.get("invert", False), value.get("labels", {}), value.get("unit", "")
        value = value["signal"]
        known = unit_names(ROLES[role])
        if unit and unit not in known:
            raise BenchError(
                f"{where}.unit", f"must be a unit of this role, not {shown(unit)}", f"known: {', '.join(known)}"
            )
        if not (isinstance(labels, Mapping) and all(isinstance(name, str) for name in labels.values())):
            raise BenchError(f"{where}.labels", f"must be labels and their meanings, not {shown(labels)}")
        if not isinstance(invert, bool):
            raise BenchError(f"{where}.invert", f"must be true or false, not {shown(invert)}")
    if not isinstance(value, str) or value.count(".") < 1:
        raise BenchError(where, f"must name a signal, not {shown(value)}", _SHAPE)
    message, _, signal = value.rpartition(".") if "{" not in value else value.partition(".")
    if (role in INDEXED) != ("{n" in signal):
        wanted = "must hold {n}, which counts from 1" if role in INDEXED else "is one signal and must not hold {n}"
        raise BenchError(where, f"{value!r}: {wanted}")
    if role not in INDEXED and "*" in message:
        raise BenchError(where, f"{value!r}: only an indexed role may hold a wildcard")
    try:
        signal.format(n=1)
    except (KeyError, IndexError, ValueError) as error:
        raise BenchError(where, f"{value!r} is no pattern: {error!r}", 'e.g. "Cells*.CellVoltage{n:02d}"') from error
    return RoleEntry(role, message, signal, invert, dict(labels), unit)


_MESSAGES_SHAPE = 'write messages = { "f_*" = { sender = "BMS", cycle_ms = 100 } }'
_SHAPE = 'write "Message.Signal", or { signal = "Message.Signal", invert = true }'
