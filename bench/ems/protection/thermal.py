"""Cooling on time, and less discharge while the pack is warm on one side only.

thermal-policy.json: {"ACTIVE_COOLING_TRIGGER": "32C"} (or 32): the pump is asked for at and above this temperature.
"""

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.thermal_policy import ThermalPolicy

_ROUNDING = 1e-6  # see trip.py


class ThermalGuard:
    """Two states with hysteresis: cooling, and high gradient.

    cooling:  off --(hottest >= trigger)--> on --(hottest <= trigger - hysteresis)--> off
    gradient: ok --(hottest - coldest > limit for hold_s)--> high --(difference < limit - hysteresis)--> ok

    Heat does not jump: a difference that begins and ends within `hold_s` is a sensor fault, not a gradient.
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

    def update(self, pack: PackState, now_s: float) -> None:
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
