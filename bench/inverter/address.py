"""An inverter's address and protocol as plain data: what another process needs to reach it as well.

>>> InverterAddress(host="192.0.2.9").open().where
'inverter 192.0.2.9:502'
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from v2g_bench.inputs.ranges import AnswerS, BaudRate, Port, Ranged, UnitId, Within
from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.modbus import ExchangeLog, ModbusLink
from v2g_bench.inverter.rtu import ModbusRtuLink
from v2g_bench.inverter.vendor import VendorInverter, read_vendor_map


@dataclass(frozen=True)
class InverterAddress(Ranged):
    """TCP, or a serial line where `device` is given; SunSpec, or the vendor's registers after the file `map_path`.

    A serial line has one master at a time: a second process can open it only when the first has closed it or ended.
    """

    host: str = "127.0.0.1"
    port: Port = 502
    unit_id: UnitId = 1
    device: str = ""
    baudrate: BaudRate = 9600
    parity: str = "N"
    stopbits: Annotated[int, Within(1, 2)] = 1
    map_path: str = ""
    timeout_s: AnswerS = 1.0

    def open(self, timeout_s: float = math.inf, log: ExchangeLog | None = None) -> InverterClient | VendorInverter:
        """A client; nothing is sent yet. timeout_s: it waits no longer. log: see `ModbusLink`.

        BenchError for a register map that is wrong.
        """
        serial, timeout_s = None, min(timeout_s, self.timeout_s)
        if self.device:
            line = (self.baudrate, self.parity, self.stopbits)
            serial = ModbusRtuLink(self.device, self.unit_id, timeout_s, *line, log=log)
        if not self.map_path:
            return InverterClient(self.host, self.port, self.unit_id, timeout_s, log, link=serial)
        link = serial or ModbusLink(self.host, self.port, self.unit_id, timeout_s, log)
        return VendorInverter(link, read_vendor_map(Path(self.map_path)))
