"""The plant process: `python -m v2g_bench.plant.process CONFIG.json`, the emulated world on real sockets.

One asyncio loop holds the BMS on its CAN bus, the inverter's Modbus server, the SCPI instruments and the control socket
around one `World`. When all of them answer it prints one JSON line:

    {"ready": true, "modbus": 40123, "service": null, "/dev/pts/3" or "127.0.0.1:40124", "control": "PATH",
     "meters": {"dc": "TCPIP::127.0.0.1::hislip0,40124::INSTR"}}

It ends on SIGTERM, on the control socket's `shutdown`, and when its standard input closes, which the parent's death
does too. Exit status: 0 asked to end, 1 a defect of the bench, 2 the config or a part cannot be used, 3 the bus is
gone; the reason is written to standard error. It has no children.
"""

import asyncio
import contextlib
import errno
import gc
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import can

from v2g_bench.can.buses import open_bus
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.physics.remote import RemoteWire
from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.instruments.emulated.host import InstrumentHost, hislip_resource, socket_resource
from v2g_bench.instruments.emulated.meter import EmulatedMeter
from v2g_bench.interrupts import left_to_the_parent
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.service_port import MakersRegisters, ServicePort
from v2g_bench.plant.compose import Composition
from v2g_bench.plant.control import ControlServer
from v2g_bench.plant.recorder import TruthRecorder
from v2g_bench.plant.settings import MeterSettings, PlantSettings, read_settings
from v2g_bench.plant.timer import LoopTimer
from v2g_bench.priority import realtime

SEND_TIMEOUT_S = 0.5
END_ASKED, END_DEFECT, END_REFUSED, END_BUS_GONE = 0, 1, 2, 3
READ_AT_ONCE = 200  # frames per wake-up, so that a flooded bus cannot starve the rest


class PlantShell:
    """The shell: opens the parts, runs them until an end is asked for, closes them in the reverse order."""

    def __init__(self, settings: PlantSettings) -> None:
        self._settings = settings
        self._clock = RealClock()
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = self._loop.create_future()
        self._hosts: list[InstrumentHost] = []
        self._server: ModbusServer | None = None
        self._service: ServicePort | None = None
        self._service_server: ModbusServer | None = None
        self._service_at: str | None = None
        self._control: ControlServer | None = None
        self._bus: can.BusABC | None = None
        self._timer: LoopTimer | None = None
        self._truth: TruthRecorder | None = None
        self._wire: RemoteWire | None = None

    async def run(self) -> int:
        """Open, report readiness, serve; the exit status."""
        try:
            ready = await self._open()
            print(json.dumps(ready), flush=True)
            return await self._end
        finally:
            await self._close()

    def _end_soon(self) -> None:
        """End after the answer that is being written."""
        self._loop.call_soon(self.end)

    def end(self, status: int = END_ASKED) -> None:
        """End with this status; the first call counts."""
        if not self._end.done():
            self._end.set_result(status)

    async def _open(self) -> dict[str, Any]:
        settings = self._settings
        db = BusDatabase.load(settings.dbc, settings.roles) if settings.bus else None
        parts = Composition(settings, self._clock)
        self._plant, self._server = parts.plant, parts.server
        modbus_port = await self._open_inverter(parts)
        resources = {name: await self._open_meter(meter, settings.meters[name]) for name, meter in parts.meters.items()}
        if settings.bus is not None:
            self._bus = open_bus(**settings.bus.opening(), own_echo=False)
            self._wire = RemoteWire(settings.bus.channel) if settings.bus.physics else None
        realtime()
        gc.collect()
        gc.freeze()  # what lives for the whole run is not looked at again
        gc.set_threshold(50_000, 50, 100)
        self._timer = LoopTimer(self._loop, self._wake)
        # Last, so that the first frames do not wait for the parts above.
        self._world = parts.join_bus(db, wire=self._wire)
        operations = parts.operations(end=self._end_soon, changed=self._arm)
        if self._bus is not None:
            self._loop.add_reader(self._bus.fileno(), self._read_bus)
        if settings.truth is not None:
            self._truth = TruthRecorder(Path(settings.truth))
        self._control = ControlServer(operations)
        await self._control.start(Path(settings.control))
        self._arm()
        ready = {"ready": True, "modbus": modbus_port, "service": self._service_at}
        return ready | {"meters": resources, "control": settings.control}

    async def _open_inverter(self, parts: Composition) -> int | None:
        """The port of its Modbus server."""
        if parts.inverter is None or parts.server is None:
            return None
        port = await parts.server.start()
        if self._settings.service_port == "none":
            return port
        registers = MakersRegisters(parts.inverter, parts.stage, parts.server)
        if self._settings.service_port == "modbus-tcp":
            self._service_server = ModbusServer(parts.inverter, self._clock, registers=registers)
            self._service_at = f"127.0.0.1:{await self._service_server.start()}"
        else:
            self._service = ServicePort(registers, parts.inverter.config.unit_id, self._clock)
            self._service_at = self._service.device
        return port

    async def _open_meter(self, meter: EmulatedMeter, settings: MeterSettings) -> str:
        """Its VISA resource."""
        host = InstrumentHost(meter)
        self._hosts.append(host)
        if settings.transport == "hislip":
            return hislip_resource("127.0.0.1", await host.start_hislip())
        return socket_resource("127.0.0.1", await host.start_socket())

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.close()
        if self._truth is not None:
            self._plant.step(self._clock.now_s())
            self._truth.close(self._plant)
        if self._bus is not None:
            self._loop.remove_reader(self._bus.fileno())
            self._bus.shutdown()
        if self._wire is not None:
            self._wire.close()
        if self._service is not None:
            self._service.close()
        closers = [
            part.stop for part in (self._control, self._server, self._service_server, *self._hosts) if part is not None
        ]
        for outcome in await asyncio.gather(*(close() for close in closers), return_exceptions=True):
            if isinstance(outcome, BaseException):
                print(f"plant: a part did not close: {outcome!r}", file=sys.stderr, flush=True)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.set(self._world.next_due_s)

    def _wake(self) -> None:
        """Do what is due, send what is ready, and sleep until there is more."""
        now_s, bus = self._clock.now_s, self._bus
        try:
            for sent in self._world.advance(now_s()):
                if bus is not None:
                    before_s = now_s()
                    if sent_to(bus, sent.frame):
                        self._world.handed_over(sent, before_s, now_s())
                    else:
                        self._world.frames_refused += 1
        except can.CanError as error:
            self._bus_gone(error)
            return
        if self._truth is not None:
            self._truth.look(self._plant)
        self._arm()

    def _read_bus(self) -> None:
        assert self._bus is not None
        try:
            for _ in range(READ_AT_ONCE):
                msg = self._bus.recv(0)
                if msg is None:
                    break
                self._world.on_frame(msg, self._clock.now_s())
        except can.CanError as error:
            self._bus_gone(error)
            return
        self._arm()

    def _bus_gone(self, error: can.CanError) -> None:
        print(f"bus: {error}\n  the plant ends: without its bus it emulates nothing", file=sys.stderr, flush=True)
        assert self._bus is not None
        self._loop.remove_reader(self._bus.fileno())
        self.end(END_BUS_GONE)


