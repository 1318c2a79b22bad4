"""Whatever an inverter answers, the port lives, says one line, counts it as lost, and takes it up again.

The emulated inverter on simulated time, with its replies falsified on the way.
"""

import random
import struct
from collections.abc import Callable

import pytest

from v2g_bench.ems.model.actions import InverterReading, LogLine
from v2g_bench.ems.model.config import InverterConfig
from v2g_bench.ems.ports.inverter import InverterPort
from v2g_bench.ems.ports.modbus import ModbusLink
from v2g_bench.ems.protection.watchdog import InverterWatch
from v2g_bench.inverter import nameplate
from v2g_bench.inverter.frames import Adu
from v2g_bench.inverter.port import InverterReading as StageReading
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.server_faults import ServerFault
from v2g_bench.inverter.sunspec import InverterMap
from v2g_bench.sim.loop import SimLoop
from v2g_bench.sim.network import Network
from v2g_bench.sim.timeline import Timeline

Lie = Callable[[Adu, bytes], bytes]
LIE_S, MEND_S = 15.0, 6.0
AGAIN = "the inverter answers again"


class _Stage:
    def __init__(self) -> None:
        self.power_w, self.on, self.ever_on = 0.0, False, False

    def set_ac_power(self, ac_power_w: float, now_s: float, /) -> None:
        self.power_w = ac_power_w

    def enable_bridge(self, on: bool, now_s: float, /) -> None:
        self.on, self.ever_on = on, self.ever_on or on

    @property
    def flowing_w(self) -> float:
        return self.power_w if self.on else 0.0

    def measure(self) -> StageReading:
        return StageReading(self.flowing_w, 230.0, 50.0, 354.0, 0.0, 50.0, self.on, False)


class _Liar(ModbusServer):
    lie: Lie | None = None

    def exchange(self, peer: str, request: Adu, fault: ServerFault | None) -> bytes:
        data = super().exchange(peer, request, fault)
        return data if self.lie is None else self.lie(request, data)


class _Scene:
    """A port and a lying inverter on one timeline."""

    def __init__(self, lie: Lie | None = None) -> None:
        self.timeline = Timeline(100.0)
        self.loop = SimLoop(self.timeline, Network())
        self.stage, self.watch = _Stage(), InverterWatch()
        self.map = InverterMap(self.stage, nameplate.InverterConfig.model_validate({"at_power_up": "STOP"}), 100.0)
        self.server = _Liar(self.map, self.timeline)
        self.server.lie = lie
        self.readings: list[InverterReading] = []
        self.lines: list[LogLine] = []
        number = self.loop.complete(self.server.start(), 1.0)
        with self.loop.entered():
            self.port = InverterPort(InverterConfig(host="127.0.0.1", port=number), self._receive, self.lines.append)
            self.port.start()

    def _receive(self, reading: InverterReading) -> None:
        self.readings.append(reading)
        self.watch.on_answer(self.timeline.now_s())

    def online(self) -> bool:
        self.watch.tick(self.timeline.now_s())
        return self.watch.online

    def problems(self) -> list[str]:
        return [line.text for line in self.lines if line.text.startswith("inverter 127.0.0.1")]

    def require_sound(self) -> None:
        """Both tasks live, and nothing was raised anywhere else."""
        assert [task for task in self.port.tasks if task.done()] == []
        assert self.loop.trouble == []

    def require_recovery(self) -> None:
        """The truth is taken up: readings, power, stop."""
        self.server.lie = None
        self.readings.clear()
        assert self.timeline.wait(lambda: bool(self.readings), self.timeline.now_s() + MEND_S), self.lines
        with self.loop.entered():
            self.port.set_power(-3000.0)
        assert self.timeline.wait(lambda: self.stage.flowing_w == -3000.0, self.timeline.now_s() + MEND_S), self.lines
        with self.loop.entered():
            self.port.stop()
        assert self.loop.complete(self.port.stopped(1.0), 2.0)
        assert self.stage.flowing_w == 0.0
        self.require_sound()

    def close(self) -> None:
        self.loop.complete(self.port.close(), 1.0)
        self.loop.complete(self.server.stop(), 1.0)


