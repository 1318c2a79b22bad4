"""What varies in a campaign: one number, [low, high], or [low, high, step], in a stated range.

>>> SpanWithin(0, 100).span([20, 80, 5])
[20, 80, 5]
>>> SpanWithin(0, 100).span([20, 180])
Traceback (most recent call last):
ValueError: 180 is not a number from 0 to 100
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from v2g_bench.inputs.ranges import Within, shown

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

Span = float | list[float]


@dataclass(frozen=True)
class SpanWithin(Within):
    """Both ends lie in the range, the second is not below the first, and a step is above 0."""

    def span(self, value: object) -> Span:
        """The span as it was written. ValueError that says what was found and what is allowed."""
        if not isinstance(value, list):
            return self.real(value)
        if len(value) not in (2, 3):
            raise ValueError(f"{shown(value)} is not a number, [low, high] or [low, high, step]")
        for end in value[:2]:
            self.real(end)
        if value[0] > value[1]:
            raise ValueError(f"{shown(value)}: its low end is above its high end")
        for step in value[2:]:
            Within(0, self.high - self.low, over=True).real(step)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> "CoreSchema":
        """The check as pydantic calls it."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.span)
