"""One PyVISA resource, with what pyvisa-py 0.8.1 lacks; session.py gives it its meaning.

The workarounds, each for a behaviour that was measured: TCP_NODELAY on raw sockets (write, then query, took 44 ms);
opening bounded in time (a HiSLIP port that accepts and says nothing takes 5 s, a closed raw port opens without error);
the end of a stream seen at once (reading spins until the timeout); a new connection after a timeout on a raw socket
(clearing it leaves the late answer that is still on its way).
"""

import select
import socket
import struct
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyvisa import ResourceManager
    from pyvisa.resources import MessageBasedResource

LOST_CONNECTION = (ConnectionError, RuntimeError)  # RuntimeError: pyvisa-py's word for a peer that is gone

_managers: "dict[str, ResourceManager]" = {}
_managers_lock = threading.Lock()


def io_errors() -> tuple[type[BaseException], ...]:
    """What PyVISA and its backends raise when an exchange fails; a broken HiSLIP header is an assertion there."""
    import pyvisa

    return (pyvisa.errors.Error, OSError, EOFError, RuntimeError, AssertionError, struct.error, ValueError)


def shared_manager(backend: str) -> "ResourceManager":
    """The one ResourceManager of a backend in this process: closing one closes the sessions of all, so none is."""
    import pyvisa

    with _managers_lock:
        if backend not in _managers:
            _managers[backend] = pyvisa.ResourceManager(backend)
        return _managers[backend]


