"""The rig's safety envelope, and the watch over it: what decides that the rig must go to its safe state.

Cores without I/O or clock. `Envelope` judges values by the limits of the rig file's [safety]; `Watch` is given what the
supervisor hears and the time, and says once why the rig may not go on:

    waiting --arm--> watching --`due` gives a reason--> tripped (for good)

>>> Envelope({"max_cell_temperature_c": 60.0}).breach({"cell_temperature_max": 61.5})
'cell temperature 61.5 °C is beyond the rig\\'s 60 °C ([safety] max_cell_temperature_c)'
"""

import math
from collections.abc import Mapping

from v2g_bench.errors import BenchError
from v2g_bench.within import ANY, shown

# Current that is none: above a pack's own consumption and a sensor's noise, far below anything that a test asks for.
REST_A = 1.0
# A test asks for AC power and the BMS tells DC power: what lies between is the converter's loss, and ripple.
POWER_MARGIN = 1.1
IN_A_ROW = 2  # frames that must agree: no single frame ends a run on a bus without checksums
OWN_STALL_S = 0.5  # a watch that was itself kept from looking for longer holds that time against nobody

# key of [safety], role, what it is called, unit, allowance while power flows
_LIMITS = (
    ("max_cell_temperature_c", "cell_temperature_max", "cell temperature", "°C", 1.0),
    ("max_pack_voltage_v", "pack_voltage", "pack voltage", "V", 1.0),
    ("max_current_a", "pack_current", "pack current", "A", 1.0),
    ("max_power_w", "power", "power", "W", POWER_MARGIN),
)


class Envelope:
    """The limits of [safety]; one that is None or absent is not stated and not judged."""

    def __init__(self, safety: Mapping[str, float | None]) -> None:
        self._limits = [
            (key, role, name, unit, limit, margin)
            for key, role, name, unit, margin in _LIMITS
            if (limit := safety.get(key)) is not None
        ]

    def judged(self, values: Mapping[str, float], *, measured: bool = False) -> dict[str, str]:
        """Key of [safety] -> why these role values are beyond it, "" if they are not, for each limit they speak about.

        Current and power count by magnitude. measured: the values were measured and not asked for, so that the
        converter's losses lie in the power.
        """
        found = {}
        for key, role, name, unit, limit, margin in self._limits:
            if role not in values:
                continue
            value = values[role]
            size = value if role == "cell_temperature_max" else abs(value)
            beyond = size > limit * (margin if measured else 1.0)
            what = f"{name} {value:g} {unit} is beyond the rig's {limit:g} {unit} ([safety] {key})"
            found[key] = what if beyond else ""
        return found

    def breach(self, values: Mapping[str, float]) -> str:
        """The first reason why what is asked for, or seen before it, is beyond the envelope; "" if nothing is."""
        return next(filter(None, self.judged(values).values()), "")


class Watch:
    """Collects what the supervisor hears; `due` is asked regularly. Times are bench-clock seconds.

    safety: the rig's [safety] as a mapping; BenchError for a limit that is no finite number.
    The heartbeat is watched from the first beat on, everything else from `arm`.
    """

    def __init__(self, safety: Mapping[str, float | None], now_s: float) -> None:
        for key, limit in safety.items():
            if limit is not None and limit not in ANY:  # nothing is beyond nan: once more where it begins to count
                raise BenchError(f"[safety] {key}", f"{shown(limit)} is not a number {ANY}")
        self.envelope = Envelope(safety)
        self._bus_silent_s = safety["bus_silent_s"] or math.inf
        self._heartbeat_s = safety["heartbeat_s"] or math.inf
        self._at_power_s = safety["max_at_power_s"] or math.inf
        self.values: dict[str, float] = {}
        self._armed = False
        self._silence_allowed = False
        self._heard_s = self._looked_s = now_s
        self._beat_s: float | None = None
        self._deadline_s = math.inf
        self._power_since_s: float | None = None
        self._in_a_row: dict[str, int] = {}
        self._breach = ""

    def arm(self, now_s: float) -> None:
        """The BMS is heard: from now on its silence and its values count."""
        self._armed, self._heard_s = True, now_s

    def allow_silence(self, allowed: bool, now_s: float) -> None:
        """A test silences the BMS on purpose, or has ended that."""
        self._silence_allowed, self._heard_s = allowed, now_s

    def beat(self, now_s: float) -> None:
        """The bench is alive."""
        self._beat_s = now_s

    def deadline(self, at_s: float | None) -> None:
        """When the running test has hung; None: none runs."""
        self._deadline_s = math.inf if at_s is None else at_s

    def hear(self, values: Mapping[str, float], now_s: float) -> None:
        """The role values of one sound frame of the BMS."""
        self._heard_s = now_s
        self.values |= values
        seen = dict(values)
        if "pack_current" in values and "pack_voltage" in self.values:
            seen["power"] = values["pack_current"] * self.values["pack_voltage"]
        for key, breach in self.envelope.judged(seen, measured=True).items():
            self._in_a_row[key] = self._in_a_row.get(key, 0) + 1 if breach else 0
            if self._in_a_row[key] >= IN_A_ROW:
                self._breach = breach
        if "pack_current" in values:
            flows = abs(values["pack_current"]) > REST_A
            self._power_since_s = (self._power_since_s or now_s) if flows else None

    def due(self, now_s: float) -> str:
        """Why the rig may not go on; "" as long as it may."""
        own_stall_s, self._looked_s = now_s - self._looked_s, now_s
        if own_stall_s > OWN_STALL_S:
            self._heard_s += own_stall_s
            self._beat_s = None if self._beat_s is None else self._beat_s + own_stall_s
        if self._beat_s is not None and now_s - self._beat_s > self._heartbeat_s:
            return f"the bench has given no sign of life for {self._heartbeat_s:g} s"
        if now_s > self._deadline_s:
            return "the running test has not ended in its time, and nothing has ended it"
        if not self._armed:
            return ""
        if self._breach:
            return self._breach
        if not self._silence_allowed and now_s - self._heard_s > self._bus_silent_s:
            return f"no sound frame of the BMS for {self._bus_silent_s:g} s"
        if self._power_since_s is not None and now_s - self._power_since_s > self._at_power_s:
            return f"current has flowed for longer than {self._at_power_s:g} s ([safety] max_at_power_s)"
        return ""
