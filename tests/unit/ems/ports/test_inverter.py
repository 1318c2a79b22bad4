"""The inverter port against a register table that answers when it is allowed to."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from v2g_bench.ems.model.actions import InverterReading, LogLine
from v2g_bench.ems.model.config import InverterConfig
from v2g_bench.ems.ports.inverter import InverterPort

_LENGTHS = {1: 66, 701: 153, 704: 57, 715: 7}


class _Server:
    """A SunSpec inverter. `held`: its replies to that many connections, oldest first, are kept back."""

    def __init__(self) -> None:
        self.registers: dict[int, int] = {40000: 0x5375, 40001: 0x6E53}
        self.start: dict[int, int] = {}
        at = 40002
        for model, length in _LENGTHS.items():
            self.start[model] = at
            self.registers |= dict.fromkeys(range(at, at + 2 + length), 0) | {at: model, at + 1: length}
            at += 2 + length
        self.registers |= {at: 0xFFFF, at + 1: 0}
        self.writes: list[tuple[int, int, tuple[int, ...]]] = []  # connection, address, values
        self.refused: set[int] = set()
        self.held = 0
        self.most_connections = 99
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        if number >= self.most_connections:
            writer.close()
            return
        self._writers.append(writer)
        try:
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                reply = self._answer(number, await reader.readexactly(length - 1))
                if number >= self.held:
                    writer.write(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, number: int, pdu: bytes) -> bytes:
        function, address, count = struct.unpack_from(">BHH", pdu)
        if address in self.refused or any(address + n not in self.registers for n in range(count)):
            return bytes((function | 0x80, 2))
        if function == 3:
            return struct.pack(f">BB{count}H", 3, 2 * count, *(self.registers[address + n] for n in range(count)))
        values = struct.unpack_from(f">{count}H", pdu, 6)
        self.writes.append((number, address, values))
        self.registers |= {address + n: value for n, value in enumerate(values)}
        return pdu[:5]

    @property
    def operation(self) -> int:
        return self.registers[self.start[715] + 8]

    @property
    def set_w(self) -> int:
        """704.WSet, SunSpec's sign."""
        at = self.start[704] + 24
        return struct.unpack(">i", struct.pack(">HH", self.registers[at], self.registers[at + 1]))[0]

    def stops(self) -> set[int]:
        """The connections on which a STOP came."""
        return {number for number, address, values in self.writes if address == self.start[715] + 8 and values == (0,)}


class _Scene:
    def __init__(self, server: _Server) -> None:
        self.server = server
        self.readings: list[InverterReading] = []
        self.lines: list[LogLine] = []
        config = InverterConfig(host="127.0.0.1", port=server.port, poll_s=0.02, request_timeout_s=0.1)
        self.port = InverterPort(config, self.readings.append, self.lines.append)

    async def until(self, what: str, condition: Callable[[], Any], timeout_s: float = 5.0) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(
                f"not within {timeout_s:g} s: {what}; {self.server.writes[-5:]} {self.lines}"
            ) from None

    async def running(self, power_w: float) -> None:
        await self.until("online", lambda: self.readings)
        await self.until("spare", lambda: self.server.connections >= 2)
        self.port.set_power(power_w)
        await self.until("running", lambda: self.server.operation == 1 and self.server.set_w == -power_w)


def _play(
    play: Callable[[_Scene], Awaitable[None]], prepare: Callable[[_Server], None] = lambda server: None
) -> _Scene:
    async def run() -> _Scene:
        server = _Server()
        prepare(server)
        await server.open()
        scene = _Scene(server)
        scene.port.start()
        try:
            await play(scene)
        finally:
            await scene.port.close()
            await server.close()
        return scene

    return asyncio.run(run())


def test_it_is_told_to_stop_before_anything_else() -> None:
    async def play(scene: _Scene) -> None:
        await scene.until("online", lambda: scene.readings)

    scene = _play(play)
    first = scene.server.writes[0]
    assert first[1:] == (scene.server.start[715] + 8, (0,))


def test_power_is_set_before_the_start_and_reversion_is_armed() -> None:
    async def play(scene: _Scene) -> None:
        await scene.running(-3000.0)

    server = _play(play).server
    control, session = server.start[704], server.start[715]
    addresses = [address for _, address, values in server.writes if values != (0,)]
    assert addresses.index(control + 30) < addresses.index(session + 8)
    start = server.writes.index(next(w for w in server.writes if w[1] == session + 8 and w[2] == (1,)))
    assert (server.writes[start - 1][1:]) == (control + 22, (1, 1, 0, 3000))
    assert server.registers[control + 32] == 4


