"""Error frames of a SocketCAN interface as events, and what they report about the bus. Pure functions and one small core.

An error frame is the kernel's report about the controller chip, not a frame of the wire: its identifier holds classes of
errors as bits, its eight bytes the details (linux/can/error.h).

>>> decode_error(0x40, bytes(8)).text
'bus-off'
>>> decode_error(0x204, bytes([0, 0x20, 0, 0, 0, 0, 128, 0])).text
'error passive (transmitter); 128 transmit errors, 0 receive errors'
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

_TX_TIMEOUT, _LOST_ARBITRATION, _CONTROLLER, _PROTOCOL, _TRANSCEIVER = 0x01, 0x02, 0x04, 0x08, 0x10
_NO_ACK, _BUS_OFF, _BUS_ERROR, _RESTARTED, _COUNTERS = 0x20, 0x40, 0x80, 0x100, 0x200

_CONTROLLER_BITS = {
    0x01: "receive overflow",
    0x02: "transmit overflow",
    0x04: "error warning (receiver)",
    0x08: "error warning (transmitter)",
    0x10: "error passive (receiver)",
    0x20: "error passive (transmitter)",
    0x40: "error active again",
}
_PROTOCOL_BITS = {
    0x01: "bit error",
    0x02: "form error",
    0x04: "stuff error",
    0x08: "a dominant bit could not be sent",
    0x10: "a recessive bit could not be sent",
    0x20: "overload",
    0x80: "while transmitting",
}
_PLACES = {
    0x03: "start of frame",
    0x08: "CRC",
    0x0A: "data",
    0x0B: "length code",
    0x18: "CRC delimiter",
    0x19: "acknowledge slot",
    0x1A: "end of frame",
    0x1B: "acknowledge delimiter",
}
_TRANSCEIVER_WORDS = {
    0x04: "CAN-H: no wire",
    0x05: "CAN-H: short to battery",
    0x06: "CAN-H: short to supply",
    0x07: "CAN-H: short to ground",
    0x40: "CAN-L: no wire",
    0x50: "CAN-L: short to battery",
    0x60: "CAN-L: short to supply",
    0x70: "CAN-L: short to ground",
    0x80: "CAN-L and CAN-H: short",
}
_CLASS_NAMES = {
    _TX_TIMEOUT: "transmit timeout",
    _LOST_ARBITRATION: "arbitration lost",
    _NO_ACK: "nobody acknowledges",
    _BUS_OFF: "bus-off",
    _BUS_ERROR: "bus error",
    _RESTARTED: "controller restarted",
}


class BusState(StrEnum):
    """The error state of a CAN controller (ISO 11898-1, fault confinement)."""

    ACTIVE = "error active"
    WARNING = "error warning"
    PASSIVE = "error passive"
    BUS_OFF = "bus-off"


@dataclass(frozen=True)
class ErrorEvent:
    """One error frame. state: the controller's state from now on, None if the frame does not state it; tx_errors and
    rx_errors: its counters, None if not given. text: all of it in words.
    """

    text: str
    state: BusState | None = None
    tx_errors: int | None = None
    rx_errors: int | None = None
    on_wire: bool = False  # a node's frame was damaged or not acknowledged


def decode_error(error_class: int, data: bytes) -> ErrorEvent:
    """Decode the identifier (without its flags) and the bytes of an error frame. Short data is filled with 0."""
    data = bytes(data[:8]).ljust(8, b"\0")
    words = [name for bit, name in _CLASS_NAMES.items() if error_class & bit]
    if error_class & _CONTROLLER:
        words += [name for bit, name in _CONTROLLER_BITS.items() if data[1] & bit] or ["controller error"]
    if error_class & _PROTOCOL:
        kinds = [name for bit, name in _PROTOCOL_BITS.items() if data[2] & bit] or ["protocol violation"]
        place = f" in {_PLACES[data[3]]}" if data[3] in _PLACES else ""
        words.append(", ".join(kinds) + place)
    if error_class & _TRANSCEIVER:
        words.append(_TRANSCEIVER_WORDS.get(data[4], "transceiver error"))
    tx, rx = (data[6], data[7]) if error_class & _COUNTERS or data[6] or data[7] else (None, None)
    if tx is not None:
        words.append(f"{tx} transmit errors, {rx} receive errors")
    on_wire = bool(error_class & (_PROTOCOL | _NO_ACK | _BUS_ERROR | _TX_TIMEOUT))
    return ErrorEvent("; ".join(words) or f"error class 0x{error_class:X}", _state(error_class, data), tx, rx, on_wire)


def _state(error_class: int, data: bytes) -> BusState | None:
    if error_class & _BUS_OFF:
        return BusState.BUS_OFF
    if error_class & _CONTROLLER:
        for bits, state in ((0x30, BusState.PASSIVE), (0x0C, BusState.WARNING), (0x40, BusState.ACTIVE)):
            if data[1] & bits:
                return state
    return BusState.ACTIVE if error_class & _RESTARTED else None


@dataclass(frozen=True)
class Noted:
    """An event and when it was (bench clock, s)."""

    at_s: float
    event: ErrorEvent


KEPT_EVENTS = 1000


class BusHealth:
    """What the error frames of one bus have reported so far. The core of a capture: frames in, answers out.

    active --(counter > 96)--> warning --(> 127)--> passive --(transmit counter > 255)--> bus-off --(restarted)--> active
    """

    def __init__(self) -> None:
        self.state = BusState.ACTIVE
        self.error_frames = 0
        self.tx_errors: int | None = None
        self.rx_errors: int | None = None
        self.events: deque[Noted] = deque(maxlen=KEPT_EVENTS)
        self._off: deque[float] = deque(maxlen=KEPT_EVENTS)

    def on_error_frame(self, error_class: int, data: bytes, at_s: float) -> ErrorEvent:
        """Take one error frame."""
        event = decode_error(error_class, data)
        self.error_frames += 1
        if event.tx_errors is not None:
            self.tx_errors, self.rx_errors = event.tx_errors, event.rx_errors
        if event.state is not None:
            self.state = event.state
        if event.state is BusState.BUS_OFF:
            self._off.append(at_s)
        self.events.append(Noted(at_s, event))
        return event

    def bus_off_since(self, since_s: float) -> float | None:
        """When the controller went bus-off at or after `since_s`, or is since before; None if it did not and is not.

        Of more than KEPT_EVENTS times the first that is kept.
        """
        if self.state is BusState.BUS_OFF and self._off:
            return self._off[-1]
        return next((at_s for at_s in self._off if at_s >= since_s), None)

    def words(self) -> str:
        """The latest reports in one line; "" if there is none."""
        if not self.events:
            return ""
        return f"{self.error_frames} error frames, the last: {self.events[-1].event.text}"
