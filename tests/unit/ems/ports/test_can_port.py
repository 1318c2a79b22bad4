"""The CAN face with a bus that is a pair of lists."""

import asyncio
import os
import struct
import threading
from collections.abc import Callable
from typing import Any

import can
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.ems.model.actions import Frame, LogLine, Quality, SendFrame
from v2g_bench.ems.model.config import BusConfig
from v2g_bench.ems.ports import can_port as canport
from v2g_bench.errors import BenchError

DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


class _Bus:
    def __init__(self) -> None:
        self.incoming: list[Any] = []
        self.sent: list[can.Message] = []
        self.broken: Exception | None = None
        self.closed = False
        self._ends = os.pipe()

    def fileno(self) -> int:
        return self._ends[0]

    def recv(self, timeout: float) -> can.Message | None:
        item = self.incoming.pop(0) if self.incoming else None
        if isinstance(item, Exception):
            raise item
        return item

    def send(self, message: can.Message, timeout: float) -> None:
        if self.broken:
            raise self.broken
        self.sent.append(message)

    def shutdown(self) -> None:
        self.closed = True
        for end in self._ends:
            os.close(end)


class _Scene:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, openings: list[Any] | None = None) -> None:
        self.bus = _Bus()
        self.openings = openings if openings is not None else []
        self.frames: list[Frame] = []
        self.lost: list[str] = []
        self.lines: list[LogLine] = []
        monkeypatch.setattr(canport, "open_bus", self._open)
        self.port = canport.CanPort(BusConfig(), DB, self.frames.append, self.lost.append, self.lines.append)

    def _open(self, *args: Any, **kwargs: Any) -> Any:
        assert kwargs["own_echo"] is False
        if self.openings and isinstance(problem := self.openings.pop(0), Exception):
            raise problem
        return self.bus

    def run(self, play: Callable[["_Scene"], Any]) -> None:
        async def run() -> None:
            self.port.open()
            result = play(self)
            if result is not None:
                await result
            self.port.close()

        asyncio.run(run())


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> _Scene:
    return _Scene(monkeypatch)


def _safety(counter: int, **roles: float) -> can.Message:
    return DB.encode("BMS_Safety", roles, counter)


def test_quality_of_frames(scene: _Scene) -> None:
    broken = _safety(3)
    broken.data[-1] ^= 1
    short = _safety(4)
    short.data = short.data[:8]
    scene.bus.incoming = [
        _safety(1, cell_temperature_max=45.5),
        _safety(2),
        _safety(2),
        broken,
        short,
        _safety(90),
        _safety(91),
        DB.encode("BMS_ModuleTemps", {"module_temperature[1]": 30.0}, 0),
    ]
    scene.run(lambda s: s.port.drain())
    good, bad = Quality.GOOD, Quality.BAD
    assert [frame.quality for frame in scene.frames] == [good, good, Quality.REPEATED, bad, bad, bad, good, good]
    assert scene.frames[0].values["cell_temperature_max"] == 45.5
    assert scene.frames[-1].values["module_temperature[1]"] == 30.0


def test_foreign_and_own_frames_are_left_alone(scene: _Scene) -> None:
    scene.bus.incoming = [
        can.Message(arbitration_id=0x7FF, data=b"x", is_extended_id=False),
        can.Message(arbitration_id=128, is_extended_id=True, data=bytes(24), is_fd=True),
        can.Message(is_error_frame=True),
        DB.encode("EMS_Command", {"contactor_request": 1.0}, 1),
    ]
    scene.run(lambda s: s.port.drain())
    assert scene.frames == []


def test_sent_frames_count_up(scene: _Scene) -> None:
    def play(s: _Scene) -> None:
        for _ in range(300):
            s.port.send(SendFrame("EMS_Command", {"contactor_request": 1.0, "power_setpoint": -3000.0}))

    scene.run(play)
    counters = [message.data[2] for message in scene.bus.sent]
    assert counters == [n & 0xFF for n in range(300)]
    assert DB.decode(scene.bus.sent[-1])["power_setpoint"] == -3000.0


def test_value_beyond_its_signal_is_said_and_not_sent(scene: _Scene) -> None:
    scene.run(lambda s: s.port.send(SendFrame("EMS_Command", {"power_setpoint": 1e12})))
    assert scene.bus.sent == []
    assert "cannot be built" in scene.lines[0].text


def test_lost_bus_is_told_once_and_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canport, "_BACKOFF_MIN_S", 0.001)
    scene = _Scene(monkeypatch)
    first = scene.bus
    first.incoming = [can.CanOperationError("hub ended")]

    async def play(s: _Scene) -> None:
        s.bus = _Bus()
        s.port.drain()
        assert len(s.lost) == 1
        async with asyncio.timeout(5):
            while s.lines[-1].text != "CAN socketcan can0 is open":
                await asyncio.sleep(0.001)

    scene.run(play)
    assert first.closed
    assert scene.bus.closed
    assert len(scene.lines) == 2


def test_bus_that_cannot_be_opened_is_said_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canport, "_BACKOFF_MIN_S", 0.001)
    scene = _Scene(monkeypatch, [BenchError("can0", "is down"), BenchError("can0", "is down"), None])

    async def play(s: _Scene) -> None:
        s.port.send(SendFrame("EMS_Command", {}))
        async with asyncio.timeout(5):
            while len(s.lines) < 2:
                await asyncio.sleep(0.001)

    scene.run(play)
    assert "is down" in scene.lines[0].text
    assert scene.lines[1].text.endswith("is open")


def test_bus_that_takes_no_frames_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canport, "_SEND_PATIENCE_S", 0.0)
    scene = _Scene(monkeypatch)
    scene.bus.broken = can.CanOperationError("full")

    def play(s: _Scene) -> None:
        for _ in range(3):
            s.port.send(SendFrame("EMS_Command", {}))

    scene.run(play)
    assert scene.lost == ["the CAN bus is gone: full"]
    assert scene.bus.closed


def test_driver_that_hangs_or_raises_anything_does_not_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened anew beside the loop; a bus that comes after the end is closed again."""
    scene, hung = _Scene(monkeypatch, [ZeroDivisionError("a driver's")]), threading.Event()
    opened = scene._open
    begun = threading.Event()

    def open_bus(*args: Any, **kwargs: Any) -> Any:
        begun.set()
        assert hung.wait(30)
        return opened(*args, **kwargs)

    async def play() -> None:
        scene.port.open()
        assert "cannot be opened: a driver's" in scene.lines[0].text
        monkeypatch.setattr(canport, "open_bus", open_bus)
        async with asyncio.timeout(30):
            while not begun.is_set():
                await asyncio.sleep(0.001)
            scene.port.close()
            hung.set()
            while not scene.bus.closed:
                await asyncio.sleep(0.001)

    asyncio.run(play())


def test_whatever_a_bus_raises_is_a_lost_bus(scene: _Scene) -> None:
    scene.bus.incoming = [_safety(1), struct.error("half a packet")]
    scene.run(lambda s: s.port.drain())
    assert len(scene.frames) == 1
    assert scene.lost == ["the CAN bus is gone: error('half a packet')"]
