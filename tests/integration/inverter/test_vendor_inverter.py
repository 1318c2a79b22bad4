"""A stranger's inverter, described by a rig file alone, over TCP and over a serial line; and SunSpec over a serial line."""

import contextlib
import os
import socket
import struct
import threading
import tomllib
import tty
from pathlib import Path

import pytest
from pymodbus.framer import FramerRTU

from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.codes import ExceptionCode, ModbusException
from v2g_bench.inverter.frames import Adu, FrameReader, ModbusCore
from v2g_bench.inverter.nameplate import InverterConfig
from v2g_bench.inverter.port import InverterReading
from v2g_bench.inverter.sunspec import InverterMap
from v2g_bench.rig.file.connect import inverter_address
from v2g_bench.rig.file.load import load_rig

PROJECT = Path(__file__).resolve().parents[3]
UNIT = 5
CLOCK = RealClock()

MAP = """
maker = "Nordwerk"
model = "PCS 30"
[set_power]                 # W, discharge positive, low word first
address = 512
type = "int32"
words = "little"
invert = true
[[start]]
address = 514
value = 0xA5
[[stop]]
address = 514
value = 0
[state]
address = 768
running = [2]
fault = [7]
read_function = 4
[read.ac_power_w]
address = 769
scale = 10.0
invert = true
read_function = 4
[read.dc_voltage_v]
address = 770
type = "float32"
read_function = 4
[serial]
address = 800
size = 3
expect = "NW"
read_function = 4
"""


class Nordwerk:
    """What the vendor's manual would say: set-point at 512 (int32, low word first, discharge +), order at 514."""

    def __init__(self):
        self.setpoint_w, self.on, self.fault = 0, False, False

    def read(self, address, count, now_s):
        power_w = self.setpoint_w if self.on else 0
        words = {512: self.setpoint_w & 0xFFFF, 513: self.setpoint_w >> 16 & 0xFFFF, 514: 0xA5 if self.on else 0}
        words |= {768: 7 if self.fault else 2 if self.on else 1, 769: power_w // 10 & 0xFFFF}
        words |= dict(zip((770, 771), struct.unpack(">2H", struct.pack(">f", 355.5)), strict=True))
        words |= dict(zip((800, 801, 802), struct.unpack(">3H", b"NW-017"), strict=True))
        if not all(place in words for place in range(address, address + count)):
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, "none")
        return [words[place] for place in range(address, address + count)]

    def write(self, address, values, now_s):
        if address == 512 and len(values) == 2:
            (self.setpoint_w,) = struct.unpack(">i", struct.pack(">2H", values[1], values[0]))
        elif address == 514:
            self.on = values == [0xA5]
        else:
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, "half a set-point, or no register")


class TcpServer:
    """Serves registers; `spoil` may change or swallow each reply."""

    def __init__(self, registers):
        self._core = ModbusCore(registers, UNIT, {})
        self.spoil = lambda reply: reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._clients = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        reader = FrameReader()
        with contextlib.suppress(OSError):
            while data := client.recv(4096):
                for request in reader.feed(data):
                    client.sendall(self.spoil(self._core.answer(request, CLOCK.now_s()).to_bytes()))

    def rig(self):
        return {"kind": "modbus-tcp", "host": "127.0.0.1", "port": self.port}

    def close(self):
        self._listener.close()
        for client in self._clients:
            client.close()


class SerialServer:
    """The same on one end of a pty, with pymodbus's CRC."""

    def __init__(self, registers):
        self._core = ModbusCore(registers, UNIT, {})
        self.spoil = lambda reply: reply
        self._fd, self._line = os.openpty()
        tty.setraw(self._line)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        received = b""
        while b"end" not in received:
            received += os.read(self._fd, 256)
            length = 9 + received[6] if len(received) > 6 and received[1] == 16 else 8
            if len(received) < length:
                continue
            request, received = received[:length], received[length:]
            assert FramerRTU.compute_CRC(request[:-2]) == int.from_bytes(request[-2:], "big")
            if request[0] == UNIT:
                body = bytes([UNIT]) + self._core.answer(Adu(0, UNIT, request[1:-2]), CLOCK.now_s()).pdu
                os.write(self._fd, self.spoil(body + FramerRTU.compute_CRC(body).to_bytes(2, "big")))

    def rig(self):
        return {"kind": "modbus-rtu", "device": os.ttyname(self._line), "baudrate": 115200}

    def close(self):
        os.write(self._line, b"end")
        self._thread.join(5)
        os.close(self._fd)
        os.close(self._line)


