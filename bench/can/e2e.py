"""End-to-end protection after AUTOSAR E2E profile 5: a checksum and a counter in the frame itself.

Bytes 0 and 1 hold a CRC-16/CCITT-FALSE over the rest of the frame and the data id of the message, byte 2 a counter.
The functions come from the package autosar-e2e; the receiver is ours, after the published state machine of the AUTOSAR
E2E protocol specification (PRS_E2E): each frame gets a status, and a window of the last statuses decides the state.

    INIT --(enough good, few errors)--> VALID --(too few good or too many errors)--> INVALID --(again good)--> VALID

>>> frame = bytearray(8)
>>> protect(frame, data_id=0x2080, counter=7)
>>> check(frame, data_id=0x2080), frame[2]
(True, 7)
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from e2e.p05 import e2e_p05_check, e2e_p05_protect

HEADER_BYTES = 3
COUNTER_BYTE = 2


@dataclass(frozen=True)
class E2E:
    """How a message is protected. profile: "P05"; data_id: 16 bits, known to both ends and never sent."""

    profile: str
    data_id: int


class E2EStatus(StrEnum):
    """What one frame was worth."""

    OK = "ok"
    OK_SOME_LOST = "ok, some lost"
    REPEATED = "repeated"
    WRONG_SEQUENCE = "wrong sequence"
    WRONG_CRC = "wrong CRC"

    @property
    def good(self) -> bool:
        """The frame's content may be used."""
        return self is E2EStatus.OK or self is E2EStatus.OK_SOME_LOST

    __hash__ = str.__hash__  # an Enum's own is written in Python; every frame is counted by its status


class E2EState(StrEnum):
    """What the stream of frames is worth."""

    INIT = "init"
    VALID = "valid"
    INVALID = "invalid"


def protect(data: bytearray, data_id: int, counter: int) -> None:
    """Write counter (mod 256) and CRC into `data` (at least 3 bytes), in place."""
    data[COUNTER_BYTE] = counter & 0xFF
    e2e_p05_protect(data, data_id, increment_counter=False)


def check(data: bytes | bytearray, data_id: int) -> bool:
    """True if the CRC fits the content and the data id. A frame that is too short to carry one does not."""
    return len(data) >= HEADER_BYTES and e2e_p05_check(bytes(data), data_id)


@dataclass(frozen=True)
class E2EConfig:
    """max_delta: counter step that still counts as 'some lost'; window: how many of the last statuses are judged.

    VALID is entered with at least `min_ok` good and at most `max_errors` bad statuses in the window, and left when
    either no longer holds. A status WRONG_SEQUENCE or WRONG_CRC or REPEATED is bad.
    """

    max_delta: int = 3
    window: int = 10
    min_ok: int = 2
    max_errors: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.max_delta <= 255 or not 1 <= self.min_ok <= self.window or self.max_errors < 0:
            raise ValueError(f"impossible E2E configuration: {self}")


class E2EReceiver:
    """Judges the frames of one protected message, in the order of arrival.

    on_frame() takes the frame's data and returns its status. The counter of a frame with a wrong CRC is ignored; that
    of a frame out of sequence is, so that a sender that restarted is found again with its next frame. `state` is the
    windowed state; `lost` the number of missing frames by the counter.
    """

    def __init__(self, data_id: int, config: E2EConfig | None = None) -> None:
        self.data_id = data_id
        self.config = config or E2EConfig()
        self.state = E2EState.INIT
        self.lost = 0
        self.counts: dict[E2EStatus, int] = dict.fromkeys(E2EStatus, 0)
        self._counter: int | None = None
        self._window: deque[bool] = deque(maxlen=self.config.window)
        self._good = 0

    def on_frame(self, data: bytes | bytearray) -> E2EStatus:
        """Judge one frame and move the state."""
        status = self._judge(data)
        self.counts[status] += 1
        self._note(status.good)
        return status

    def silence(self) -> None:
        """A cycle went by without a frame: it takes a place in the window and is not good."""
        self._note(False)

    def _note(self, good: bool) -> None:
        """One more place of the window; `_good` is its sum."""
        if len(self._window) == self.config.window:
            self._good -= self._window[0]
        self._window.append(good)
        self._good += good
        self._move()

    def reset(self) -> None:
        """Forget everything but the counts: INIT again."""
        self.state = E2EState.INIT
        self._counter = None
        self._window.clear()
        self._good = 0

    def _judge(self, data: bytes | bytearray) -> E2EStatus:
        if not check(data, self.data_id):
            return E2EStatus.WRONG_CRC
        counter, last = data[COUNTER_BYTE], self._counter
        self._counter = counter
        if last is None:
            return E2EStatus.OK
        delta = (counter - last) & 0xFF
        if delta == 0:
            return E2EStatus.REPEATED
        if delta > self.config.max_delta:
            return E2EStatus.WRONG_SEQUENCE
        self.lost += delta - 1
        return E2EStatus.OK if delta == 1 else E2EStatus.OK_SOME_LOST

    def _move(self) -> None:
        good = self._good
        errors = len(self._window) - good
        enough = good >= self.config.min_ok and errors <= self.config.max_errors
        if enough:
            self.state = E2EState.VALID
        elif self.state is E2EState.VALID or errors > self.config.max_errors:
            self.state = E2EState.INVALID
