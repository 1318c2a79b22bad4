"""What passes between an emulated instrument and its commands: calls, answers, and answers that come later."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from v2g_bench.instruments.emulated.syntax import ScpiError, read_number


@dataclass(frozen=True)
class Later:
    """An answer that is not there yet: `then(now_s)` gives it once `ready(now_s)`.

    due_s(now_s): when to ask again (bench clock, s); infinite while that depends on an outside event.
    """

    ready: Callable[[float], bool]
    then: Callable[[float], "Answer"]
    due_s: Callable[[float], float] = field(default=lambda now_s: math.inf)


Answer: TypeAlias = str | bytes | int | float | Later | None
Method = TypeVar("Method", bound=Callable[..., Answer])


@dataclass(frozen=True)
class Call:
    """One command or query as it was sent: numeric suffixes and parameters, and when."""

    header: str
    args: list[str]
    suffixes: tuple[int, ...]
    now_s: float

    def arg(self, index: int, default: str | None = None) -> str:
        """Parameter `index`; ScpiError -109 if it is missing and has no default."""
        if index < len(self.args):
            return self.args[index]
        if default is None:
            raise ScpiError(-109, self.header)
        return default

    def at_most(self, count: int) -> None:
        """ScpiError -108 if there are more than `count` parameters."""
        if len(self.args) > count:
            raise ScpiError(-108, self.header)

    def byte(self) -> int:
        """The one parameter, as the value of an enable register; ScpiError -222 outside of 0 to 255."""
        self.at_most(1)
        value = round(read_number(self.arg(0)))
        if not 0 <= value <= 255:
            raise ScpiError(-222, self.header)
        return value


class Exchange(Protocol):
    """One program message on its way to its response; what a server needs of it."""

    due_s: float
    response: bytes | None

    def advance(self, now_s: float) -> bool:
        """Go on as far as possible; True when `response` is final."""
        ...


def command(*patterns: str) -> Callable[[Method], Method]:
    """Make a method answer to these headers (see `tree`); a query's pattern ends with a question mark."""

    def mark(method: Method) -> Method:
        setattr(method, "scpi_patterns", patterns)  # noqa: B010  # a function has no such attribute for mypy
        return method

    return mark