def test_stop_goes_out_on_both_connections_in_the_call() -> None:
    async def play(scene: _Scene) -> None:
        await scene.running(3000.0)
        scene.server.writes.clear()
        scene.port.stop()
        await scene.until("both", lambda: len(scene.server.stops()) == 2)
        assert await scene.port.stopped(2.0)
        assert (scene.server.operation, scene.server.set_w) == (0, 0)

    _play(play)


def test_stop_does_not_wait_for_a_request_under_way() -> None:
    """The working connection hangs; the spare one carries the stop."""

    async def play(scene: _Scene) -> None:
        await scene.running(-3000.0)
        scene.server.held = 1
        scene.port.set_power(-2000.0)
        await scene.until("the hanging write", lambda: scene.server.set_w == 2000)
        scene.server.writes.clear()
        scene.port.stop()
        await scene.until("stop", lambda: 1 in scene.server.stops(), timeout_s=0.09)

    _play(play)


def test_start_under_way_never_outlives_a_stop() -> None:
    async def play(scene: _Scene) -> None:
        for _ in range(20):
            await scene.running(-3000.0)
            scene.port.stop()
            assert await scene.port.stopped(2.0)
            scene.port.set_power(-1000.0)
            await asyncio.sleep(0)
            scene.port.stop()
            assert await scene.port.stopped(2.0)
            await scene.until("stopped", lambda: scene.server.operation == 0 and scene.server.set_w == 0)

    _play(play)


def test_newest_power_wins() -> None:
    async def play(scene: _Scene) -> None:
        await scene.running(-100.0)
        for power_w in range(-200, -3001, -100):
            scene.port.set_power(power_w)
        await scene.until("newest", lambda: scene.server.set_w == 3000)

    assert len(_play(play).server.writes) < 30


def test_heartbeat_on_the_spare_connection() -> None:
    async def play(scene: _Scene) -> None:
        await scene.until("heartbeat", lambda: scene.server.registers[scene.server.start[715] + 6] >= 1)

    server = _play(play).server
    assert {number for number, address, _ in server.writes if address == server.start[715] + 5} <= {0, 1}


def test_one_connection_only_is_said_and_works() -> None:
    async def play(scene: _Scene) -> None:
        await scene.until("online", lambda: scene.readings)
        scene.port.set_power(-3000.0)
        await scene.until("running", lambda: scene.server.operation == 1)
        await scene.until("said", lambda: any("no second connection" in line.text for line in scene.lines))
        scene.port.stop()
        assert await scene.port.stopped(2.0)

    def one(server: _Server) -> None:
        server.most_connections = 1

    scene = _play(play, one)
    assert scene.server.operation == 0


def test_comes_back_after_a_loss_and_restores_the_power() -> None:
    async def play(scene: _Scene) -> None:
        await scene.running(-3000.0)
        await scene.server.close()
        await scene.until("said", lambda: scene.lines)
        scene.server.registers[scene.server.start[715] + 8] = 0
        await scene.server.open()
        await scene.until("running again", lambda: scene.server.operation == 1)
        await scene.until("said again", lambda: scene.lines[-1].text == "the inverter answers again")

    _play(play)


def test_stopped_while_away_is_stopped_on_return() -> None:
    async def play(scene: _Scene) -> None:
        await scene.running(-3000.0)
        await scene.server.close()
        scene.port.stop()
        assert not await scene.port.stopped(0.05)
        await scene.server.open()
        assert await scene.port.stopped(5.0)
        assert (scene.server.operation, scene.server.set_w) == (0, 0)

    _play(play)


def test_inverter_that_starts_by_itself_is_stopped_again() -> None:
    async def play(scene: _Scene) -> None:
        await scene.until("online", lambda: scene.readings)
        scene.server.writes.clear()
        scene.server.registers[scene.server.start[701] + 4] = 3
        await scene.until("stopped again", scene.server.stops)

    _play(play)


def test_without_reversion_it_goes_on_and_says_so() -> None:
    async def play(scene: _Scene) -> None:
        await scene.running(-3000.0)

    def refuse(server: _Server) -> None:
        server.refused = {server.start[704] + 26}

    assert any("no automatic fallback" in line.text for line in _play(play, refuse).lines)


def test_refused_setpoint_is_said_and_tried_again() -> None:
    async def play(scene: _Scene) -> None:
        await scene.until("online", lambda: scene.readings)
        scene.server.refused = {scene.server.start[704] + 22}
        scene.port.set_power(-3000.0)
        await scene.until("said", lambda: any("refuses the setpoint" in line.text for line in scene.lines))
        scene.server.refused = set()
        await scene.until("running", lambda: scene.server.operation == 1)

    _play(play)
