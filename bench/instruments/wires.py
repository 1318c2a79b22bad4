"""The ways to an instrument behind an open PyVISA resource, each with a bound in time and size on what is received.

| wire | for | unrequested bytes are seen by |
| --- | --- | --- |
| StreamWire | pyvisa-py, raw socket | a look at the socket: every byte |
| HislipWire | pyvisa-py, HiSLIP | a look at the socket; the message id that each answer carries |
| VisaWire | VXI-11, USB, GPIB, serial, other backends | the status byte (MAV); on a stream, a read without waiting |

A VisaWire cannot see what an instrument sends unasked where neither a status byte nor a stream is offered. Where a library
does not keep to a timeout, its thread is left behind and its resource closed: see `within`.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from v2g_bench.clock import Clock
from v2g_bench.instruments.answers import SHOWN_BYTES, AnswerError, Due, shown
from v2g_bench.instruments.port import Port

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

MESSAGE_AVAILABLE = 16  # bit MAV of the status byte (IEEE 488.2, 11.2.1.2)
ANY_MESSAGE = 0xFFFF_FFFF  # the id of a HiSLIP message that belongs to the latest question (IVI-6.1, 3.1.2)
GRACE_S = 0.25  # for a library to return after its own timeout

T = TypeVar("T")


class Wire(Protocol):
    """Not thread-safe. Everything is done by `deadline_s` of the clock, or raises TimeoutError."""

    def write(self, data: bytes, deadline_s: float) -> None:
        """Send one program message."""
        ...

    def read(self, answer: Due, deadline_s: float) -> None:
        """Complete the answer. AnswerError: what comes is none."""
        ...

    def left_over(self, deadline_s: float) -> str:
        """What is on the wire before anything is asked; "" for nothing."""
        ...

    def surplus(self) -> str:
        """What is on the wire behind an answer, as far as that is seen without asking the instrument."""
        ...

    def clear(self, deadline_s: float) -> bool:
        """Device clear; False where there is none."""
        ...


def within(timeout_s: float, work: Callable[[], T], too_late: Callable[[T], object] = lambda _: None) -> T:
    """What `work` returns or raises, by a thread that is left behind, with TimeoutError, if it takes longer.

    too_late: called with a result that came after the wait had ended.
    """
    result: Future[T] = Future()
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where it is waited for
            result.set_exception(error)

    threading.Thread(target=run, name="visa", daemon=True).start()
    try:
        return result.result(timeout_s)
    except TimeoutError:
        if result.done():  # the work's own
            raise
        result.add_done_callback(lambda late: None if late.exception() else too_late(late.result()))
        raise TimeoutError(f"the VISA library does not come back within {timeout_s:g} s") from None


class StreamWire:
    """A raw TCP socket."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def write(self, data: bytes, deadline_s: float) -> None:
        self._port.deadline_s = deadline_s
        self._port.sendall(data)

    def read(self, answer: Due, deadline_s: float) -> None:
        port = self._port
        port.deadline_s = deadline_s
        while not answer.complete:
            answer.feed(port.receive(answer.wants))

    def left_over(self, deadline_s: float) -> str:
        waiting = self._port.waiting()
        return shown(waiting) if waiting else ""

    def surplus(self) -> str:
        try:
            return self.left_over(0.0)
        except OSError:  # it has closed: the next exchange reports that, this one has its answer
            return ""

    def clear(self, deadline_s: float) -> bool:
        return False


