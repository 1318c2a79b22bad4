"""The rig's safety envelope, and the watch over it: what decides that the rig must go to its safe state.

Cores without I/O or clock. `Envelope` judges values by the limits of the rig file's [safety]; `Watch` is given what the
supervisor receives and the time, and reports once why the rig must stop:

    waiting --arm--> watching --`due` gives a reason--> tripped (for good)

Its input is the physical side of the rig (see `physical`). Every quantity that a limit needs has its own age:

    expected --a credible value--> young --its timeout--> a reason        expected --START_GRACE_S without one--> a reason

Absent, not a number, not available and impossible are the same: not received.

>>> Envelope({"max_cell_temperature_c": 60.0}).breach({"cell_temperature_max": 61.5})
'cell temperature 61.5 °C is beyond the rig\\'s 60 °C ([safety] max_cell_temperature_c)'
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import ANY, shown

# Current that is none: above a pack's own consumption and a sensor's noise, far below anything that a test asks for.
REST_A = 1.0
# A test requests AC power and the BMS reports DC power: the difference is the converter's loss, and ripple.
POWER_MARGIN = 1.1
IN_A_ROW = 2  # frames that must agree: no single frame ends a run on a bus without checksums
# A value beyond a limit counts BEYOND, one inside takes INSIDE back: two in a row are a reason, one alone in three is not,
# and a sensor that shows a good value every other time does not keep the rig running.
BEYOND, INSIDE = 2, 1
OWN_STALL_S = 0.5  # after a longer pause of the watch itself, that time is not counted as a silence
# From `arm` until every quantity must have come. A BMS that has just started sends "not available" first, and until then
# no controller runs that could ask for power.
START_GRACE_S = 5.0

FRAMES = "frames"  # among the quantities: a good frame of the BMS with any content


@dataclass(frozen=True)
class Limit:
    """One key of [safety]: the role that it limits, and on which side (`size`: by magnitude, in both directions).

    margin: allowance for what is measured and not asked for.
    """

    key: str
    role: str
    name: str
    unit: str
    side: Literal["above", "below", "size"] = "above"
    margin: float = 1.0

    def holds(self, value: float, limit: float, margin: float) -> bool:
        """Whether the value is inside; what is not a number is not."""
        if self.side == "below":
            return value >= limit
        return (abs(value) if self.side == "size" else value) <= limit * margin


LIMITS = (
    Limit("max_cell_temperature_c", "cell_temperature_max", "cell temperature", "°C"),
    Limit("max_cell_voltage_v", "cell_voltage_max", "highest cell voltage", "V"),
    Limit("min_cell_voltage_v", "cell_voltage_min", "lowest cell voltage", "V", side="below"),
    Limit("max_pack_voltage_v", "pack_voltage", "pack voltage", "V", side="size"),
    Limit("max_current_a", "pack_current", "pack current", "A", side="size"),
    Limit("max_power_w", "power", "power", "W", side="size", margin=POWER_MARGIN),
)
_PARTS = {"power": ("pack_current", "pack_voltage")}  # the sources of a quantity that is not sent itself
NAMES = {limit.role: limit.name for limit in LIMITS} | {FRAMES: "sound frame of the BMS"}

# Impossible for any pack, in the role's unit: such a value shows a faulty sender, not the pack's state. Wide: a cell
# that burns (about 1000 °C) and one that is driven into reversal are inside.
_POSSIBLE = {
    "cell_temperature_max": (-100.0, 2000.0),
    "cell_temperature_min": (-100.0, 2000.0),
    "cell_voltage_max": (-10.0, 10.0),
    "cell_voltage_min": (-10.0, 10.0),
    "pack_voltage": (-10.0, 5000.0),
    "pack_current": (-1e5, 1e5),
}
_PAIRS = (("cell_temperature_min", "cell_temperature_max"), ("cell_voltage_min", "cell_voltage_max"))


def needed(safety: Mapping[str, float | None]) -> dict[str, list[str]]:
    """The role of each quantity that must be received -> the keys of [safety] that cannot be watched without it."""
    found: dict[str, list[str]] = {}
    for limit in LIMITS:
        if safety.get(limit.key) is not None:
            for role in _PARTS.get(limit.role, (limit.role,)):
                found.setdefault(role, []).append(limit.key)
    if safety.get("max_at_power_s") is not None:
        found.setdefault("pack_current", []).append("max_at_power_s")
    return found


def credible(values: Mapping[str, Any]) -> dict[str, float]:
    """Those of the values that are finite numbers and that a pack can have; neither of a maximum below its minimum."""
    found = {}
    for role, value in values.items():
        low, high = _POSSIBLE.get(role, (ANY.low, ANY.high))
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            found[role] = float(value)
    for lowest, highest in _PAIRS:
        if lowest in found and highest in found and found[lowest] > found[highest]:
            del found[lowest], found[highest]
    return found


class Envelope:
    """The limits of [safety]; one that is None or absent is not stated and not judged."""

    def __init__(self, safety: Mapping[str, float | None]) -> None:
        self._limits = [(limit, value) for limit in LIMITS if (value := safety.get(limit.key)) is not None]

    def judged(self, values: Mapping[str, float], *, measured: bool = False) -> dict[str, str]:
        """Key of [safety] -> why these role values are beyond it, "" if they are not, for each limit they speak about.

        Current, power and pack voltage count by magnitude; what is not a number is beyond. measured: the values were
        measured and not asked for, so that the converter's losses lie in the power.
        """
        found = {}
        for limit, bound in self._limits:
            if limit.role not in values:
                continue
            value, name, unit = values[limit.role], limit.name, limit.unit
            inside = limit.holds(value, bound, limit.margin if measured else 1.0)
            what = f"{name} {value:g} {unit} is beyond the rig's {bound:g} {unit} ([safety] {limit.key})"
            found[limit.key] = "" if inside else what
        return found

    def breach(self, values: Mapping[str, float]) -> str:
        """The first reason why what is asked for, or seen before it, is beyond the envelope; "" if nothing is."""
        return next(filter(None, self.judged(values).values()), "")


class Watch:
    """Collects what the supervisor receives; `due` is called regularly. Times are bench-clock seconds.

    safety: the rig's [safety] as a mapping; BenchError for a limit that is no finite number.
    The heartbeat is watched from the first one on, everything else from `arm`. Until `expect` changes it, each
    quantity that a limit needs may be [safety] bus_silent_s old.
    """

    def __init__(self, safety: Mapping[str, float | None], now_s: float) -> None:
        for key, limit in safety.items():
            if limit is not None and limit not in ANY:  # no value is beyond nan: checked again where it begins to count
                raise BenchError(f"[safety] {key}", f"{shown(limit)} is not a number {ANY}")
        self.envelope = Envelope(safety)
        self._heartbeat_s = safety["heartbeat_s"] or math.inf
        self._at_power_s = safety["max_at_power_s"] or math.inf
        self._ages = Ages(dict.fromkeys(needed(safety), safety["bus_silent_s"] or math.inf))
        self._voltage_v: float | None = None
        self._armed = False
        self._silence_allowed = False
        self._looked_s = now_s
        self._last_heartbeat_s: float | None = None
        self._deadline_s = math.inf
        self._power_since_s: float | None = None
        self._at_rest = 0  # frames in a row
        self._beyond: dict[str, int] = {}
        self._breach = ""

    def expect(self, timeouts_s: Mapping[str, float]) -> None:
        """The quantities that must be received (roles, and `FRAMES`), each with how old its last value may be (s)."""
        self._ages = Ages(timeouts_s)

    def arm(self, now_s: float) -> None:
        """The BMS is received: from now on its silence and its values count."""
        self._look(now_s)
        self._armed = True
        self._ages.begin(now_s)

    def allow_silence(self, allowed: bool, now_s: float) -> None:
        """A test silences the BMS on purpose, or has ended that. What is physical is never silenced."""
        self._look(now_s)
        self._silence_allowed = allowed
        self._ages.on_frame([FRAMES], now_s)

    def on_heartbeat(self, now_s: float) -> None:
        """The bench is alive."""
        self._look(now_s)
        self._last_heartbeat_s = now_s

    def deadline(self, at_s: float | None) -> None:
        """When the running test has hung; None: none runs."""
        self._deadline_s = math.inf if at_s is None else at_s

    def hear_frame(self, now_s: float) -> None:
        """A good frame of the BMS was received, with any content."""
        self._look(now_s)
        self._ages.on_frame([FRAMES], now_s)

    def update(self, values: Mapping[str, Any], now_s: float) -> None:
        """Role values of the physical side; those that are not credible count as not received."""
        self._look(now_s)
        seen = credible(values)
        self._ages.on_frame(seen, now_s)
        self._voltage_v = seen.get("pack_voltage", self._voltage_v)
        if "pack_current" in seen and self._voltage_v is not None:
            seen["power"] = seen["pack_current"] * self._voltage_v
        for key, breach in self.envelope.judged(seen, measured=True).items():
            self._beyond[key] = max(0, self._beyond.get(key, 0) + (BEYOND if breach else -INSIDE))
            if breach and self._beyond[key] >= BEYOND * IN_A_ROW:
                self._breach = breach
        if "pack_current" in seen:
            self._hear_current(seen["pack_current"], now_s)

    def _hear_current(self, current_a: float, now_s: float) -> None:
        """A current that changes its sign is none for one frame, and has not ended."""
        self._at_rest = 0 if abs(current_a) > REST_A else self._at_rest + 1
        if not self._at_rest and self._power_since_s is None:
            self._power_since_s = now_s
        elif self._at_rest >= IN_A_ROW:
            self._power_since_s = None

    def due(self, now_s: float) -> str:
        """Why the rig may not go on; "" as long as it may."""
        self._look(now_s)
        if self._last_heartbeat_s is not None and not now_s - self._last_heartbeat_s <= self._heartbeat_s:
            return f"the bench has given no sign of life for {self._heartbeat_s:g} s"
        if now_s > self._deadline_s:
            return "the running test has not ended in its time, and nothing has ended it"
        if not self._armed:
            return ""
        if self._breach:
            return self._breach
        if silent := self._ages.over(now_s, besides=FRAMES if self._silence_allowed else ""):
            return silent
        if self._power_since_s is not None and now_s - self._power_since_s > self._at_power_s:
            return f"current has flowed for longer than {self._at_power_s:g} s ([safety] max_at_power_s)"
        return ""

    def _look(self, now_s: float) -> None:
        """The watch runs. What was missed while it did not run is not counted as a silence."""
        own_stall_s, self._looked_s = now_s - self._looked_s, now_s
        if own_stall_s > OWN_STALL_S:
            self._ages.forgive(own_stall_s)
            self._last_heartbeat_s = None if self._last_heartbeat_s is None else self._last_heartbeat_s + own_stall_s


class Ages:
    """How long ago each quantity was received. timeouts_s: how old each may become."""

    def __init__(self, timeouts_s: Mapping[str, float]) -> None:
        self._timeouts_s = dict(timeouts_s)
        self._received_s: dict[str, float] = {}
        self._begun_s = -math.inf

    def begin(self, now_s: float) -> None:
        """From now on they are to come."""
        self._begun_s, self._received_s = now_s, {}

    def on_frame(self, roles: Mapping[str, Any] | list[str], now_s: float) -> None:
        """A credible value of each of these."""
        self._received_s |= dict.fromkeys(roles, now_s)

    def forgive(self, for_s: float) -> None:
        """As if this time had not passed."""
        self._begun_s += for_s
        self._received_s = {role: received_s + for_s for role, received_s in self._received_s.items()}

    def over(self, now_s: float, besides: str = "") -> str:
        """Which of them (not of `besides`) are too old; "" if none is."""
        reasons: dict[str, list[str]] = {}
        for role, timeout_s in self._timeouts_s.items():
            never = role not in self._received_s
            bound_s = max(timeout_s, START_GRACE_S) if never else timeout_s
            if role == besides or now_s - self._received_s.get(role, self._begun_s) <= bound_s:
                continue
            what = NAMES[FRAMES] if role == FRAMES else "credible value"
            names = reasons.setdefault(f"no {what} {'at all ' if never else ''}for {bound_s:g} s", [])
            names += [] if role == FRAMES else [f"{NAMES.get(role, role)} ({role})"]
        return "; ".join(f"{reason}: {', '.join(names)}" if names else reason for reason, names in reasons.items())
