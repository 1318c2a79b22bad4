"""Values of frames without end-to-end protection, in a database that protects others.

Corruption that the CAN controller does not see goes unnoticed in such a frame. So a value of it counts as the median of
its last five: one or two spoiled frames change nothing, a true change arrives two frames later. What must act at once
(the BMS's own extremes) travels in protected frames and is not touched.

>>> plausible = MedianOfFive({"Temps"})
>>> [plausible.filtered("Temps", {"t": value})["t"] for value in (25.0, 25.0, 200.0, 25.0, 26.0, 26.0, 26.0)]
[25.0, 25.0, 25.0, 25.0, 25.0, 26.0, 26.0]
"""

from collections.abc import Collection, Mapping

_FRAMES = 5


class MedianOfFive:
    """The filter for the messages in `messages`; values of all others pass as they are."""

    def __init__(self, messages: Collection[str]) -> None:
        self._messages = frozenset(messages)
        self._last: dict[str, list[float]] = {}

    def filtered(self, message: str, values: Mapping[str, float]) -> Mapping[str, float]:
        """The filtered values. The first frame passes unchanged."""
        if message not in self._messages:
            return values
        return {role: self._median(role, value) for role, value in values.items()}

    def _median(self, role: str, value: float) -> float:
        last = self._last.get(role)
        if last is None:
            last = self._last[role] = [value] * _FRAMES
        else:
            del last[0]
            last.append(value)
        return sorted(last)[_FRAMES // 2]
