"""Cooling on time, and less discharge while the pack is warm on one side only.

thermal-policy.json: {"ACTIVE_COOLING_TRIGGER": "32C"} (or 32): the pump is asked for at and above this temperature.
"""

from dataclasses import dataclass
from pathlib import Path

from v2g_bench.ems.limits import unreadable
from v2g_bench.ems.pack_state import PackState
from v2g_bench.errors import BenchError
from v2g_bench.files import read_text
from v2g_bench.textfile import json_of
from v2g_bench.within import Within, shown

TRIGGER_C = Within(0, 45)
_KEY = "ACTIVE_COOLING_TRIGGER"
_ROUNDING = 1e-6  # see trip.py


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


class ThermalGuard:
    """Two states with hysteresis: cooling, and high gradient.

    cooling:  off --(hottest >= trigger)--> on --(hottest <= trigger - hysteresis)--> off
    gradient: ok --(hottest - coldest > limit for hold_s)--> high --(difference < limit - hysteresis)--> ok

    Heat does not jump: a difference that comes and goes within `hold_s` is a sensor, not a gradient.
    """

    def __init__(
        self,
        policy: ThermalPolicy,
        gradient_limit_k: float = 8.0,
        gradient_hysteresis_k: float = 2.0,
        gradient_hold_s: float = 1.5,
        cooling_hysteresis_k: float = 2.0,
    ) -> None:
        self.policy = policy
        self._gradient_limit_k = gradient_limit_k
        self._gradient_hysteresis_k = gradient_hysteresis_k
        self._gradient_hold_s = gradient_hold_s
        self._above_since_s: float | None = None
        self._cooling_hysteresis_k = cooling_hysteresis_k
        self.cooling = False
        self.high_gradient: str | None = None

    def hear(self, pack: PackState, now_s: float) -> None:
        """Judge the newest temperatures."""
        if pack.hottest_c is None:
            return
        trigger_c = self.policy.cooling_trigger_c
        if pack.hottest_c >= trigger_c - _ROUNDING:
            self.cooling = True
        elif pack.hottest_c <= trigger_c - self._cooling_hysteresis_k + _ROUNDING:
            self.cooling = False
        self._judge_gradient(pack.gradient_k or 0.0, now_s)

    def _judge_gradient(self, gradient_k: float, now_s: float) -> None:
        if gradient_k > self._gradient_limit_k + _ROUNDING:
            if self._above_since_s is None:
                self._above_since_s = now_s
            if self.high_gradient is None and now_s - self._above_since_s >= self._gradient_hold_s - _ROUNDING:
                self.high_gradient = f"{gradient_k:.1f} K across the pack, limit {self._gradient_limit_k:g} K"
            return
        self._above_since_s = None
        if gradient_k < self._gradient_limit_k - self._gradient_hysteresis_k:
            self.high_gradient = None
