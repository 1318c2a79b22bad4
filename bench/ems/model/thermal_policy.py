"""thermal-policy.json: {"ACTIVE_COOLING_TRIGGER": "32C"} (or 32): the pump is asked for at and above this temperature."""

from dataclasses import dataclass
from pathlib import Path

from v2g_bench.ems.model.limits import unreadable
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_text
from v2g_bench.inputs.ranges import Within, shown
from v2g_bench.inputs.text import json_of

TRIGGER_C = Within(0, 45)


_KEY = "ACTIVE_COOLING_TRIGGER"


@dataclass(frozen=True, slots=True)
class ThermalPolicy:
    """In °C. The default is the manual's example."""

    cooling_trigger_c: float = 32.0


def parse_policy(text: str, where: str) -> ThermalPolicy:
    """The policy in the text of a thermal-policy.json. Raises: BenchError naming file, key and reason."""
    policy = json_of(text, where, f'write {{"{_KEY}": "32C"}}')
    if not isinstance(policy, dict) or _KEY not in policy:
        raise BenchError(where, f"{_KEY} is missing", f'write {{"{_KEY}": "32C"}}')
    if unknown := sorted(set(policy) - {_KEY}):
        raise BenchError(f"{where}: {unknown[0]}", "unknown key", f"known keys: {_KEY}")
    return ThermalPolicy(_celsius(policy[_KEY], f"{where}: {_KEY}"))


def load_policy(path: Path) -> ThermalPolicy:
    """`parse_policy` of a file. Raises: BenchError, also when the file cannot be read."""
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(str(path), f"cannot be read: {unreadable(error)}", f'it holds {{"{_KEY}": "32C"}}') from error
    return parse_policy(text, str(path))


def _celsius(value: object, where: str) -> float:
    text = value.strip().removesuffix("C").removesuffix("°").strip() if isinstance(value, str) else None
    try:
        return TRIGGER_C.real(float(text) if text is not None else value)
    except ValueError:
        what = f"{shown(value)} is not a temperature {TRIGGER_C} °C"
        raise BenchError(where, what, 'degrees Celsius, "32C" or 32; at 45 °C the emergency shutdown is due') from None
