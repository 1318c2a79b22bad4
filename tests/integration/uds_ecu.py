"""The BMS's diagnostic side on the bus, for tests: answers UDS 0x19 02 and OBD mode 03 over ISO-TP.

`Ecu` is what a BMS emulator would add: `answer(request) -> bytes | None` is the whole protocol; the rest is transport.
"""

import threading
from types import TracebackType

import isotp

from v2g_bench.can.buses import open_bus

REQUEST_ID, RESPONSE_ID = 0x7E4, 0x7EC
_NOT_SUPPORTED, _AVAILABILITY = 0x11, 0x2F


class Ecu:
    """codes: (three bytes of the DTC, status byte). speaks: the protocols that it knows."""

    def __init__(self, channel: str, *, fd: bool = True, speaks: tuple[str, ...] = ("uds", "obd")) -> None:
        self.codes: list[tuple[int, int]] = []
        self.speaks = speaks
        self.requests: list[bytes] = []
        self._bus = open_bus("v2g_userland", channel, own_echo=False)
        self._bus.set_filters([{"can_id": REQUEST_ID, "can_mask": 0x7FF, "extended": False}])
        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=RESPONSE_ID, rxid=REQUEST_ID)
        params = {"can_fd": fd, "bitrate_switch": fd, "tx_data_length": 64 if fd else 8}
        self._stack = isotp.CanStack(self._bus, address=address, params=params)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def answer(self, request: bytes) -> bytes | None:
        """The response to a request; None for silence."""
        if request[:2] == b"\x19\x02" and "uds" in self.speaks:
            hits = [(code, status) for code, status in self.codes if status & request[2]]
            return bytes((0x59, 0x02, _AVAILABILITY)) + b"".join(
                code.to_bytes(3, "big") + bytes((status,)) for code, status in hits
            )
        if request == b"\x03" and "obd" in self.speaks:
            stored = [code >> 8 for code, status in self.codes if status & 0x08]
            return bytes((0x43, len(stored))) + b"".join(code.to_bytes(2, "big") for code in stored)
        return bytes((0x7F, request[0], _NOT_SUPPORTED)) if self.speaks else None

    def _serve(self) -> None:
        while not self._end.is_set():
            request = self._stack.recv(block=True, timeout=0.05)
            if request:
                self.requests.append(bytes(request))
                response = self.answer(bytes(request))
                if response is not None:
                    self._stack.send(response)

    def __enter__(self) -> "Ecu":
        self._stack.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(5)
        self._stack.stop()
        self._bus.shutdown()
