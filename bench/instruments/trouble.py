"""How a failed exchange is reported: what PyVISA, a socket or an answer raise becomes a BenchError of the session."""

from types import TracebackType
from typing import Protocol

from v2g_bench.errors import BenchError
from v2g_bench.instruments.answers import AnswerError, Due, shown
from v2g_bench.instruments.visa import LOST_CONNECTION, io_errors

WRONG_ANSWER = "is this the instrument that the driver is for? the connection is reopened"
SWITCHED_OFF = "was the instrument switched off?"
HUNG = "is the instrument busy, or hung? a device clear or its power switch helps"


class Session(Protocol):
    """What this needs of a session."""

    def mark_stale(self, what: str) -> None: ...

    def error(self, what: str, hint: str = "") -> BenchError: ...


class ErrorNotice:
    """Around one step of an exchange: the session is stale if it fails for any reason, and a BenchError states why.

    bound_s: the time that an answer had, reported where it was not enough, with what was received of `answer`.
    """

    def __init__(self, session: Session, what: str, bound_s: float | None = None, answer: Due | None = None) -> None:
        self._session = session
        self._what = what
        self._bound = "" if bound_s is None else f" within {bound_s:g} s"
        self._answer = answer

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            return
        self._session.mark_stale(f"{self._what}: {error}")
        if isinstance(error, LOST_CONNECTION):
            raise self._session.error(f"the connection is lost ({self._what}{self._bound})", SWITCHED_OFF) from error
        if isinstance(error, AnswerError):
            raise self._session.error(f"{self._what}: {error}", WRONG_ANSWER) from error
        if isinstance(error, io_errors()):
            came = self._answer.came if self._answer else b""
            only = f", only {shown(bytes(came))}" if came else ""
            raise self._session.error(f"{self._what}{self._bound}{only}", HUNG) from error
