"""The wire to a SCPI instrument: one VISA resource through PyVISA, made safe to measure with.

    open --query/write--> open
      |  `--timeout, out of step or I/O error--> stale --next call: device clear, and a new connection--> open
      `--close--> closed

What this adds to PyVISA, each because its absence has cost a measurement: a dead port is an error within the
timeout; a lock, because two threads on one session get each other's answers; one deadline and one size for a whole
answer, from its first byte to its last; the wire is empty before each question, and behind each answer; after a timeout
the late answer can never be given to the next question; the instrument's error queue is read to its end.

What cannot be seen when it happens: a line that nothing asked for, and that comes after the question and before its
answer. It is read as the answer where it has the form of one, and from then on each answer is that to the question before:
this ends where a question finds the real answer on the wire, or gets one that is not what was asked for. So a reading is
proven by a question behind it whose answer is like no reading, `check_errors`, and a driver gives nothing away before.
What is never detected: an instrument that sends one line too many and one too few.

    session = ScpiSession("TCPIP::127.0.0.1::5025::SOCKET")
    session.identify("FLUKE,8846A")
    session.write("CONF:VOLT:AC")
    session.check_errors()
    volts = session.query_float("READ?")
    session.check_errors("READ?")
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from v2g_bench.clock import Clock, RealClock
from v2g_bench.errors import BenchError
from v2g_bench.instruments import answers
from v2g_bench.instruments.answers import LINE_BYTES, NUMBER_BYTES, AnswerError, Block, Due, Line
from v2g_bench.instruments.protocols import Identity
from v2g_bench.instruments.trouble import ErrorNotice
from v2g_bench.instruments.visa import VisaLink

T = TypeVar("T")
ExchangeLog = Callable[[float, str, str], None]

MOST_ERRORS = 30  # an error queue that is longer than this never ends
ERROR_BYTES = 512  # of one error; its text has at most 255 (SCPI-99, 21.8)
OUT_OF_STEP = "was a key pressed at the instrument, or does another program talk to it? the connection is reopened"


@dataclass(frozen=True, eq=False)
class Question:
    """One that was asked, and whose answer of at most `most_bytes` is still to come."""

    text: str
    most_bytes: int = LINE_BYTES


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
        self._link: VisaLink | None = VisaLink(resource, backend, self.clock)
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

    def query(self, text: str, timeout_s: float | None = None, *, most_bytes: int = LINE_BYTES) -> str:
        """The answer to `text`, one line of at most `most_bytes` without its end. timeout_s: for this answer only."""
        with self._lock:
            return self.answer(self.ask(text, most_bytes), timeout_s)

    def ask(self, text: str, most_bytes: int = LINE_BYTES) -> Question:
        """Send a question whose `answer` is read later; anything else that is sent before drops it.

        BenchError, and nothing is sent, where unrequested bytes are on the wire.
        """
        with self._lock:
            self._put(text)
            self._pending = question = Question(text, most_bytes)
            return question

    def answer(self, question: Question, timeout_s: float | None = None) -> str:
        """The answer to this question; see `query`. BenchError also where something was sent since, or it was read before."""
        with self._lock:
            if self._link is None:
                raise self.error("the session is closed")
            if question is not self._pending:
                raise self.error(f"the answer to {question.text!r} is lost, or was read before")
            self._pending = None
            line = Line(question.most_bytes)
            self._take(self._link, line, f"no answer to {question.text!r}", timeout_s)
            self._note("<", line.text)
            self._prove_end(self._link, question.text)
            return line.text

    def query_float(self, text: str, timeout_s: float | None = None) -> float:
        """A finite number; an answer that is none belongs to another question, and is an error."""
        return self.number(text, self.query(text, timeout_s, most_bytes=NUMBER_BYTES))

    def number(self, text: str, answer: str) -> float:
        """The number that this `answer` to `text` is; see `query_float`."""
        return self._parsed(answers.number, text, answer, "a number is due")

    def query_int(self, text: str, timeout_s: float | None = None) -> int:
        """A whole number; see query_float."""
        return self._parsed(
            answers.whole, text, self.query(text, timeout_s, most_bytes=NUMBER_BYTES), "a whole number is due"
        )

    def query_floats(
        self, text: str, count: int, timeout_s: float | None = None, *, finite: bool = True
    ) -> list[float]:
        """`count` numbers with commas between them. finite: False where NaN and infinity are answers of this instrument."""
        answer = self.query(text, timeout_s, most_bytes=count * (NUMBER_BYTES + 1))
        return self._parsed(
            partial(answers.numbers, count=count, finite=finite), text, answer, f"{count} numbers are due"
        )

    def query_block(
        self, text: str, kind: str = "f8", timeout_s: float | None = None, *, count: int | None = None
    ) -> NDArray[np.float64]:
        """The numbers of the block that answers `text`.

        kind: f8, f4, u2 (big-endian, as FORM:BORD NORM), or ascii (numbers with commas). count: how many are due, the
        bound of what is read (without it: BLOCK_BYTES); needed for blocks of indefinite length (#0), whose end a stream
        does not show. A block that is shorter than its header states, holds another number of values, or is none, is an error.
        """
        with self._lock:
            link = self._put(text)
            block = Block(*answers.block_bytes(kind, count))
            self._take(link, block, f"no complete block in answer to {text!r}", timeout_s)
            data = block.data
            self._note("<", f"block of {len(data)} bytes")
            self._prove_end(link, text)
            return self._numbers(text, data, kind, count)

    def _numbers(self, text: str, data: bytes, kind: str, count: int | None) -> NDArray[np.float64]:
        """What is in a block; BenchError unless it is `count` numbers of this kind."""
        try:
            return answers.block_numbers(data, kind, count)
        except AnswerError as error:
            raise self.doubt(f"the block in answer to {text!r} {error}") from None

    def check_errors(self, after: str = "") -> None:
        """Read the instrument's error queue to its end; BenchError with all of it if it was not empty.

        Its answer (a number, and a text in quotation marks) is like no reading: where it comes when it is due, all answers
        since the last such proof belonged to their questions.
        """
        errors: list[str] = []
        while len(errors) < MOST_ERRORS:
            answer = self.query(self.error_query, most_bytes=ERROR_BYTES)
            if self._parsed(answers.error_code, self.error_query, answer, "an error number is due") == 0:
                break
            errors.append(answer)
        if errors:
            more = "" if len(errors) < MOST_ERRORS else " … and no end of errors"
            raise self.error(f"the instrument reports{after and f' after {after}'}: {'; '.join(errors)}{more}")

    def identify(self, expected: str) -> Identity:
        """Who answers *IDN?; BenchError unless the regular expression `expected` is found in it."""
        answer = self.query("*IDN?")
        fields = [field.strip() for field in answer.split(",")]
        if len(fields) != 4 or not answer.isprintable() or not re.search(expected, answer):
            raise self.doubt(
                f"{answer[:80]!r} answers, where {expected!r} is expected",
                "is this the address of that instrument, and the driver the right one?",
            )
        return Identity(*fields)

    def clear(self) -> None:
        """Device clear: the instrument's current action and its output are dropped."""
        with self._lock:
            self._stale = True
            self._ready()

    def pause(self, for_s: float) -> None:
        """Let this much time pass on the session's clock."""
        time.sleep(for_s)

    def error(self, what: str, hint: str = "") -> BenchError:
        """A BenchError of this session's instrument."""
        named = "" if self.resource in self.where else f"{self.resource}: "
        return BenchError(self.where, named + what, hint)

    def doubt(self, what: str, hint: str = OUT_OF_STEP) -> BenchError:
        """The error where an answer may be that to another question: the connection is reopened before the next call."""
        self.mark_stale(what)
        return self.error(what, hint)

    def _parsed(self, parse: Callable[[str], T], text: str, answer: str, due: str) -> T:
        try:
            return parse(answer)
        except AnswerError:
            raise self.doubt(f"answered {answer[:60]!r} to {text!r}, where {due}") from None

    def _open(self) -> None:
        assert self._link is not None
        if cause := self._link.open(self.timeout_s):
            self._note("!", f"not opened: {cause}")
            raise BenchError(
                self.where,
                f"no answer from {self.resource} within {self.timeout_s:g} s ({cause})",
                "is the instrument on, and on this network? is the port right?",
            )
        self._stale = False

    def _ready(self) -> VisaLink:
        """The link, cleared of what an earlier failure has left on it."""
        if self._link is None:
            raise self.error("the session is closed")
        self._pending = None
        if self._stale:
            self._note("!", "a new connection, after an exchange that broke off")
            self._link.clear(self.timeout_s)
            self._link.close()
            self._open()
        return self._link

    def _put(self, text: str) -> VisaLink:
        """Send a question on a wire that is proven empty; the session is stale until the answer has been read."""
        link = self._ready()
        with ErrorNotice(self, f"could not ask {text!r}"):
            left = link.left_over(self.timeout_s)
        if left:
            raise self.doubt(
                f"out of step: {left} is on the wire before {text!r} is asked, and nothing asked for it", OUT_OF_STEP
            )
        self._send(text, link)
        self._stale = True
        return link

    def _take(self, link: VisaLink, answer: Due, lacks: str, timeout_s: float | None) -> None:
        bound_s = self.timeout_s if timeout_s is None else timeout_s
        with ErrorNotice(self, lacks, bound_s, answer):
            link.read(answer, bound_s)

    def _prove_end(self, link: VisaLink, text: str) -> None:
        if left := link.surplus():
            raise self.doubt(f"out of step: more than one answer to {text!r}: {left} comes behind it")
        self._stale = False

    def _send(self, text: str, link: VisaLink) -> None:
        self._note(">", text)
        with ErrorNotice(self, f"could not send {text!r}"):
            link.write(text.encode("latin-1") + b"\n", self.timeout_s)

    def _note(self, direction: str, text: str) -> None:
        if self._log:
            self._log(self.clock.now_s(), direction, text)

    def mark_stale(self, what: str) -> None:
        """An exchange broke off: its answer may still come, so the connection is reopened before the next one."""
        with self._lock:
            self._stale = True
            if self._link:
                self._link.drop()
            self._note("!", what)
