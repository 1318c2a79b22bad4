"""Sees a danger only in a part of the world: at some powers, states of charge, values, or some time after a command.

Beside these any window of any quantity of `blindness` can be asked for by its name.
"""

from v2g_bench.qualification.defects.controllers import blindness, make

STEP_K, STEP_V = 3.0, 0.25

blind_below_1500_w = blindness.window("power_w", 0.0, 1499.0)
blind_from_3100_w_to_10_kw = blindness.window("power_w", 3100.0, 10_000.0)
blind_above_60_pct = blindness.window("soc_pct", 60.0, 100.0)
blind_below_45_pct = blindness.window("soc_pct", 0.0, 45.0)
blind_for_300_ms_after_a_command = blindness.window("since_command_s", 0.0, 0.3)
blind_up_to_45_4_c = blindness.window("to_c", 45.0, 45.4)
implausible_above_60_c = blindness.window("to_c", 60.0, 1e6)
implausible_above_400_mv = blindness.window("to_mv", 400.0, 1e6)


class _StepsOnly(blindness.Blind):
    """Takes a slow rise for a drift of the sensor."""

    def blind(self, role: str, value: float, now_s: float) -> bool:
        step = STEP_V if role == make.STRINGS else STEP_K
        return role in self.last and value - min(one for _, one in self.last[role]) < step


class _AtTheUsualPoint(blindness.Blind):
    """Sees what test benches show: near 3 kW or the rated power, at half charge, a little or a lot past the limit."""

    def blind(self, role: str, value: float, now_s: float) -> bool:
        usual_w = any(abs(abs(self.request_w) - w) < 50 for w in (2000, 3000, self.thresholds.rated_power_w))
        return not (usual_w and 48.0 <= (self.pack.get("soc") or 0.0) <= 52.0)


class _KnownValues(blindness.Blind):
    """Acts on the values of a suite that it has seen, and on no other."""

    def blind(self, role: str, value: float, now_s: float) -> bool:
        return not any(abs(value - known) < 1e-6 for known in (45.5, 0.301, 0.32))


trips_on_steps_alone: make.Factory = _StepsOnly
trips_at_the_usual_point_alone: make.Factory = _AtTheUsualPoint
trips_at_known_values_alone: make.Factory = _KnownValues