class VisaLink:
    """A resource by name; `open` may be called again after `close`. Not thread-safe: the session holds the lock."""

    def __init__(self, resource: str, backend: str) -> None:
        self._name = resource
        self._backend = backend
        self._visa: MessageBasedResource | None = None
        self._by_stream = resource.upper().endswith("::SOCKET")

    def open(self, timeout_s: float) -> str:
        """Open within `timeout_s`; "" or what was wrong.

        The opening runs in a thread, because backends do not keep to a bound; one that succeeds too late is closed.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="visa-open")
        future = executor.submit(self._connect, timeout_s)
        executor.shutdown(wait=False)
        try:
            cause = future.exception(timeout_s)
        except TimeoutError:
            future.add_done_callback(_close_late)
            return "it does not complete the connection"
        if cause:
            return str(cause) or type(cause).__name__
        self._visa = future.result()
        return ""

    def close(self) -> None:
        """Close the resource if it is open."""
        visa, self._visa = self._visa, None
        if visa is not None:
            visa.close()

    def write(self, data: bytes) -> None:
        """Send `data`. Raises one of io_errors()."""
        self._opened().write_raw(data)

    def read_line(self, timeout_s: float) -> bytes:
        """The next answer, with its line end. Raises one of io_errors()."""
        visa = self._set_timeout(timeout_s)
        self._await_stream(timeout_s)
        return bytes(visa.read_raw())

    def read_block(self, timeout_s: float, size: int | None = None) -> bytes:
        """The data of a block. ValueError: no block, a short one, or one of indefinite length and `size` not given."""
        visa = self._set_timeout(timeout_s)
        self._await_stream(timeout_s)
        if not self._by_stream:
            return block_of(bytes(visa.read_raw(1 << 20)))
        visa.set_visa_attribute(_term_char_enabled(), False)  # a line feed inside of the data does not end them
        try:
            data = self._read_exactly(self._length_of_block(size))
        finally:
            visa.set_visa_attribute(_term_char_enabled(), True)
        if visa.read_raw().strip():
            raise ValueError("there is more behind the block")
        return data

    def _length_of_block(self, size: int | None) -> int:
        start = self._read_exactly(2)
        if start == b"#0" and size is not None:
            return size
        if start[:1] != b"#" or start[1:] not in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"):
            raise ValueError(f"no definite-length block: it starts with {start!r}")
        return int(self._read_exactly(int(start[1:])))

    def clear(self, timeout_s: float) -> bool:
        """Device clear; False where it failed, or cannot keep a late answer away: then open a new connection."""
        if self._by_stream or self._visa is None:
            return False
        try:
            self._set_timeout(timeout_s)
            self._visa.clear()
        except io_errors():
            return False
        return True

    def drop(self) -> None:
        """After a failed exchange: leave a raw socket at once, so that what is queued behind the failure is not done.

        Other links are kept: their device clear does that.
        """
        if self._by_stream:
            self.close()

    def surplus(self) -> bool:
        """Is there something on the stream after an answer was read? Known for pyvisa-py's raw sockets only."""
        session = self._py_session()
        return bool(session is not None and getattr(session, "_pending_buffer", b""))

    def _connect(self, timeout_s: float) -> "MessageBasedResource":
        from pyvisa.resources import MessageBasedResource

        visa = shared_manager(self._backend).open_resource(self._name, open_timeout=int(timeout_s * 1000))
        try:
            if not isinstance(visa, MessageBasedResource):
                raise ValueError(f"{self._name} is no message-based resource")
            visa.timeout = timeout_s * 1000
            if self._by_stream:
                visa.read_termination = "\n"
            connected = self._py_socket(visa)
            if connected is not None:
                connected.getpeername()  # pyvisa-py does not look whether the connection was refused
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            visa.close()
            raise
        return visa

    def _opened(self) -> "MessageBasedResource":
        if self._visa is None:
            raise ConnectionError("not connected")
        return self._visa

    def _set_timeout(self, timeout_s: float) -> "MessageBasedResource":
        visa = self._opened()
        if visa.timeout != timeout_s * 1000:
            visa.timeout = timeout_s * 1000
        return visa

    def _await_stream(self, timeout_s: float) -> None:
        """On a raw socket, wait for the first byte; ConnectionError if the peer has left instead of answering."""
        connected = self._py_socket(self._opened())
        if connected is None or self.surplus():
            return
        if not select.select([connected], [], [], timeout_s)[0]:
            raise TimeoutError(f"nothing came within {timeout_s:g} s")
        if not connected.recv(1, socket.MSG_PEEK):
            raise ConnectionResetError("the instrument closed the connection")

    def _read_exactly(self, count: int) -> bytes:
        visa = self._opened()
        data = bytearray()
        deadline_s = time.monotonic() + visa.timeout / 1000
        with visa.ignore_warning(_statuses().success_max_count_read):
            while len(data) < count:
                chunk, _ = visa.visalib.read(visa.session, count - len(data))
                data += chunk
                if not chunk and time.monotonic() > deadline_s:
                    raise TimeoutError(f"{len(data)} of {count} bytes came")
        return bytes(data)

    def _py_session(self) -> Any:
        return _py_session_of(self._visa) if self._visa is not None else None

    def _py_socket(self, visa: "MessageBasedResource") -> socket.socket | None:
        if not self._by_stream:
            return None
        found = getattr(_py_session_of(visa), "interface", None)
        return found if isinstance(found, socket.socket) else None


def _py_session_of(visa: "MessageBasedResource") -> Any:
    """The object inside pyvisa-py behind a resource, None with any other backend."""
    if not type(visa.visalib).__module__.startswith("pyvisa_py"):
        return None
    return getattr(visa.visalib, "sessions", {}).get(visa.session)


def _term_char_enabled() -> Any:
    from pyvisa.constants import ResourceAttribute

    return ResourceAttribute.termchar_enabled


def _statuses() -> Any:
    from pyvisa.constants import StatusCode

    return StatusCode


def block_of(message: bytes) -> bytes:
    """The data of a whole message that is one block, definite or up to the end of the message (#0)."""
    if message[:2] == b"#0":
        return message[2:].removesuffix(b"\n")
    if message[:1] != b"#" or not message[1:2].isdigit():
        raise ValueError(f"no block: it starts with {message[:20]!r}")
    start = 2 + int(message[1:2])
    if not message[2:start].isdigit() or len(message) < start + int(message[2:start]):
        raise ValueError(f"a block of {message[2:start].decode('latin-1')} bytes ends after {len(message) - start}")
    end = start + int(message[2:start])
    if message[end:].strip():
        raise ValueError("there is more behind the block")
    return message[start:end]


def _close_late(future: "Future[MessageBasedResource]") -> None:
    if future.exception() is None:
        future.result().close()
