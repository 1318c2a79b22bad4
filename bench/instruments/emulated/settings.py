"""Settings of an emulated instrument, declared in one line each: command, query, limits and *RST value.

    class Meter(Instrument):
        interval_s = Number("SAMPle:TIMer", low=20e-6, high=3600, default=1, unit="S")
        source = Choice("TRIGger:SOURce", ("IMMediate", "EXTernal"), default="IMM")

gives `SAMP:TIM 20us`, `SAMP:TIM?`, `SAMP:TIM? MAX`, `TRIG:SOUR EXT` … and `meter.interval_s` in Python.
"""

from typing import Any

from v2g_bench.instruments.emulated.syntax import ScpiError, matches, matches_one, read_number, short_form

BOOLEANS = {"ON": True, "OFF": False}


class Setting:
    """A value with a header. Subclasses read it from a parameter and write it into an answer."""

    def __init__(self, pattern: str, default: Any) -> None:
        self.pattern = pattern
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, instance: Any, value: Any) -> None:
        instance.values[self.name] = value

    def parse(self, text: str) -> Any:
        """The value of the parameter `text`; ScpiError if it has none."""
        raise NotImplementedError

    def answer(self, value: Any, args: list[str]) -> str:
        """What the query answers; `args` may be MIN, MAX or DEF."""
        raise NotImplementedError


class Number(Setting):
    """A number from `low` to `high` in `unit`; MIN, MAX and DEF are understood in command and query."""

    def __init__(self, pattern: str, low: float, high: float, default: float, unit: str = "") -> None:
        super().__init__(pattern, default)
        self.low, self.high, self.unit = low, high, unit

    def __get__(self, instance: Any, owner: type | None = None) -> float:
        return float(instance.values[self.name])

    def parse(self, text: str) -> float:
        """MIN, MAX, DEF, or a number in range; -222 outside."""
        for word, limit in (("MINimum", self.low), ("MAXimum", self.high), ("DEFault", self.default)):
            if matches(text, word):
                return limit
        value = read_number(text, self.unit)
        # A float that was rounded on its way is not out of range: a millionth of slack, then the limit itself.
        if not self.low - abs(self.low) * 1e-6 <= value <= self.high + abs(self.high) * 1e-6:
            raise ScpiError(-222, f"{self.pattern} {text}")
        return min(max(value, self.low), self.high)

    def answer(self, value: float, args: list[str]) -> str:
        """The value, or the limit that was asked for."""
        if args and args[0][:1].isalpha():
            value = self.parse(args[0])
        elif args:
            raise ScpiError(-108, args[0])
        return f"{value:+.8E}"


class Integer(Number):
    """A whole number; a fraction is rounded, as SCPI asks for."""

    def __get__(self, instance: Any, owner: type | None = None) -> int:
        return int(instance.values[self.name])

    def parse(self, text: str) -> float:
        """See Number; rounded."""
        return round(super().parse(text))

    def answer(self, value: float, args: list[str]) -> str:
        """See Number; without fraction."""
        return f"{float(super().answer(value, args)):+.0f}"


class Choice(Setting):
    """One of several words (patterns such as "EXTernal"); answered and kept in the short form."""

    def __init__(self, pattern: str, options: tuple[str, ...], default: str) -> None:
        super().__init__(pattern, default)
        self.options = options

    def __get__(self, instance: Any, owner: type | None = None) -> str:
        return str(instance.values[self.name])

    def parse(self, text: str) -> str:
        """The short form of the option; -224 for no option."""
        return short_form(matches_one(text, self.options))

    def answer(self, value: str, args: list[str]) -> str:
        """The short form."""
        if args:
            raise ScpiError(-108, args[0])
        return value


class Switch(Setting):
    """ON or OFF, 1 or 0."""

    def __get__(self, instance: Any, owner: type | None = None) -> bool:
        return bool(instance.values[self.name])

    def parse(self, text: str) -> bool:
        """ON, OFF, or a number."""
        if text.upper() in BOOLEANS:
            return BOOLEANS[text.upper()]
        return bool(round(read_number(text)))

    def answer(self, value: bool, args: list[str]) -> str:
        """1 or 0."""
        if args:
            raise ScpiError(-108, args[0])
        return "1" if value else "0"


class Stepped(Number):
    """A range: any value up to the highest step is understood and gives the smallest step that holds it."""

    def __init__(self, pattern: str, steps: tuple[float, ...], default: float, unit: str = "") -> None:
        super().__init__(pattern, 0.0, steps[-1], default, unit)
        self.steps = steps

    def parse(self, text: str) -> float:
        """The smallest step that holds the value."""
        value = super().parse(text)
        return next(step for step in self.steps if step >= value * (1 - 1e-6))