def _start_of(model: int) -> int:
    """Where the emulated inverter has this model's ID."""
    stage = _Stage()
    map_ = InverterMap(stage, nameplate.InverterConfig(), 0.0)
    at = 40002
    while True:
        found, length = map_.read(at, 2, 0.0)
        if found == model:
            return at
        at += 2 + length


def _read(request: Adu) -> tuple[int, int] | None:
    """Address and count of a read."""
    return struct.unpack_from(">HH", request.pdu, 1) if request.pdu[0] == 3 else None


def _stderr_tail(address: int, *values: int) -> Lie:
    """These registers stand there, whatever the inverter has."""

    def lie(request: Adu, data: bytes) -> bytes:
        asked = _read(request)
        if asked is None or data[7] & 0x80:
            return data
        changed = bytearray(data)
        for place, value in enumerate(values, start=address - asked[0]):
            if 0 <= place < asked[1]:
                struct.pack_into(">H", changed, 9 + 2 * place, value)
        return bytes(changed)

    return lie


def _length(model: int, length: int) -> Lie:
    return _stderr_tail(_start_of(model) + 1, length)


def _endless(request: Adu, data: bytes) -> bytes:
    """One small model after the other, for ever."""
    asked = _read(request)
    if asked is None or asked[1] != 2 or asked[0] < 40002:
        return data
    return data[:4] + b"\0\7" + data[6:7] + struct.pack(">BBHH", 3, 4, 64000, 1)


def _without_end(request: Adu, data: bytes) -> bytes:
    """No end model: there is nothing after the last one."""
    asked = _read(request)
    if asked is None or asked[1] != 2 or data[9:11] != b"\xff\xff":
        return data
    return data[:4] + b"\0\3" + data[6:7] + bytes((0x83, 2))


def _exception(code: int, function: int) -> Lie:
    def lie(request: Adu, data: bytes) -> bytes:
        if request.pdu[0] != function:
            return data
        return data[:4] + b"\0\3" + data[6:7] + bytes((function | 0x80, code))

    return lie


# Each of them for good: the inverter is lost, and that is one line.
LIES: dict[str, Lie] = {
    **{f"model {m} of {n}": _length(m, n) for m in (1, 701, 704, 715) for n in (0, 1, 5, 67, 25533, 40000, 65535)},
    "endless list": _endless,
    "no end model": _without_end,
    "model 0": _stderr_tail(40002, 0, 66),
    **{f"setpoint scale {s}": _stderr_tail(_start_of(704) + 55, s & 0xFFFF) for s in (11, -11, 32767, -32767)},
    **{f"power scale {s}": _stderr_tail(_start_of(701) + 116, s & 0xFFFF) for s in (11, -11, 32767, -32767)},
    **{f"exception {code} to {f}": _exception(code, f) for code in (0, 1, 2, 4, 6, 11, 255) for f in (3, 16)},
    "truncated header": lambda request, data: data[:5],
    "truncated": lambda request, data: data[:-1],
    "header only": lambda request, data: data[:4] + b"\0\1" + data[6:7],
    "length 0": lambda request, data: data[:4] + b"\0\0" + data[6:],
    "length 65535": lambda request, data: data[:4] + b"\xff\xff" + data[6:],
    "function alone": lambda request, data: data[:4] + b"\0\2" + data[6:8],
    "other transaction": lambda request, data: bytes((data[0] ^ 0x55,)) + data[1:],
    "other unit": lambda request, data: data[:6] + bytes((data[6] ^ 3,)) + data[7:],
    "other protocol": lambda request, data: data[:2] + b"\x10\0" + data[4:],
    "other function": lambda request, data: data[:7] + bytes((data[7] ^ 7,)) + data[8:],
    "not Modbus": lambda request, data: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "silence": lambda request, data: b"",
    "its own request": lambda request, data: request.to_bytes(),
    "zeros": lambda request, data: bytes(70_000),
}


@pytest.mark.parametrize("name", LIES)
def test_what_cannot_be_is_one_line_and_a_lost_inverter(name: str) -> None:
    scene = _Scene(LIES[name])
    scene.timeline.pause(LIE_S)
    scene.require_sound()
    assert not scene.online()
    assert len(scene.problems()) == 1, scene.lines
    assert not scene.stage.ever_on
    scene.require_recovery()
    scene.timeline.pause(3.0)
    scene.close()


