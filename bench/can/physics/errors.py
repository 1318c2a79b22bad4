"""What a controller reports of an error, as SocketCAN words it (linux/can/error.h).

>>> error_message(ErrorNotice(1.0, Node("bms"), "bus off")).data[6:]
bytearray(b'\\x00\\x00')
"""

from typing import NamedTuple

import can

from v2g_bench.can.physics.confinement import WARNING
from v2g_bench.can.physics.node import Node

CONTROLLER, PROTOCOL, NO_ACK, BUS_OFF, BUS_ERROR, RESTARTED, COUNTERS = 0x04, 0x08, 0x20, 0x40, 0x80, 0x100, 0x200
RX_WARNING, TX_WARNING, RX_PASSIVE, TX_PASSIVE, ACTIVE = 0x04, 0x08, 0x10, 0x20, 0x40
_TYPES = {"bit": 0x01, "form": 0x02, "stuff": 0x04, "crc": 0x00, "ack": 0x00}
_TYPE_TX = 0x80
_LOCATION_CRC, _LOCATION_ACK = 0x08, 0x19
_MOST = 255


class ErrorNotice(NamedTuple):
    """One node found an error, or its state changed. kind: an error (bit, stuff, form, crc, ack) or "state", "bus off",
    "restarted". tec, rec, state: of the node after it.
    """

    at_s: float
    node: Node
    kind: str
    tec: int = 0
    rec: int = 0
    state: str = "active"
    as_transmitter: bool = False


def error_message(notice: ErrorNotice) -> can.Message:
    """The error frame that this node's interface delivers to its own programs."""
    data = bytearray(8)
    data[6], data[7] = min(notice.tec, _MOST), min(notice.rec, _MOST)
    error_id = COUNTERS
    if notice.kind == "bus off":
        error_id |= BUS_OFF
    elif notice.kind == "restarted":
        error_id |= RESTARTED
    elif notice.kind == "state":
        error_id |= CONTROLLER
        data[1] = _controller_state(notice)
    elif notice.kind == "ack":
        error_id |= NO_ACK | BUS_ERROR
        data[3] = _LOCATION_ACK
    else:
        error_id |= PROTOCOL | BUS_ERROR
        data[2] = _TYPES[notice.kind] | (_TYPE_TX if notice.as_transmitter else 0)
        data[3] = _LOCATION_CRC if notice.kind == "crc" else 0
    return can.Message(arbitration_id=error_id, is_error_frame=True, is_extended_id=True, data=data, dlc=8)


def _controller_state(notice: ErrorNotice) -> int:
    if notice.state == "passive":
        return (TX_PASSIVE if notice.tec > 127 else 0) | (RX_PASSIVE if notice.rec > 127 else 0)
    if max(notice.tec, notice.rec) >= WARNING:
        return (TX_WARNING if notice.tec >= WARNING else 0) | (RX_WARNING if notice.rec >= WARNING else 0)
    return ACTIVE
