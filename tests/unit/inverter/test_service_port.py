"""The emulated inverter's second port: its maker's registers against the map that the bench has of them, on either line."""

import asyncio
import threading
from pathlib import Path

import pytest

from v2g_bench import rigs
from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.nameplate import InverterConfig
from v2g_bench.inverter.port import InverterReading
from v2g_bench.inverter.rtu import crc
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.service_port import MakersRegisters, RequestReader, ServicePort
from v2g_bench.inverter.sunspec import InverterMap
from v2g_bench.rig.file.connect import inverter_address
from v2g_bench.rig.file.load import load_rig

UNIT = 1
RIGS = Path(rigs.__file__).parent
REGISTERS = RIGS / "registers"
BOUND_S = 10.0


class Stage:
    """Does as it is told, at once."""

    def __init__(self):
        self.power_w, self.on, self.fault = 0.0, False, False

    def set_ac_power(self, power_w, now_s):
        self.power_w = power_w

    def enable_bridge(self, on, now_s):
        self.on = on

    def measure(self):
        power_w = self.power_w if self.on else 0.0
        return InverterReading(power_w, 230.4, 49.98, 355.5, power_w / 355.5, 50.0, running=self.on, fault=self.fault)


class Device:
    """The port on a loop of its own thread."""

    def __init__(self, service):
        self.stage, self._loop, clock = Stage(), asyncio.new_event_loop(), RealClock()
        self.service, self.server = service, None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        inverter = InverterMap(self.stage, InverterConfig(), clock.now_s())

        async def opened():
            registers = MakersRegisters(inverter, self.stage, ModbusServer(inverter, clock))
            if service == "modbus-rtu":
                self.port = ServicePort(registers, UNIT, clock)
                return self.port.device
            self.server = ModbusServer(inverter, clock, registers=registers)
            return f"127.0.0.1:{await self.server.start()}"

        self.at = self._run(opened())

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(BOUND_S)

    def close(self):
        async def closed():
            if self.server is None:
                self.port.close()
            else:
                await self.server.stop()

        self._run(closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND_S)
        self._loop.close()


@pytest.fixture(params=["modbus-rtu", "modbus-tcp"])
def device(request):
    device = Device(request.param)
    yield device
    device.close()


@pytest.fixture(params=sorted(path.name for path in REGISTERS.glob("*.toml")))
def inverter(request, device, tmp_path):
    """As the rig `rtu` reaches it, by each register map that ships and on either line."""
    text = (RIGS / "rtu.toml").read_text()
    text = text.replace('service = "modbus-rtu"', f'service = "{device.service}"')
    text = text.replace("registers/nordwerk-pcs30.toml", str(REGISTERS / request.param))
    (tmp_path / "rig.toml").write_text(text)
    rig = load_rig(str(tmp_path / "rig.toml"))
    assert rig.rig.inverter.service == device.service
    with inverter_address(rig, ("127.0.0.1", 1), device.at).open(timeout_s=BOUND_S) as inverter:
        assert device.at in inverter.where
        yield inverter


@pytest.mark.parametrize("power_w", [3000.0, -3000.0, 11_000.0, -11_000.0])
def test_power_there_and_back_with_its_sign(device, inverter, power_w):
    inverter.start()
    inverter.set_power_w(power_w)
    assert device.stage.power_w == power_w  # charge is positive
    reading = inverter.reading()
    assert reading.ac_power_w == pytest.approx(power_w, abs=5.0)
    assert reading.dc_current_a == pytest.approx(power_w / 355.5, abs=0.006)
    assert (reading.dc_voltage_v, reading.ac_voltage_v, reading.frequency_hz) == pytest.approx((355.5, 230.4, 49.98))
    assert (reading.running, reading.fault) == (True, False)


def test_stop_and_start_are_those_of_the_one_inverter(device, inverter):
    inverter.stop()
    assert not device.stage.on
    assert not inverter.reading().running
    inverter.start()
    assert device.stage.on
    device.stage.fault = True
    assert inverter.reading().fault


def test_who_it_is_and_who_it_is_not(device, inverter):
    identity = inverter.identity()
    assert (identity.maker, identity.model, identity.serial) == ("Nordwerk", "PCS 30", "NW-017")


def test_what_it_refuses(device, inverter):
    with pytest.raises(BenchError, match="inverter"):
        inverter.set_power_w(50_000.0)  # beyond its rating
    assert device.stage.power_w == 0.0
    registers = MakersRegisters(InverterMap(device.stage, InverterConfig(), 0.0), device.stage, None)
    for address, values in ((512, [1]), (514, [7]), (900, [0])):
        with pytest.raises(ModbusException):
            registers.write(address, values, 0.0)
    with pytest.raises(ModbusException):
        registers.read(774, 2, 0.0)


def test_requests_are_found_whatever_pieces_they_come_in():
    read = bytes.fromhex("01 04 0301 0001")
    write = bytes.fromhex("01 10 0200 0002 04 0bb8 0000")
    line = b"".join(frame + crc(frame) for frame in (read, write, read))
    reader = RequestReader()
    assert [one for byte in line for one in reader.feed(bytes([byte]))] == [read, write, read]
    assert reader.feed(line) == [read, write, read]


def test_a_damaged_request_is_not_answered_and_the_next_one_is():
    reader, read = RequestReader(), bytes.fromhex("01 04 0301 0001")
    assert reader.feed(read + b"\0\0") == []
    assert reader.feed(read + crc(read)) == [read]
