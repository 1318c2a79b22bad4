"""The diagnostic side of the BMS: trouble codes (DTCs) by UDS, service 0x19 02, and by OBD mode 03, over ISO-TP.

A core without I/O: `on_frame` takes a frame of the tester, `due` gives the frames whose time has come. One request at a time,
as from the one tester on a bus; a new request ends an answer that is under way. Sources: ISO 14229-1, ISO 15765-2, SAE
J1979 (mode 03), SAE J2012 (codes).

>>> bms = Diagnostics(lambda: [(CELL_IMBALANCE, ACTIVE)])
>>> bms.answer(bytes.fromhex("190209")).hex()
'59022f0bbd0009'
"""

from collections.abc import Callable, Sequence

import can

from v2g_bench.can.isotp import CLASSIC_BYTES, FD_BYTES, Reassembly, Sending, padded_length

REQUEST_ID, RESPONSE_ID = 0x7E4, 0x7EC  # of the battery's controller, ISO 15765-4
CELL_IMBALANCE = 0x0BBD00  # P0BBD: hybrid/EV battery pack voltage variation
OVER_CURRENT = 0x1A0C00  # P1A0C: of this maker
STORED, ACTIVE = 0x08, 0x09  # DTC status: confirmed; confirmed and failing now
_BY_STATUS_MASK, _MODE_03 = b"\x19\x02", b"\x03"
_NEGATIVE, _SERVICE_NOT_SUPPORTED, _WRONG_LENGTH, _SUB_FUNCTION_NOT_SUPPORTED = 0x7F, 0x11, 0x13, 0x12
_AVAILABILITY = 0x2F
_PADDING = 0xCC

Codes = Sequence[tuple[int, int]]
"""(three bytes of the DTC, its status byte)"""


class Diagnostics:
    """codes: the trouble codes at the moment of a request."""

    def __init__(self, codes: Callable[[], Codes]) -> None:
        self._codes = codes
        self._received = Reassembly()
        self._sending: Sending | None = None
        self._is_fd = False
        self._waiting: list[tuple[float, bytes]] = []
        self.requests = 0

    @property
    def next_due_s(self) -> float:
        """When `due` has something."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def on_frame(self, msg: can.Message, now_s: float) -> bool:
        """One frame of the tester; False if it is not for us."""
        if msg.arbitration_id != REQUEST_ID or msg.is_extended_id or msg.is_remote_frame:
            return False
        data = bytes(msg.data)
        if self._sending is not None:
            self._sending.expire(now_s)
            self._waiting += [(now_s + after_s, frame) for after_s, frame in self._sending.on_flow_control(data, now_s)]
        request, flow = self._received.take(data)
        self._is_fd = msg.is_fd
        if flow is not None:
            self._waiting.append((now_s, flow))
        if request is not None:
            self.requests += 1
            self._sending = Sending(self.answer(request), FD_BYTES if self._is_fd else CLASSIC_BYTES)
            self._waiting = [(now_s, self._sending.begin(now_s))]
        return True

    def due(self, now_s: float) -> list[can.Message]:
        """The frames to send by now."""
        if not self._waiting:
            return []
        ready = [frame for at_s, frame in self._waiting if at_s <= now_s]
        if ready:
            self._waiting = [(at_s, frame) for at_s, frame in self._waiting if at_s > now_s]
        return [self._message(frame) for frame in ready]

    def answer(self, request: bytes) -> bytes:
        """The response to a request."""
        if request == _MODE_03:
            stored = [code >> 8 for code, status in self._codes() if status & STORED]
            return bytes((0x43, len(stored))) + b"".join(code.to_bytes(2, "big") for code in stored)
        if request[:1] != _BY_STATUS_MASK[:1]:
            return bytes((_NEGATIVE, request[0], _SERVICE_NOT_SUPPORTED))
        if request[:2] != _BY_STATUS_MASK:
            return bytes((_NEGATIVE, request[0], _SUB_FUNCTION_NOT_SUPPORTED))
        if len(request) != 3:
            return bytes((_NEGATIVE, request[0], _WRONG_LENGTH))
        hits = [(code, status) for code, status in self._codes() if status & request[2]]
        return bytes((0x59, 0x02, _AVAILABILITY)) + b"".join(
            code.to_bytes(3, "big") + bytes((status,)) for code, status in hits
        )

    def _message(self, frame: bytes) -> can.Message:
        length = padded_length(len(frame)) if self._is_fd else len(frame)
        return can.Message(
            arbitration_id=RESPONSE_ID,
            is_extended_id=False,
            is_fd=self._is_fd,
            bitrate_switch=self._is_fd,
            data=frame.ljust(length, bytes((_PADDING,))),
        )
