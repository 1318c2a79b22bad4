"""One PyVISA resource, with what pyvisa-py 0.8.1 lacks; session.py gives it its meaning.

The workarounds, each for a behaviour that was measured: TCP_NODELAY on raw sockets (write, then query, took 44 ms);
opening bounded in time (a HiSLIP port that accepts and sends nothing takes 5 s, a closed raw port opens without error);
the end of a stream seen at once (reading spins until the timeout); an answer read by its bytes (pyvisa-py's timeouts hold
from byte to byte, and its buffer grows without a bound); a new connection after any failure (clearing a raw
socket leaves the late answer that is still on its way).
"""

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

from v2g_bench.clock import Clock
from v2g_bench.instruments.answers import Due
from v2g_bench.instruments.port import Port
from v2g_bench.instruments.wires import HislipWire, StreamWire, VisaWire, Wire, within

if TYPE_CHECKING:
    from pyvisa import ResourceManager
    from pyvisa.resources import MessageBasedResource

LOST_CONNECTION = (ConnectionError, RuntimeError)  # RuntimeError: raised by pyvisa-py for a peer that has closed

_managers: "dict[str, ResourceManager]" = {}
_managers_lock = threading.Lock()


def io_errors() -> tuple[type[BaseException], ...]:
    """What PyVISA and its backends raise when an exchange fails; an invalid HiSLIP header is an assertion there."""
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
    """A resource by name; `open` may be called again after `close`. Not thread-safe: the session holds the lock.

    All but `open` raise one of io_errors(); an answer that cannot be one is an AnswerError, which is a ValueError.
    """

    def __init__(self, resource: str, backend: str, clock: Clock) -> None:
        self._name = resource
        self._backend = backend
        self._clock = clock
        self._visa: MessageBasedResource | None = None
        self._wire: Wire | None = None
        name = resource.upper()
        self._by_stream = name.endswith("::SOCKET") or name.startswith("ASRL")

    def open(self, timeout_s: float) -> str:
        """Open within `timeout_s`; "" or what was wrong. One that succeeds too late is closed."""
        try:
            self._visa = within(timeout_s, lambda: self._connect(timeout_s), lambda late: late.close())
            self._wire = self._wire_of(self._visa)
        except TimeoutError:
            return "it does not complete the connection"
        except Exception as error:  # noqa: BLE001  backends raise what they like
            self.close()
            return str(error) or type(error).__name__
        return ""

    def close(self) -> None:
        """Close the resource if it is open."""
        visa, self._visa, self._wire = self._visa, None, None
        if visa is not None:
            visa.close()

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send `data`."""
        self._opened().write(data, self._clock.now_s() + timeout_s)

    def read(self, answer: Due, timeout_s: float) -> None:
        """Complete the answer within `timeout_s`, from its first byte to its last."""
        self._opened().read(answer, self._clock.now_s() + timeout_s)

    def left_over(self, timeout_s: float) -> str:
        """What is on the wire before a question, "" for nothing; wires.py states what cannot be seen."""
        return self._opened().left_over(self._clock.now_s() + timeout_s)

    def surplus(self) -> str:
        """What is on the wire behind an answer, "" for nothing; costs no exchange."""
        return self._wire.surplus() if self._wire else ""

    def clear(self, timeout_s: float) -> None:
        """Device clear, where there is one and it works. The connection must be reopened in any case."""
        with contextlib.suppress(*io_errors()):
            self._opened().clear(self._clock.now_s() + timeout_s)

    def drop(self) -> None:
        """After a failed exchange: leave a raw socket at once, so that what is queued behind the failure is not done.

        Other links are kept: their device clear does that.
        """
        if self._by_stream:
            self.close()

    def _connect(self, timeout_s: float) -> "MessageBasedResource":
        from pyvisa.resources import MessageBasedResource

        visa = shared_manager(self._backend).open_resource(self._name, open_timeout=int(timeout_s * 1000))
        try:
            if not isinstance(visa, MessageBasedResource):
                raise ValueError(f"{self._name} is no message-based resource")
            visa.timeout = timeout_s * 1000
            if self._by_stream:
                visa.read_termination = "\n"
            connected = getattr(_py_session_of(visa), "interface", None)
            if isinstance(connected, socket.socket):
                connected.getpeername()  # pyvisa-py does not check whether the connection was refused
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            visa.close()
            raise
        return visa

    def _wire_of(self, visa: "MessageBasedResource") -> Wire:
        """The way that bounds each byte, where the insides of the backend are known."""
        interface = getattr(_py_session_of(visa), "interface", None)
        if isinstance(interface, socket.socket):
            return StreamWire(Port(interface, self._clock))
        if interface is not None and type(interface).__module__ == "pyvisa_py.protocols.hislip":
            interface._sync = Port(interface._sync, self._clock)
            interface._async = Port(interface._async, self._clock)
            return HislipWire(interface, interface._sync, interface._async)
        return VisaWire(visa, self._clock, self._by_stream)

    def _opened(self) -> Wire:
        if self._wire is None:
            raise ConnectionError("not connected")
        return self._wire


def _py_session_of(visa: "MessageBasedResource") -> Any:
    """The object inside pyvisa-py behind a resource, None with any other backend."""
    if not type(visa.visalib).__module__.startswith("pyvisa_py"):
        return None
    return getattr(visa.visalib, "sessions", {}).get(visa.session)
