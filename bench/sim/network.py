"""Streams in memory with a transit time, in place of TCP on the loopback: ordered, lossless, as many as one likes.

    client --write--> TRANSIT_S later --data_received--> server, and back the same way

What is written in one call arrives in one piece. There is no flow control and no loss: Modbus exchanges are a request
and its reply.
"""

import asyncio
from collections.abc import Callable
from typing import Any

# From write() here to data_received() there. Loopback TCP between two Python processes takes about this long when the
# machine is idle; a switch adds some 10 us.
TRANSIT_S = 100e-6

Address = tuple[str, int]
Factory = Callable[[], asyncio.Protocol]


class _Socket:
    """As much of a socket as programs ask a transport for."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def getsockname(self) -> Address:
        return self._address

    def setsockopt(self, *option: Any) -> None:
        """Nothing waits for a fuller segment here."""


class SimTransport(asyncio.Transport):
    """One end of a stream."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, here: Address, peer: Address, protocol: asyncio.Protocol
    ) -> None:
        super().__init__({"peername": peer, "sockname": here, "socket": _Socket(here)})
        self._loop, self._protocol = loop, protocol
        self.other: SimTransport | None = None
        self._closing = self._lost = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and self.other is not None:
            self._loop.call_later(TRANSIT_S, self.other.take, bytes(data))

    def take(self, data: bytes) -> None:
        """What the other end wrote has come."""
        if not self._closing:
            self._protocol.data_received(data)

    def close(self) -> None:
        """Both ends are notified: this one soon, the other after the transit."""
        if self._closing:
            return
        self._closing = True
        self._loop.call_soon(self._lose)
        if self.other is not None:
            self._loop.call_later(TRANSIT_S, self.other.closed_there)

    abort = close

    def closed_there(self) -> None:
        """The other end has closed."""
        if not self._closing:
            self._closing = True
            self._lose()

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._closing

    def pause_reading(self) -> None:
        """Streams in memory have no flow control."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""


class SimServer:
    """What `create_server` gives."""

    def __init__(self, network: "Network", address: Address) -> None:
        self._network, self._address = network, address
        self.sockets = [_Socket(address)]

    def close(self) -> None:
        """Accept no more connections."""
        self._network.leave(self._address)

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""


class Network:
    """Who listens where, in one simulation."""

    FIRST_PORT = 50_000

    def __init__(self) -> None:
        self._listening: dict[Address, Factory] = {}
        self._port = self.FIRST_PORT

    def listen(self, loop: asyncio.AbstractEventLoop, factory: Factory, address: Address) -> SimServer:
        """Accept streams there; port 0 chooses one."""
        host, port = address
        if port == 0:
            port = self._next_port()
        self._listening[(host, port)] = factory
        return SimServer(self, (host, port))

    def leave(self, address: Address) -> None:
        """Nobody listens there any more."""
        self._listening.pop(address, None)

    async def connect(self, loop: asyncio.AbstractEventLoop, factory: Factory, address: Address) -> Any:
        """Transport and protocol of a new stream, after one transit there and back; OSError where there is no listener."""
        here = ("127.0.0.1", self._next_port())
        await asyncio.sleep(2 * TRANSIT_S)
        accept = self._listening.get(address)
        if accept is None:
            raise ConnectionRefusedError(f"nobody listens at {address[0]}:{address[1]} of this simulation")
        far, near = accept(), factory()
        far_end, near_end = SimTransport(loop, address, here, far), SimTransport(loop, here, address, near)
        far_end.other, near_end.other = near_end, far_end
        far.connection_made(far_end)
        near.connection_made(near_end)
        return near_end, near

    def _next_port(self) -> int:
        self._port += 1
        return self._port
