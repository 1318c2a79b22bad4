"""One scenario as data, and its file: a pack, a power, faults with their times, and what is asked for at the end.

    name = "shutdown-000017"
    seed = 17
    soc_pct = 50.0
    temperature_c = 25.0
    power_w = -3000.0
    clear_s = 0.2
    end_s = 0.26

    [[faults]]
    kind = "over_temperature"
    cell = 17
    to_c = 45.5
    at_s = 0.013

Times count from the scenario's beginning, at steady power. At `clear_s` all faults are taken back; 10 ms later
the same power is asked for again, which a latched controller must refuse. At `end_s` the scenario is over.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from v2g_bench.errors import BenchError
from v2g_bench.faults import Fault, from_dict
from v2g_bench.inputs.ranges import Within
from v2g_bench.inputs.text import read_toml

Number = TypeVar("Number", int, float)

REPEAT_REQUEST_S = 0.01
LONGEST_S = 600.0
_TIME = Within(0, LONGEST_S)
_SEED = Within(0, 2**63 - 1)
_NUMBERS = {
    "soc_pct": Within(0, 100),
    "temperature_c": Within(-40, 60),
    "power_w": Within(-1e6, 1e6),
    "clear_s": _TIME,
    "end_s": _TIME,
}


@dataclass(frozen=True)
class OperatingPoint:
    """From where a scenario starts: the pack at rest at this charge and temperature, then this AC power (+ = charge)."""

    seed: int
    soc_pct: float
    temperature_c: float
    power_w: float


@dataclass(frozen=True)
class Timed:
    """A fault and when it begins, s after the scenario's beginning."""

    at_s: float
    fault: Fault


@dataclass(frozen=True)
class Scenario:
    """See the module's text. `name` is for people; the rest decides everything that happens."""

    name: str
    operating_point: OperatingPoint
    faults: tuple[Timed, ...]
    clear_s: float
    end_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in the order of the file."""
        operating_point = self.operating_point
        return {
            "name": self.name,
            "seed": operating_point.seed,
            "soc_pct": operating_point.soc_pct,
            "temperature_c": operating_point.temperature_c,
            "power_w": operating_point.power_w,
            "clear_s": self.clear_s,
            "end_s": self.end_s,
            "faults": [one.fault.to_dict() | {"at_s": one.at_s} for one in self.faults],
        }

    def to_toml(self) -> str:
        """The file's text."""
        data = self.to_dict()
        faults = data.pop("faults")
        lines = [f"{key} = {json.dumps(value)}" for key, value in data.items()]
        for fault in faults:
            lines += ["", "[[faults]]", *(f"{key} = {json.dumps(value)}" for key, value in fault.items())]
        return "\n".join(lines) + "\n"


def scenario_of(data: Mapping[str, Any], where: str) -> Scenario:
    """The scenario in plain data; BenchError that names what is missing, unknown, or not a number in range."""
    known = {"name", "seed", *_NUMBERS, "faults"}
    for key in data:
        if key not in known:
            raise BenchError(f"{where}: {key}", "unknown key", f"known: {', '.join(sorted(known))}")
    for key in sorted(known - {"faults"}):
        if key not in data:
            raise BenchError(f"{where}: {key}", "is missing")
    seed = _number(_SEED.whole, data["seed"], f"{where}: seed")
    numbers = {key: _number(limits.real, data[key], f"{where}: {key}") for key, limits in _NUMBERS.items()}
    listed = data.get("faults", [])
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise BenchError(f"{where}: faults", "is not a list of tables", "write each fault below a line [[faults]]")
    faults = tuple(_timed(one, f"{where}: faults[{place}]") for place, one in enumerate(listed))
    if numbers["end_s"] < numbers["clear_s"] + 2 * REPEAT_REQUEST_S:
        raise BenchError(f"{where}: end_s", f"leaves no {2 * REPEAT_REQUEST_S:g} s after clear_s", "make it later")
    for timed in faults:
        if timed.at_s >= numbers["clear_s"]:
            raise BenchError(f"{where}: faults", f"one begins at {timed.at_s:g} s, when all are taken back")
    operating_point = OperatingPoint(seed, numbers["soc_pct"], numbers["temperature_c"], numbers["power_w"])
    return Scenario(str(data["name"]), operating_point, faults, numbers["clear_s"], numbers["end_s"])


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file; BenchError with file and key for anything invalid in it."""
    return scenario_of(read_toml(path), str(path))


def _timed(data: Mapping[str, Any], where: str) -> Timed:
    if "at_s" not in data:
        raise BenchError(f"{where}: at_s", "is missing")
    at_s = _number(_TIME.real, data["at_s"], f"{where}: at_s")
    try:
        return Timed(at_s, from_dict({key: value for key, value in data.items() if key != "at_s"}))
    except BenchError as error:
        raise BenchError(f"{where}: {error.where}", error.what, error.hint) from None


def _number(check: Callable[[object], Number], value: object, where: str) -> Number:
    try:
        return check(value)
    except ValueError as error:
        raise BenchError(where, str(error)) from None
