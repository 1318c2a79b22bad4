"""The emulated inverter's second port: RS-485 with Modbus RTU, or Modbus TCP; registers of its maker's own instead of SunSpec.

The controller has the inverter's first port; a serial line has one master, and here it is the bench. The content of the
registers follows the maker's manual of the device, and `rigs/registers/nordwerk-pcs30.toml` describes it independently for the
bench: neither is made from the other, so that a wrong sign or word order in the map is seen.

    512, 513  set-point, int32, W, + = into the grid, low word first, both at once      (read and write)
    514       order: 0xA5 run, 0 stop                                                   (read and write)
    768       state: 1 stopped, 2 runs, 7 fault                                         (input)
    769       AC power, int16, 10 W, + = into the grid                                  (input)
    770, 771  DC voltage, float32, V                                                    (input)
    772       DC current, int16, 0.01 A, + = out of the battery                         (input)
    773       grid voltage, uint16, 0.1 V            774  frequency, uint16, 0.01 Hz    (input)
    800-802   serial number, six characters                                             (input)
"""

import asyncio
import math
import os
import struct
import tty
from collections.abc import Sequence

from v2g_bench.clock import Clock
from v2g_bench.inverter.codes import ExceptionCode, ModbusException
from v2g_bench.inverter.frames import WRITE_MANY, Adu, ModbusCore
from v2g_bench.inverter.nameplate import START, STOP
from v2g_bench.inverter.port import InverterReading, StagePort
from v2g_bench.inverter.rtu import crc
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.sunspec import InverterMap

RUN = 0xA5
STOPPED, RUNS, FAULTY = 1, 2, 7
SERIAL = b"NW-017"
_HEAD = 7  # of a request: unit, function, address, count, size
_ABSENT = 0x8000


class MakersRegisters:
    """The registers of the table above. Orders go to the SunSpec map, which is one inverter with this."""

    def __init__(self, inverter: InverterMap, stage: StagePort, server: ModbusServer) -> None:
        self._inverter, self._stage, self._server = inverter, stage, server
        self._setpoint_w = 0

    def read(self, address: int, count: int, now_s: float) -> list[int]:
        """Exception 2 where a register is missing."""
        words = self._words(self._stage.measure())
        if not all(place in words for place in range(address, address + count)):
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, "no such register")
        return [words[place] for place in range(address, address + count)]

    def write(self, address: int, values: Sequence[int], now_s: float) -> None:
        """Exception 2 for half a set-point or another register, 3 for another order or more power than it has."""
        if address == 512 and len(values) == 2:
            (power_w,) = struct.unpack(">i", struct.pack(">2H", values[1], values[0]))
            self._inverter.write(self._inverter.address("704.WSetEna"), [1, 1, *_int32(power_w)], now_s)
            self._setpoint_w = power_w
        elif address == 514 and len(values) == 1:
            if values[0] not in (0, RUN):
                raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, "neither run nor stop")
            order = START if values[0] == RUN else STOP
            self._inverter.write(self._inverter.address("715.OpCtl"), [order], now_s)
        else:
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, "half a set-point, or no register")
        self._server.wake()

    def _words(self, now: InverterReading) -> dict[int, int]:
        state = FAULTY if now.fault else RUNS if now.running else STOPPED
        setpoint = _int32(self._setpoint_w)
        volts = struct.unpack(">2H", struct.pack(">f", now.dc_voltage_v))
        serial = struct.unpack(">3H", SERIAL)
        return {
            **{512: setpoint[1], 513: setpoint[0]},
            514: RUN if self._inverter.value("715.OpCtl") == START else 0,
            **{768: state, 769: _counts(-now.ac_power_w / 10.0), 770: volts[0], 771: volts[1]},
            **{772: _counts(-now.dc_current_a / 0.01), 773: _counts(now.ac_voltage_v / 0.1)},
            774: _counts(now.frequency_hz / 0.01),
            **dict(zip((800, 801, 802), serial, strict=True)),
        }


def _int32(value: int) -> tuple[int, int]:
    high, low = struct.unpack(">2H", struct.pack(">i", value))
    return high, low


def _counts(value: float) -> int:
    """A signed 16-bit register; 0x8000 where it is not measured."""
    return _ABSENT if math.isnan(value) else round(value) & 0xFFFF


class RequestReader:
    """Bytes of a serial line in, whole requests with a good CRC out (without it). A frame has no length of its own.

    What is no request of ours is dropped with everything that has come until then, as the silence between frames would.
    """

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The requests that are whole now."""
        self._received += data
        found = []
        while len(self._received) >= 8:
            length = _HEAD + self._received[6] + 2 if self._received[1] == WRITE_MANY else 8
            if len(self._received) < length:
                break
            frame, self._received = self._received[:length], self._received[length:]
            if crc(frame[:-2]) != frame[-2:]:
                self._received = b""
                break
            found.append(frame[:-2])
        return found


class ServicePort:
    """The port on a pseudo-terminal, served by the running loop. `device` is its other end, for the bench to open."""

    def __init__(self, registers: MakersRegisters, unit_id: int, clock: Clock) -> None:
        self._core, self._unit_id, self._clock = ModbusCore(registers, unit_id, {}), unit_id, clock
        self._reader = RequestReader()
        self._end, self._line = os.openpty()  # the line stays open here too: else a client that closes it would end it
        tty.setraw(self._line)
        os.set_blocking(self._end, False)
        self.device = os.ttyname(self._line)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._end, self._read)

    def close(self) -> None:
        """The line is dead."""
        self._loop.remove_reader(self._end)
        for end in (self._end, self._line):
            os.close(end)

    def _read(self) -> None:
        for request in self._reader.feed(os.read(self._end, 4096)):
            if request[0] != self._unit_id:
                continue  # for another unit on the line, or for none
            answer = self._core.answer(Adu(0, request[0], request[1:]), self._clock.now_s())
            reply = bytes([self._unit_id]) + answer.pdu
            os.write(self._end, reply + crc(reply))
