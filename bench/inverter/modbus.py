"""A Modbus TCP link without trust: pymodbus without retries, and every reply checked.

pymodbus 3.16 takes a reply to another function, and a reply with fewer registers than asked, without an error; and it
reports a reply from another unit as silence. Here each of them is a `BenchError` that shows what came instead. After any
failure the connection is closed, so that a late answer can never pass for the answer to the next request.

    link = ModbusLink("127.0.0.1", 502, unit_id=1, timeout_s=1.0)
    link.read(40000, 2)
"""

import logging
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException as PymodbusError

from v2g_bench.errors import BenchError
from v2g_bench.inverter.codes import ModbusException, named
from v2g_bench.inverter.frames import READ_HOLDING, READ_INPUT, WRITE_MANY, WRITE_ONE

ExchangeLog = Callable[[float, str, str], None]

logging.getLogger("pymodbus").addHandler(logging.NullHandler())  # each failure is raised; none needs printing too


class ModbusLink:
    """One connection to one unit; connects when first used. Not for several threads at once.

    log(time_s, direction, frame in hexadecimal): called for each message sent (">") and received ("<"), on the bench clock.
    """

    def __init__(self, host: str, port: int, unit_id: int, timeout_s: float, log: ExchangeLog | None = None) -> None:
        self.where = f"inverter {host}:{port}"
        self._log = log
        self._unit_id, self._timeout_s = unit_id, timeout_s
        self._received = b""
        self._transaction_id = 0
        # pymodbus' annotations are partial: what it returns is checked here, by value
        self._client: Any = ModbusTcpClient(
            host, port=port, timeout=timeout_s, retries=0, reconnect_delay=0, trace_packet=self._trace
        )

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        self._client.close()

    def read(self, address: int, count: int, function: int = READ_HOLDING) -> list[int]:
        """`count` registers from `address`: holding registers, or input registers (function 4).

        Raises ModbusException where the inverter refuses, BenchError for anything that is not a proper answer.
        """
        what = f"read of {count} registers at {address}"
        method = "read_input_registers" if function == READ_INPUT else "read_holding_registers"
        reply = self._ask(what, function, method, address, count=count)
        registers = list(reply.registers)
        if len(registers) != count:
            raise self._failed(f"{what}: the reply has {len(registers)} registers", "its Modbus server is at fault")
        return registers

    def write(self, address: int, values: Sequence[int], function: int = WRITE_MANY) -> None:
        """Set registers in one request: function 16, or 6 for one register. Errors as for `read`."""
        what = f"write of {len(values)} registers at {address}"
        if function == WRITE_ONE:
            (value,) = values
            reply = self._ask(what, WRITE_ONE, "write_register", address, value)
            if (reply.address, list(reply.registers)) != (address, [value]):
                raise self._failed(f"{what}: it confirms {list(reply.registers)} at {reply.address}")
            return
        reply = self._ask(what, WRITE_MANY, "write_registers", address, list(values))
        if (reply.address, reply.count) != (address, len(values)):
            raise self._failed(f"{what}: it confirms {reply.count} registers at {reply.address}")

    def _ask(self, what: str, function: int, method: str, *arguments: Any, **keywords: Any) -> Any:
        self._received = b""
        self._connect()
        try:
            reply = getattr(self._client, method)(*arguments, **keywords, device_id=self._unit_id)
        except (PymodbusError, OSError, struct.error, IndexError) as error:
            raise self._failed(f"{what}: {self._diagnosis(error)}", "is it on, and is nothing between?") from error
        if reply.function_code == function | 0x80:
            raise ModbusException(reply.exception_code, what)
        if reply.function_code != function:
            raise self._failed(f"{what}: the reply is to function {reply.function_code}, not {function}")
        if reply.dev_id != self._unit_id:
            raise self._failed(f"{what}: the reply comes from unit {reply.dev_id}, not {self._unit_id}")
        if reply.transaction_id != self._transaction_id:  # pymodbus' own reading takes 0 for any
            raise self._failed(f"{what}: {self._other_transaction(reply.transaction_id)}")
        return reply

    def _connect(self) -> None:
        if self._client.connected:
            return
        if not self._client.connect():
            raise BenchError(self.where, "nothing accepts the connection", "is it on, and are host and port right?")
        self._client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _failed(self, what: str, hint: str = "its Modbus server is at fault") -> BenchError:
        self.close()
        return BenchError(self.where, what, hint)

    def _trace(self, sending: bool, data: bytes) -> bytes:
        if self._log is not None:
            self._log(time.monotonic(), ">" if sending else "<", data.hex())
        if sending:
            self._transaction_id = int.from_bytes(data[:2], "big")
        else:
            self._received = data
        return data

    def _diagnosis(self, error: Exception) -> str:
        """What came instead of a reply that pymodbus could take."""
        received = self._received
        if not received:
            closed = not self._client.connected
            return "it closed the connection" if closed else f"no answer within {self._timeout_s:g} s"
        if len(received) < 8:
            return f"the reply ends after {len(received)} bytes"
        transaction_id, protocol_id, length, unit_id = struct.unpack_from(">HHHB", received)
        if protocol_id != 0:
            return f"the reply is not Modbus TCP: {received[:16].hex(' ')}"
        if len(received) < length + 6:
            return f"the reply ends after {len(received)} of {length + 6} bytes"
        if transaction_id != self._transaction_id:
            return self._other_transaction(transaction_id)
        if unit_id != self._unit_id:
            return f"the reply comes from unit {unit_id}, not {self._unit_id}"
        return str(error)

    def _other_transaction(self, number: int) -> str:
        return f"the reply has transaction id {number}, not {self._transaction_id}"


def refused(where: str, refusal: ModbusException) -> BenchError:
    """A refusal as the user reads it."""
    mends = {
        1: "does it know this function code?",
        2: "has it this register, and is it writable?",
        3: "is the value inside its ratings?",
        4: "is it under local control, or an alarm latched?",
        6: "it is busy: try again later",
        11: "is the unit id right?",
    }
    return BenchError(where, f"{refusal.reason}: {named(refusal.code)}", mends.get(refusal.code, ""))
