"""The form that an answer may have, and how long it may be: decided byte by byte, without a wire, a clock or a thread.

    waiting --bytes, none too many--> complete
      `--too many, or the wrong ones--> AnswerError

`Line` is one line of text, `Block` a block of IEEE 488.2 (8.7.9, 8.7.10). Both know from what was asked how many bytes can
be due, and refuse the first byte beyond that: what a hung or wrong instrument sends is never stored without a bound.

>>> line = Line(most_bytes=64)
>>> line.feed(b"+1.5E+00\\n")
>>> line.complete, line.text
(True, '+1.5E+00')
"""

import math
import re
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LINE_BYTES = 4096  # an identity has at most 72 (IEEE 488.2, 10.14.3), an error text 255 (SCPI-99, 21.8)
NUMBER_BYTES = 64  # one number as text, with what a maker puts around it
BLOCK_BYTES = 64 << 20  # where it is not stated how many numbers are due; 1 million readings with timestamps have 16 MB
LINE_END_BYTES = 2  # "\r\n"
HEADER_BYTES = 11  # "#9" and nine digits
SHOWN_BYTES = 48

_DTYPES = {"f8": ">f8", "f4": ">f4", "u2": ">u2"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?", re.ASCII)  # NR1, NR2, NR3
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


class AnswerError(ValueError):
    """What was received cannot be the answer; the text gives the reason, and shows its beginning."""


def shown(data: bytes) -> str:
    """The first bytes of `data` as Python writes them, and how many there are where these are not all."""
    return repr(data[:SHOWN_BYTES]) if len(data) <= SHOWN_BYTES else f"{data[:SHOWN_BYTES]!r}… ({len(data)} bytes)"


class Due(Protocol):
    """An answer that is on its way.

    complete: nothing more is due; wants: at least so many bytes are, so many can be read without waiting for what does
    not come; room: at most so many can be. `feed` takes what came, `end` is called where the wire marks the end of the
    answer; both raise AnswerError. came: what came until now.
    """

    complete: bool
    came: bytearray

    @property
    def wants(self) -> int: ...

    @property
    def room(self) -> int: ...

    def feed(self, data: bytes) -> None: ...

    def end(self) -> None: ...


class Line:
    """One line of at most `most_bytes`, without its end. text: the line, once it is complete."""

    def __init__(self, most_bytes: int = LINE_BYTES) -> None:
        self.most_bytes = most_bytes
        self.complete = False
        self.came = bytearray()
        self.text = ""

    @property
    def wants(self) -> int:
        return self.room

    @property
    def room(self) -> int:
        return self.most_bytes + LINE_END_BYTES - len(self.came)

    def feed(self, data: bytes) -> None:
        seen = len(self.came)
        self.came += data
        place = self.came.find(b"\n", seen)
        if place >= 0 and place + 1 < len(self.came):
            raise AnswerError(
                f"out of step: more than one answer: {shown(bytes(self.came[place + 1 :]))} comes behind it"
            )
        if place >= 0:
            self._finish()
        elif self.room <= 0:
            raise AnswerError(f"what comes is longer than {self.most_bytes} bytes: {shown(bytes(self.came))}")

    def end(self) -> None:
        if not self.complete:
            self._finish()

    def _finish(self) -> None:
        if len(self.came) > self.most_bytes + LINE_END_BYTES:
            raise AnswerError(f"what comes is longer than {self.most_bytes} bytes: {shown(bytes(self.came))}")
        self.complete = True
        self.text = self.came.decode("latin-1").strip()


class Block:
    """A block of at most `most_bytes` data bytes. size: of its data, for a block of indefinite length (#0) on a stream.

    Its header states what follows, and is refused at once where that is more than is due.
    """

    def __init__(self, most_bytes: int = BLOCK_BYTES, size: int | None = None) -> None:
        self.most_bytes = most_bytes
        self._size = size
        self.complete = False
        self.came = bytearray()
        self._start: int | None = None  # of the data
        self._stop: int | None = None  # behind the last data byte; None until the header states it

    @property
    def data(self) -> bytes:
        """The data bytes of a complete block."""
        return bytes(memoryview(self.came)[self._start : self._stop])

    @property
    def wants(self) -> int:
        if self._stop is not None:
            return max(self._stop - len(self.came), 1)
        if self._start is None:
            digits = self.came[1:2]
            return 2 - len(self.came) if len(self.came) < 2 else 2 + int(digits) - len(self.came)
        if self._size is None:
            raise AnswerError("it is a block of indefinite length (#0), and it is not stated how many numbers are due")
        return max(self._start + self._size - len(self.came), 1)

    @property
    def room(self) -> int:
        if self._stop is not None:
            return self._stop + LINE_END_BYTES - len(self.came)
        return HEADER_BYTES + self.most_bytes + LINE_END_BYTES - len(self.came)

    def feed(self, data: bytes) -> None:
        self.came += data
        if self._start is None:
            self._read_header()
        if self._start is not None and self._stop is None and self._size is not None:
            self._await_indefinite(self._start + self._size)
        if self._stop is not None and len(self.came) > self._stop:
            self._check_line_end(self._stop)
        elif self.room < 0:
            raise AnswerError(f"what comes is longer than {self.most_bytes} bytes: {shown(bytes(self.came))}")

    def end(self) -> None:
        if self._start is None:
            raise AnswerError(f"it is no block: {shown(bytes(self.came))} is all that comes")
        if self._stop is None:
            self._stop = len(self.came) - self.came.endswith(b"\n")
        if len(self.came) < self._stop:
            raise AnswerError(f"a block of {self._stop - self._start} bytes ends after {len(self.came) - self._start}")
        self.complete = True

    def _read_header(self) -> None:
        came = self.came
        digits = came[1:2]
        if (came and came[:1] != b"#") or (digits and digits not in b"0123456789"):
            raise AnswerError(f"it is no block: it starts with {shown(bytes(came))}")
        if digits == b"0":
            self._start = 2
        elif digits and len(came) >= 2 + int(digits):
            length = bytes(came[2 : 2 + int(digits)])
            if not length.isdigit():
                raise AnswerError(f"it is no block: it starts with {shown(bytes(came))}")
            if int(length) > self.most_bytes:
                raise AnswerError(
                    f"a block of {int(length)} bytes is announced, where at most {self.most_bytes} are due"
                )
            self._start = 2 + int(digits)
            self._stop = self._start + int(length)

    def _await_indefinite(self, stop: int) -> None:
        if len(self.came) >= stop:
            self._stop = stop

    def _check_line_end(self, stop: int) -> None:
        rest = bytes(memoryview(self.came)[stop : stop + SHOWN_BYTES])
        if rest == b"\n" or rest == b"\r\n":
            self.complete = True
        elif rest != b"\r":
            raise AnswerError(f"there is more behind the block: {shown(rest)}")


def number(text: str) -> float:
    """The finite decimal number that `text` is; AnswerError for anything else, NaN and infinity among it."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise AnswerError(f"{text[:60]!r} is no number")
    return value


def _value(text: str) -> float:
    """As `number`, and what an instrument says where it has none: NAN, INF. Python itself would read 1_0 as 10."""
    return float(text) if _NO_NUMBER.fullmatch(text) else number(text)


def whole(text: str) -> int:
    """The whole number that `text` is, in any form, as far as a float holds it exactly; AnswerError for anything else."""
    value = number(text)
    if value != round(value) or abs(value) > 2**53:
        raise AnswerError(f"{text[:60]!r} is no whole number")
    return round(value)


def error_code(text: str) -> int:
    """The number in an answer of the error queue: a number and a text in quotation marks (SCPI-99, 21.8.1)."""
    code = re.match(r'([+-]?\d+)\s*,\s*"', text)
    if not code:
        raise AnswerError(f"{text[:60]!r} is no error number and text")
    return int(code[1])


def numbers(text: str, count: int, *, finite: bool = True) -> list[float]:
    """`count` numbers with commas between them. finite: False lets NaN and infinity in. AnswerError for anything else."""
    fields = text.split(",")
    if len(fields) != count:
        raise AnswerError(f"{text[:60]!r} are {len(fields)} fields")
    try:
        return [number(field.strip()) if finite else _value(field.strip()) for field in fields]
    except ValueError:
        raise AnswerError(f"{text[:60]!r} are no numbers") from None


def block_bytes(kind: str, count: int | None) -> tuple[int, int | None]:
    """(most data bytes, exact data bytes or None) of a block of `count` numbers of this kind."""
    if count is None:
        return BLOCK_BYTES, None
    size = count * (NUMBER_BYTES + 1 if kind == "ascii" else int(kind[1]))
    return min(size, BLOCK_BYTES), None if kind == "ascii" else size


def block_numbers(data: bytes, kind: str, count: int | None) -> NDArray[np.float64]:
    """What is in a block (kind: f8, f4, u2, ascii); AnswerError unless it is `count` numbers of this kind."""
    try:
        if kind == "ascii":
            values = np.array([_value(field.strip()) for field in data.decode("latin-1").strip().split(",")])
        else:
            values = np.frombuffer(data, _DTYPES[kind]).astype(np.float64)
    except ValueError:
        raise AnswerError(f"does not hold numbers ({kind})") from None
    if count is not None and len(values) != count:
        raise AnswerError(f"holds {len(values)} numbers, where {count} are due")
    return values
