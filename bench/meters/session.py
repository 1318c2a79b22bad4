"""The wire to a SCPI instrument: one VISA resource through PyVISA, made safe to measure with.

    open --query/write--> open
      |  `--timeout or I/O error--> stale --next call: device clear, or a new connection--> open
      `--close--> closed

What this adds to PyVISA, each because its absence has cost somebody a measurement: a dead port is an error within the
timeout; a lock, because two threads on one session get each other's answers; after a timeout the late answer can never
be given to the next question; a block that ends early is an error; the instrument's error queue is read to its end.

    session = ScpiSession("TCPIP::127.0.0.1::5025::SOCKET")
    session.identify("FLUKE,8846A")
    session.write("CONF:VOLT:AC")
    session.check_errors()
    volts = session.query_float("READ?")
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from v2g_bench.clock import Clock, RealClock
from v2g_bench.errors import BenchError
from v2g_bench.meters.protocols import Identity
from v2g_bench.meters.visa import LOST_CONNECTION, VisaLink, io_errors

ExchangeLog = Callable[[float, str, str], None]

MOST_ERRORS = 30  # an error queue that is longer than this never ends
_DTYPES = {"f8": ">f8", "f4": ">f4", "u2": ">u2"}


@dataclass(frozen=True, eq=False)
class Question:
    """One that was asked, and whose answer is still to come."""

    text: str


class ScpiSession:
    """A session to `resource`. Every failure is a BenchError that names `where` (the rig file's key) and the resource.

    backend: PyVISA's; timeout_s: for opening and for each answer; log(time_s, direction, text): called for every
    exchange, direction ">" to the instrument, "<" from it, "!" trouble. error_query: how this instrument is asked for
    its errors. A session is opened by its constructor and can be a context manager.
    """

    def __init__(
        self,
        resource: str,
        *,
        backend: str = "@py",
        timeout_s: float = 2.0,
        where: str = "",
        clock: Clock | None = None,
        log: ExchangeLog | None = None,
    ) -> None:
        self.resource = resource
        self.timeout_s = timeout_s
        self.where = where or f"meter {resource}"
        self.error_query = "SYST:ERR?"
        self.clock: Clock = clock or RealClock()
        self._log = log
        self._lock = threading.RLock()
        self._stale = False
        self._pending: Question | None = None
        self._link: VisaLink | None = VisaLink(resource, backend)
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the resource back; nothing happens the second time."""
        with self._lock:
            link, self._link = self._link, None
            if link:
                link.close()

    def write(self, text: str) -> None:
        """Send one program message that asks nothing."""
        with self._lock:
            self._send(text, self._ready())

    def query(self, text: str, timeout_s: float | None = None) -> str:
        """The answer to `text`, one line without its end. timeout_s: for this answer only."""
        with self._lock:
            return self.answer(self.ask(text), timeout_s)

    def ask(self, text: str) -> Question:
        """Send a question whose `answer` is taken later; whatever else is sent before drops it."""
        with self._lock:
            self._send(text, self._ready())
            self._stale = True  # until its answer has been read
            self._pending = question = Question(text)
            return question

    def answer(self, question: Question, timeout_s: float | None = None) -> str:
        """The answer to this question; see `query`. BenchError also where something else was sent since, or it was taken."""
        with self._lock:
            if self._link is None:
                raise self.error("the session is closed")
            if question is not self._pending:
                raise self.error(f"the answer to {question.text!r} is lost, or was taken before")
            self._pending = None
            bound_s = self.timeout_s if timeout_s is None else timeout_s
            with _Trouble(self, f"no answer to {question.text!r} within {bound_s:g} s"):
                answer = self._link.read_line(bound_s).decode("latin-1").strip()
            self._note("<", answer)
            self._stale = self._link.surplus()
            if self._stale:
                raise self.error(f"more than one answer to {question.text!r}")
            return answer

    def query_float(self, text: str, timeout_s: float | None = None) -> float:
        """A number; an answer that is none belongs to another question, and is an error."""
        return self.number(text, self.query(text, timeout_s))

    def number(self, text: str, answer: str) -> float:
        """The number that this `answer` to `text` is; see `query_float`."""
        try:
            return float(answer)
        except ValueError:
            raise self.error(f"answered {answer[:60]!r} to {text!r}, where a number is due") from None

    def query_int(self, text: str, timeout_s: float | None = None) -> int:
        """A whole number; see query_float."""
        value = self.query_float(text, timeout_s)
        if value != round(value):
            raise self.error(f"answered {value:g} to {text!r}, where a whole number is due")
        return round(value)

    def query_floats(self, text: str, count: int, timeout_s: float | None = None) -> list[float]:
        """`count` numbers with commas between them."""
        answer = self.query(text, timeout_s)
        try:
            values = [float(field) for field in answer.split(",")]
        except ValueError:
            values = []
        if len(values) != count:
            raise self.error(f"answered {answer[:60]!r} to {text!r}, where {count} numbers are due")
        return values

    def query_block(
        self, text: str, kind: str = "f8", timeout_s: float | None = None, *, count: int | None = None
    ) -> NDArray[np.float64]:
        """The numbers of the block that answers `text`.

        kind: f8, f4, u2 (big-endian, as FORM:BORD NORM), or ascii (numbers with commas). count: how many are due; needed
        where the instrument answers in blocks of indefinite length (#0), whose end a stream does not show. A block that is
        shorter than it says, holds another number of values, or is none, is an error.
        """
        with self._lock:
            link = self._ready()
            self._send(text, link)
            bound_s = self.timeout_s if timeout_s is None else timeout_s
            size = None if count is None or kind == "ascii" else count * int(kind[1])
            with _Trouble(self, f"no complete block in answer to {text!r} within {bound_s:g} s"):
                data = link.read_block(bound_s, size)
            self._note("<", f"block of {len(data)} bytes")
            return self._numbers(text, data, kind, count)

    def _numbers(self, text: str, data: bytes, kind: str, count: int | None) -> NDArray[np.float64]:
        """What is in a block; BenchError unless it is `count` numbers of this kind."""
        try:
            if kind == "ascii":
                values = np.array([float(field) for field in data.decode("latin-1").split(",") if field.strip()])
            else:
                values = np.frombuffer(data, _DTYPES[kind]).astype(np.float64)
        except ValueError:
            raise self.error(f"the block in answer to {text!r} does not hold numbers ({kind})") from None
        if count is not None and len(values) != count:
            raise self.error(f"the block in answer to {text!r} holds {len(values)} numbers, where {count} are due")
        return values

    def check_errors(self, after: str = "") -> None:
        """Read the instrument's error queue to its end; BenchError with all of it if it was not empty."""
        errors: list[str] = []
        while len(errors) < MOST_ERRORS:
            answer = self.query(self.error_query)
            code = re.match(r"([+-]?\d+)\s*,", answer)
            if not code:
                raise self.error(f"answered {answer[:60]!r} to {self.error_query!r}, where an error number is due")
            if int(code[1]) == 0:
                break
            errors.append(answer)
        if errors:
            more = "" if len(errors) < MOST_ERRORS else " … and no end of errors"
            context = f" after {after}" if after else ""
            raise self.error(f"the instrument reports{context}: {'; '.join(errors)}{more}")

    def identify(self, expected: str) -> Identity:
        """Who answers *IDN?; BenchError unless the regular expression `expected` is found in it."""
        answer = self.query("*IDN?")
        fields = [field.strip() for field in answer.split(",")]
        if len(fields) != 4 or not re.search(expected, answer):
            raise self.error(
                f"{answer[:80]!r} answers, where {expected!r} is expected",
                "is this the address of that instrument, and the driver the right one?",
            )
        return Identity(*fields)

    def clear(self) -> None:
        """Device clear: what the instrument is doing and has to say is dropped."""
        with self._lock:
            self._stale = True
            self._ready()

    def pause(self, for_s: float) -> None:
        """Let this much time pass on the session's clock."""
        time.sleep(for_s)

    def error(self, what: str, mend: str = "") -> BenchError:
        """A BenchError of this session's instrument."""
        named = "" if self.resource in self.where else f"{self.resource}: "
        return BenchError(self.where, named + what, mend)

    def _open(self) -> None:
        link = self._link
        assert link is not None
        cause = link.open(self.timeout_s)
        if cause:
            self._note("!", f"not opened: {cause}")
            raise BenchError(
                self.where,
                f"no answer from {self.resource} within {self.timeout_s:g} s ({cause})",
                "is the instrument on, and on this network? is the port right?",
            )
        self._stale = False

    def _ready(self) -> VisaLink:
        """The link, after whatever an earlier failure has left on it is gone."""
        if self._link is None:
            raise self.error("the session is closed")
        self._pending = None
        if self._stale:
            self._note("!", "clearing what is left of an exchange that broke off")
            if not self._link.clear(self.timeout_s):
                self._link.close()
                self._open()
            self._stale = False
        return self._link

    def _send(self, text: str, link: VisaLink) -> None:
        self._note(">", text)
        with _Trouble(self, f"could not send {text!r}"):
            link.write(text.encode("latin-1") + b"\n")

    def _note(self, direction: str, text: str) -> None:
        if self._log:
            self._log(self.clock.now_s(), direction, text)

    def mark_stale(self, what: str, cause: BaseException) -> None:
        """An exchange broke off: its answer may still come, so the link is cleared before the next one."""
        self._stale = True
        if self._link:
            self._link.drop()
        self._note("!", f"{what}: {cause}")


class _Trouble:
    """Turns what PyVISA raises into a BenchError of the session, which is stale from then on, whatever the reason."""

    def __init__(self, session: ScpiSession, what: str) -> None:
        self._session = session
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            return
        self._session.mark_stale(self._what, error)
        if isinstance(error, LOST_CONNECTION):
            raise self._session.error(
                f"the connection is lost ({self._what})", "was the instrument switched off?"
            ) from error
        if isinstance(error, io_errors()):
            raise self._session.error(
                self._what, "is the instrument busy, or hung? a device clear or its power switch helps"
            ) from error
