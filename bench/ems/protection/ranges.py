"""What a role's value can be at all, and how fast it can change; what is outside counts as not sent.

A value outside its range is left out. A value that jumps further than physics allows is left out, too, until three
frames in a row carried the same: one corrupted frame changes nothing, a true step arrives two frames late. The emergency
trip does not wait for this: it receives every good frame unfiltered, so a dangerous jump acts at once. For so few frames
in a row the sender of a jump is alive (`awaits`); a value that is nothing at all, or that goes on jumping, is none.

>>> ranges = PlausibleRange()
>>> [ranges.believable({"soc": soc}, at) for at, soc in enumerate((50.0, 400.0, 70.0, 50.1))]
[{'soc': 50.0}, {}, {}, {'soc': 50.1}]
>>> [ranges.believable({"soc": 70.0}, 4 + at) for at in range(3)]
[{}, {}, {'soc': 70.0}]
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Range:
    """Lowest and highest value; the largest jump, and what the change may be per second on top of it."""

    low: float
    high: float
    jump: float = inf
    per_s: float = 0.0


_TEMPERATURE = Range(-50.0, 150.0, jump=5.0, per_s=5.0)
_CELL_VOLTAGE = Range(0.5, 5.5, jump=0.5)
_POWER_LIMIT = Range(0.0, 2e6)
_FLAG = Range(0.0, 1.0)
# In the roles' canonical units. Wider than any vehicle: this detects faulty sensors and corrupted frames, it is no limit.
RANGES: Mapping[str, Range] = {
    "cell_temperature_max": _TEMPERATURE,
    "cell_temperature_min": _TEMPERATURE,
    "module_temperature": _TEMPERATURE,
    "cell_voltage": _CELL_VOLTAGE,
    "cell_voltage_max": _CELL_VOLTAGE,
    "cell_voltage_min": _CELL_VOLTAGE,
    "string_voltage_difference": Range(0.0, 500.0),
    "string_voltage": Range(0.0, 1500.0),
    "pack_voltage": Range(0.0, 1500.0),
    "pack_current": Range(-3000.0, 3000.0),
    "soc": Range(0.0, 100.0, jump=2.0, per_s=1.0),
    "soh": Range(0.0, 120.0),
    "cycle_count": Range(0.0, 1e6),
    "energy_throughput": Range(0.0, 1e9),
    "capacity": Range(0.1, 5000.0),
    "charge_power_limit": _POWER_LIMIT,
    "discharge_power_limit": _POWER_LIMIT,
    "discharge_power_continuous": _POWER_LIMIT,
    "contactor_state": Range(0.0, 3.0),
    "over_current": _FLAG,
    "cell_imbalance": _FLAG,
    "dtc_count": Range(0.0, 1e5),
}


class PlausibleRange:
    """The filter. `doubts`: role -> what is wrong with the value that it sends now."""

    def __init__(self, ranges: Mapping[str, Range] = RANGES) -> None:
        self._ranges = ranges
        self._of_key: dict[str, Range | None] = {}
        self._last: dict[str, tuple[float, float]] = {}  # role -> value, time
        self._jumped: dict[str, tuple[float, int]] = {}  # role -> new value, number of frames that carried it
        self._unheard: dict[str, int] = {}  # role -> frames in a row whose jump was left out
        self.doubts: dict[str, str] = {}

    def awaits(self, left_out: Iterable[str]) -> bool:
        """Whether these roles were left out of the last frame for a jump alone, which the next frames may confirm."""
        return all(0 < self._unheard.get(role, 0) < _FRAMES for role in left_out)

    def believable(self, values: Mapping[str, float], now_s: float) -> Mapping[str, float]:
        """The plausible values; the same object when all of them are."""
        omitted = None
        for role, value in values.items():
            try:
                range_ = self._of_key[role]
            except KeyError:
                range_ = self._of_key[role] = self._ranges.get(role.partition("[")[0])
            if range_ is None:
                continue
            # Most values are within a range without a jump limit, and nothing is in doubt.
            if range_.jump == inf and range_.low <= value <= range_.high and not self.doubts:
                continue
            if self._believe(role, value, range_, now_s):
                continue
            omitted = {role} if omitted is None else omitted | {role}
        if omitted is None:
            return values
        return {role: value for role, value in values.items() if role not in omitted}

    def _believe(self, role: str, value: float, range_: Range, now_s: float) -> bool:
        if not range_.low <= value <= range_.high:  # also when it is not a number
            self._unheard.pop(role, None)
            self.doubts[role] = f"{role} {value:g} is not within {range_.low:g} to {range_.high:g}"
            return False
        if self.doubts:
            self.doubts.pop(role, None)
        if range_.jump == inf:
            return True
        last = self._last.get(role)
        if last is not None and abs(value - last[0]) > range_.jump + range_.per_s * (now_s - last[1]):
            level, frames = self._jumped.get(role, (value, 0))
            frames = frames + 1 if abs(value - level) <= range_.jump else 1
            if frames < _FRAMES:
                self._jumped[role] = (value, frames)
                self._unheard[role] = self._unheard.get(role, 0) + 1
                return False
        if self._jumped:
            self._jumped.pop(role, None)
            self._unheard.pop(role, None)
        self._last[role] = (value, now_s)
        return True
