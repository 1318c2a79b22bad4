import asyncio
import errno

import can
import pytest

from v2g_bench.clock import RealClock
from v2g_bench.inverter.modbus import ModbusLink
from v2g_bench.plant.compose import Composition
from v2g_bench.plant.process import PlantShell, is_defect, sent_to
from v2g_bench.plant.settings import PlantSettings


class Bus:
    """Takes frames, or fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.sent = error, 0

    def send(self, frame: can.Message, timeout: float) -> None:
        if self.error:
            raise self.error
        self.sent += 1


def test_a_frame_that_the_bus_takes_is_sent():
    bus = Bus()
    assert sent_to(bus, can.Message())
    assert bus.sent == 1


def test_a_full_queue_is_no_dead_bus():
    assert not sent_to(Bus(can.CanOperationError("full", errno.ENOBUFS)), can.Message())


def test_anything_else_is():
    with pytest.raises(can.CanOperationError):
        sent_to(Bus(can.CanOperationError("gone", errno.ENODEV)), can.Message())


def test_a_client_that_went_away_is_no_defect_and_anything_else_is():
    assert not is_defect({"message": "x", "exception": ConnectionResetError()})
    assert not is_defect({"message": "slow"})
    assert is_defect({"message": "x", "exception": KeyError("y")})


@pytest.mark.parametrize("service", ["none", "modbus-rtu", "modbus-tcp"])
def test_the_inverters_second_port_is_the_one_that_the_rig_states(tmp_path, service):
    settings = PlantSettings(control=str(tmp_path / "control"), inverter={}, service_port=service, meters={})

    async def opened():
        shell = PlantShell(settings)
        await shell._open_inverter(Composition(settings, RealClock()))
        found = shell._service_at
        loop = asyncio.get_running_loop()
        if service == "modbus-tcp":
            host, _, port = found.rpartition(":")
            link = ModbusLink(host, int(port), 1, 5.0)
            assert (await loop.run_in_executor(None, link.read, 800, 1, 4)) == [0x4E57]  # "NW": its maker's
            link.close()
        await shell._close()
        return found

    found = asyncio.run(opened())
    assert {"none": found is None, "modbus-rtu": str(found).startswith("/dev/"), "modbus-tcp": ":" in str(found)}[
        service
    ]