@pytest.mark.parametrize("name", ["model 701 of 65535", "other transaction", "exception 4 to 3", "silence"])
def test_one_that_begins_to_lie_under_power_is_lost_and_told_to_stop(name: str) -> None:
    """What the core does for a lost inverter (a stop) goes out, and is acknowledged once it listens again."""
    scene = _Scene()
    scene.timeline.pause(1.5)
    with scene.loop.entered():
        scene.port.set_power(-3000.0)
    scene.timeline.pause(1.0)
    assert (scene.stage.flowing_w, scene.lines) == (-3000.0, [])
    scene.server.lie = LIES[name]
    if name.startswith("model"):
        scene.server.drop_connections()  # models are looked at when it connects
    assert scene.timeline.wait(lambda: not scene.online(), scene.timeline.now_s() + 5.0)
    with scene.loop.entered():
        scene.port.stop()
    scene.timeline.pause(3.0)
    assert scene.stage.flowing_w == 0.0
    scene.require_recovery()
    scene.timeline.pause(1.5)
    assert [text for text in (line.text for line in scene.lines) if text == AGAIN] == [AGAIN]
    scene.close()


def _flood(rng: random.Random, data: bytes) -> bytes:
    return data * rng.randrange(2, 20_000)


def _flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _registers(rng: random.Random, data: bytes) -> bytes:
    """Right in form, any content."""
    if data[7] != 3:
        return data
    some = (0, 1, 0x7FFF, 0x8000, 0xFFFF, rng.randrange(65536))
    return data[:9] + b"".join(struct.pack(">H", rng.choice(some)) for _ in range(data[8] // 2))


CHANGES: list[Callable[[random.Random, bytes], bytes]] = [
    _flood,
    _flipped,
    _registers,
    lambda rng, data: data[: rng.randrange(len(data))],
    lambda rng, data: data + rng.randbytes(rng.randrange(1, 300)),
    lambda rng, data: rng.randbytes(rng.randrange(1, 70_000)),
    lambda rng, data: data[:4] + b"\0\3" + data[6:7] + bytes((data[7] | 0x80, rng.randrange(256))),
    lambda rng, data: rng.randbytes(2) + data[2:],
    lambda rng, data: data[:4] + rng.randbytes(2) + data[6:],
    lambda rng, data: b"",
]


@pytest.mark.parametrize("seed", range(60))
def test_no_answer_ends_it(seed: int) -> None:
    """Seeded: now and then (`share`) an answer is falsified, in one or several ways."""
    rng = random.Random(seed)
    share, ways = rng.choice((0.02, 0.2, 1.0)), rng.sample(CHANGES, rng.randrange(1, len(CHANGES) + 1))

    def lie(request: Adu, data: bytes) -> bytes:
        return rng.choice(ways)(rng, data) if data and rng.random() < share else data

    scene = _Scene(lie)
    scene.timeline.pause(LIE_S)
    scene.require_sound()
    assert not scene.stage.ever_on
    assert len(scene.lines) <= 20, scene.lines
    scene.require_recovery()
    scene.close()


def test_flood_costs_one_frame_and_the_connection() -> None:
    """20,000 replies that nobody asked for are not looked at one by one."""
    looked_at = 0
    scene = _Scene(lambda request, data: data * 20_000)
    sound = ModbusLink._answer

    def counted(self: ModbusLink, transaction: int, pdu: bytes) -> None:
        nonlocal looked_at
        looked_at += 1
        sound(self, transaction, pdu)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModbusLink, "_answer", counted)
        scene.timeline.pause(LIE_S)
    assert looked_at < 200
    scene.require_recovery()
    scene.close()


def test_power_that_the_register_cannot_hold_is_said() -> None:
    scene = _Scene(_stderr_tail(_start_of(704) + 55, -6 & 0xFFFF))
    scene.timeline.pause(1.5)
    with scene.loop.entered():
        scene.port.set_power(-3000.0)
    scene.timeline.pause(1.0)
    assert "the setpoint is limited to 2147.48 W, the largest value of 704.WSet" in [line.text for line in scene.lines]
    scene.close()
