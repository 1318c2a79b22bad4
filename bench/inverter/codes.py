"""The exception codes of Modbus (MODBUS Application Protocol V1.1b3, section 7), and the exception that carries one.

>>> str(ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, "704.WSetMod has no state 9"))
'exception 3 (illegal data value): 704.WSetMod has no state 9'
"""

from enum import IntEnum


class ExceptionCode(IntEnum):
    """Why a server refuses a request."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_DATA_ADDRESS = 2
    ILLEGAL_DATA_VALUE = 3
    SERVER_DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    SERVER_DEVICE_BUSY = 6
    MEMORY_PARITY_ERROR = 8
    GATEWAY_PATH_UNAVAILABLE = 10
    GATEWAY_TARGET_FAILED_TO_RESPOND = 11


def named(code: int) -> str:
    """The code as people write it: `exception 3 (illegal data value)`."""
    try:
        return f"exception {int(code)} ({ExceptionCode(code).name.lower().replace('_', ' ')})"
    except ValueError:
        return f"exception {int(code)}"


class ModbusException(Exception):
    """A request is refused. code: what goes on the wire; reason: for the log of the emulator."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return f"{named(self.code)}: {self.reason}"