@pytest.fixture(params=[TcpServer, SerialServer], ids=["tcp", "rtu"])
def serve(request):
    """serve(registers): a server on this kind of line."""
    servers = []

    def start(registers):
        servers.append(request.param(registers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect(tmp_path):
    """connect(server, **[inverter]): a client after a rig file."""
    clients = []
    (tmp_path / "nordwerk.toml").write_text(MAP)

    def open_it(server, **more):
        text = (PROJECT / "rigs" / "virtual.toml").read_text()
        keys = {"unit_id": UNIT, **server.rig(), **more}
        table = "\n".join(f"{key} = {value!r}" for key, value in keys.items())
        text = text.replace('[inverter]\nkind = "emulated"\n', f"[inverter]\n{table}\n")
        assert tomllib.loads(text)["inverter"]["kind"] != "emulated"
        path = tmp_path / "rig.toml"
        path.write_text(text)
        clients.append(inverter_address(load_rig(str(path))).open(timeout_s=2.0))
        return clients[-1]

    yield open_it
    for client in clients:
        client.close()


def test_a_register_map_drives_a_strangers_inverter(serve, connect):
    device = Nordwerk()
    inverter = connect(serve(device), map="nordwerk.toml")
    assert str(inverter.identity()) == "Nordwerk PCS 30, serial NW-017, version "
    inverter.start()
    inverter.set_power_w(-3000)
    assert (device.on, device.setpoint_w) == (True, 3000)
    reading = inverter.reading()
    assert (reading.ac_power_w, reading.dc_voltage_v, reading.running, reading.fault) == (-3000, 355.5, True, False)
    inverter.set_power_w(2500)
    assert inverter.reading().ac_power_w == 2500
    inverter.stop()
    assert not device.on
    assert (inverter.reading().ac_power_w, inverter.reading().running) == (0, False)
    device.fault = True
    assert inverter.reading().fault


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda reply: b"", "no answer"),
        (lambda reply: reply[:-3], "ends after|no whole frame"),
        (lambda reply: b"\xde\xad\xbe\xef" * 5, "not Modbus TCP|CRC is wrong|no whole frame"),
        (lambda reply: reply + b"", None),
    ],
    ids=["hangs", "half", "garbage", "well again"],
)
def test_a_bad_reply_is_an_error_with_its_cause_and_the_next_request_is_clean(serve, connect, spoil, message):
    device = Nordwerk()
    server = serve(device)
    inverter = connect(server, map="nordwerk.toml")
    inverter.set_power_w(-3000)
    server.spoil = spoil
    if message:
        with pytest.raises(BenchError, match=message):
            inverter.reading()
    server.spoil = lambda reply: reply
    assert inverter.reading().ac_power_w == 0  # it was never started
    assert device.setpoint_w == 3000


def test_nobody_answers_to_another_unit_id(serve, connect):
    inverter = connect(serve(Nordwerk()), map="nordwerk.toml", unit_id=9)
    with pytest.raises(BenchError, match=r"no answer within|exception 11"):
        inverter.identity()


def test_another_device_is_refused(serve, connect):
    device = Nordwerk()
    device.read = lambda address, count, now_s: [0x5A5A] * count
    with pytest.raises(BenchError, match="'ZZZZZZ' answers, where 'NW' is expected"):
        connect(serve(device), map="nordwerk.toml").identity()


@pytest.mark.parametrize("base", [0, 40000, 50000])
def test_sunspec_is_found_on_any_line(serve, connect, until, base):
    class Stage:
        power_w = 0.0

        def set_ac_power(self, ac_power_w, now_s):
            self.power_w = ac_power_w

        def enable_bridge(self, on, now_s): ...

        def measure(self):
            return InverterReading(self.power_w, 230.0, 50.0, 355.0, 0.0, 50.0, running=True, fault=False)

    registers = InverterMap(Stage(), InverterConfig(base_address=base, unit_id=UNIT), CLOCK.now_s())
    inverter = connect(serve(registers))
    assert inverter.identity().serial == "EMU-0001"
    inverter.set_power_w(-3000)
    until(lambda: inverter.reading().ac_power_w == -3000)