def sent_to(bus: can.BusABC, frame: can.Message) -> bool:
    """Hand a frame to the bus; False if its queue is full, as with no other node awake to acknowledge."""
    try:
        bus.send(frame, timeout=SEND_TIMEOUT_S)
    except can.CanOperationError as error:
        if error.error_code != errno.ENOBUFS:
            raise
        return False
    return True


def is_defect(context: Mapping[str, Any]) -> bool:
    """Whether what an asyncio loop reports is a defect of the bench (and not a client that went away)."""
    error = context.get("exception")
    return error is not None and not isinstance(error, OSError)


async def serve(settings: PlantSettings) -> int:
    """Run the plant until SIGTERM, `shutdown` or the end of standard input; the exit status."""
    plant = PlantShell(settings)
    loop = asyncio.get_running_loop()

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if is_defect(context):  # a world that half works would look like a fault of the controller's surroundings
            plant.end(END_DEFECT)

    loop.set_exception_handler(report)
    loop.add_signal_handler(signal.SIGTERM, plant.end)
    left_to_the_parent()
    descriptor = sys.stdin.fileno()

    def parent_sent() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            plant.end()

    # A file or /dev/null cannot be watched: then there is no parent to outlive, and SIGTERM is left.
    with contextlib.suppress(PermissionError):
        loop.add_reader(descriptor, parent_sent)
    return await plant.run()


def main(arguments: list[str]) -> int:
    """Read the config and serve; see the module for the exit status."""
    if len(arguments) != 1:
        print("usage: python -m v2g_bench.plant.process CONFIG.json", file=sys.stderr)
        return END_REFUSED
    try:
        return asyncio.run(serve(read_settings(Path(arguments[0]))))
    except BenchError as error:
        print(error, file=sys.stderr, flush=True)
        return END_REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
