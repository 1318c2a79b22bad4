"""An emulated inverter on TCP, and clients of several kinds."""

import asyncio
import socket
import threading
import time
from dataclasses import replace

import pytest

from v2g_bench.clock import RealClock
from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.frames import FrameReader
from v2g_bench.inverter.nameplate import InverterConfig
from v2g_bench.inverter.port import InverterReading
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.server_faults import ServerFault
from v2g_bench.inverter.sunspec import InverterMap

BOUND_S = 10.0  # how long anything may take on a busy machine
TIMEOUT_S = 0.5  # of the client, where a test waits it out


class Stage:
    """Reaches each set-point at once."""

    def __init__(self):
        self.reading = InverterReading(0.0, 230.0, 50.0, 355.0, 0.0, 51.25, running=False, fault=False)
        self.commands = []

    def set_ac_power(self, ac_power_w, now_s):
        self.commands.append((ac_power_w, now_s))
        self.reading = replace(self.reading, ac_power_w=ac_power_w, dc_current_a=ac_power_w / 355.0)

    def enable_bridge(self, on, now_s):
        self.reading = replace(self.reading, running=on)

    def measure(self):
        return self.reading if self.reading.running else replace(self.reading, ac_power_w=0.0, dc_current_a=0.0)


class Emulated:
    """A server on an event loop of its own thread, with what it logged."""

    def __init__(self, **config):
        self.stage, self.exchanges, self.clock = Stage(), [], RealClock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        inverter = InverterMap(self.stage, InverterConfig(**config), self.clock.now_s())
        self.server = ModbusServer(inverter, self.clock, log=lambda *exchange: self.exchanges.append(exchange))
        self.port = self.await_(self.server.start())

    def await_(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(BOUND_S)

    def call(self, function, *arguments):
        async def inside():
            return function(*arguments)

        return self.await_(inside())

    def inject(self, kind, **fault):
        return self.call(self.server.inject, ServerFault(kind, **fault))

    def close(self):
        self.await_(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND_S)
        self._loop.close()


@pytest.fixture
def emulated():
    emulated = Emulated()
    yield emulated
    emulated.close()


@pytest.fixture
def client(emulated):
    with InverterClient("127.0.0.1", emulated.port, 1, timeout_s=BOUND_S) as client:
        client.model_addresses  # noqa: B018  the map is found before a test disturbs anything
        yield client


@pytest.fixture
def hasty(emulated):
    with InverterClient("127.0.0.1", emulated.port, 1, timeout_s=TIMEOUT_S) as client:
        client.set_power_w(0)  # finds the map and the scale before a test disturbs anything
        yield client


class Raw:
    """A socket that speaks frames."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=BOUND_S)
        self._reader = FrameReader()

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def on_frame(self, count):
        frames = []
        while len(frames) < count:
            data = self.socket.recv(4096)
            assert data, f"closed after {len(frames)} of {count} replies"
            frames += self._reader.feed(data)
        return frames


@pytest.fixture
def raw(emulated):
    opened = []

    def connect():
        opened.append(Raw(emulated.port))
        return opened[-1]

    yield connect
    for link in opened:
        link.socket.close()


@pytest.fixture
def until():
    """Wait for a condition, within the bound."""

    def wait(condition):
        deadline_s = time.monotonic() + BOUND_S
        while not condition():
            assert time.monotonic() < deadline_s, "it did not happen in time"
            threading.Event().wait(0.005)

    return wait