class HislipWire(StreamWire):
    """HiSLIP, synchronized mode, through pyvisa-py's `Instrument`, whose two sockets are Ports.

    An answer to another message than the last one is no answer, and neither is one that nothing was asked for. Messages
    without an id (0xFFFF_FFFF) are accepted, as the standard requires.
    """

    def __init__(self, instrument: Any, synchronous: Port, asynchronous: Port) -> None:
        super().__init__(synchronous)
        self._instrument = instrument
        self._asynchronous = asynchronous

    def write(self, data: bytes, deadline_s: float) -> None:
        self._port.deadline_s = deadline_s
        self._instrument.send(data)

    def read(self, answer: Due, deadline_s: float) -> None:
        from pyvisa_py.protocols.hislip import RxHeader, receive_exact

        self._port.deadline_s = deadline_s
        while not answer.complete:
            header: Any = RxHeader(self._port)
            self._check(header, answer)
            if header.payload_length:
                answer.feed(bytes(receive_exact(self._port, header.payload_length)))
            if header.msg_type == "DataEnd":
                answer.end()
        self._instrument._rmt = 1  # sent with the next message: the answer was read to its end

    def clear(self, deadline_s: float) -> bool:
        self._port.deadline_s = self._asynchronous.deadline_s = deadline_s
        self._instrument.device_clear()
        return True

    def _check(self, header: Any, answer: Due) -> None:
        kind, asked = header.msg_type, self._instrument.last_message_id
        if kind not in ("Data", "DataEnd"):
            raise AnswerError(f"a HiSLIP message {kind} comes instead")
        if header.message_parameter not in (asked, ANY_MESSAGE):
            raise AnswerError(f"out of step: the answer is to message {header.message_parameter:#x}, not to {asked:#x}")
        if header.payload_length > answer.room:
            raise AnswerError(f"{header.payload_length} bytes come, where at most {answer.room} are due")


class VisaWire:
    """Whatever else PyVISA reaches. by_stream: nothing but a line feed ends an answer."""

    def __init__(self, visa: "MessageBasedResource", clock: Clock, by_stream: bool) -> None:
        self._visa = visa
        self._clock = clock
        self._by_stream = by_stream
        self._has_status = not by_stream

    def write(self, data: bytes, deadline_s: float) -> None:
        self._bounded(deadline_s, lambda: self._visa.write_raw(data))

    def read(self, answer: Due, deadline_s: float) -> None:
        self._bounded(deadline_s, lambda: self._fill(answer, deadline_s))

    def left_over(self, deadline_s: float) -> str:
        return self._bounded(deadline_s, self._stray if self._by_stream else self._told_by_status)

    def surplus(self) -> str:
        return ""  # it costs the instrument's time: `left_over` sees it before the next question

    def clear(self, deadline_s: float) -> bool:
        if not self._by_stream:
            self._bounded(deadline_s, self._visa.clear)
        return not self._by_stream

    def _bounded(self, deadline_s: float, work: Callable[[], T]) -> T:
        left_s = self._set_timeout(deadline_s)
        try:
            return within(left_s + GRACE_S, work)
        except TimeoutError:
            self._visa.close()  # ends what its thread waits for
            raise

    def _set_timeout(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.now_s()
        if left_s <= 0:
            raise TimeoutError("the time is over")
        self._visa.timeout = max(left_s * 1000, 1.0)  # below 1 ms it would not wait at all
        return left_s

    def _fill(self, answer: Due, deadline_s: float) -> None:
        from pyvisa.constants import ResourceAttribute, StatusCode

        visa = self._visa
        if self._by_stream:  # a line feed inside of the data does not end a block
            visa.set_visa_attribute(ResourceAttribute.termchar_enabled, hasattr(answer, "text"))
        with visa.ignore_warning(StatusCode.success_max_count_read):
            while not answer.complete:
                self._set_timeout(deadline_s)
                most = answer.wants if self._by_stream else answer.room + 1
                data, status = visa.visalib.read(visa.session, max(most, 1))
                answer.feed(bytes(data))
                if not self._by_stream and status != StatusCode.success_max_count_read:
                    answer.end()

    def _told_by_status(self) -> str:
        from pyvisa.constants import StatusCode
        from pyvisa.errors import VisaIOError

        if not self._has_status:
            return ""
        try:
            waits = self._visa.read_stb() & MESSAGE_AVAILABLE
        except NotImplementedError:
            self._has_status = False
            return ""
        except VisaIOError as error:
            if error.error_code != StatusCode.error_nonsupported_operation:
                raise
            self._has_status = False
            return ""
        return "an answer that its status byte announces (MAV)" if waits else ""

    def _stray(self) -> str:
        from pyvisa.constants import StatusCode
        from pyvisa.errors import VisaIOError

        visa, found = self._visa, b""
        visa.timeout = 0  # does not wait
        with visa.ignore_warning(StatusCode.success_max_count_read):
            while len(found) < SHOWN_BYTES:  # one by one: PyVISA drops what came before a timeout
                try:
                    found += bytes(visa.visalib.read(visa.session, 1)[0])
                except VisaIOError as error:
                    if error.error_code != StatusCode.error_timeout:
                        raise
                    break
        return shown(found) if found else ""
