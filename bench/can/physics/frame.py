"""A frame as the wire has it, and its bits before stuffing. 1 is recessive, 0 dominant, the first bit leads.

>>> WireFrame(0x123, b"\\x01").header()
'0001001000110000001'
"""

from typing import NamedTuple

import can

FD_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
_CODE_OF_LENGTH = {length: code for code, length in enumerate(FD_LENGTHS)}


class WireFrame(NamedTuple):
    """One data or remote frame. remote_length: the length that a remote frame asks for; it has no data."""

    frame_id: int
    data: bytes = b""
    extended: bool = False
    fd: bool = False
    brs: bool = False
    esi: bool = False
    remote: bool = False
    remote_length: int = 0

    @classmethod
    def of(cls, message: can.Message) -> "WireFrame":
        """The frame of a python-can message; ValueError for an error frame or a length that does not exist."""
        if message.is_error_frame:
            raise ValueError("an error frame is made by the bus, no node sends it")
        frame = cls(
            message.arbitration_id,
            bytes(message.data),
            message.is_extended_id,
            message.is_fd,
            message.bitrate_switch,
            message.error_state_indicator,
            message.is_remote_frame,
            message.dlc if message.is_remote_frame else 0,
        )
        frame.check()
        return frame

    def check(self) -> None:
        """ValueError unless such a frame can exist."""
        if not 0 <= self.frame_id < (1 << 29 if self.extended else 1 << 11):
            raise ValueError(f"identifier 0x{self.frame_id:X} does not fit its frame format")
        if self.remote and (self.fd or self.data):
            raise ValueError("a remote frame is classic and has no data")
        if (self.brs or self.esi) and not self.fd:
            raise ValueError("a classic frame has no bit rate switch and no error state indicator")
        length = len(self.data)
        if length not in _CODE_OF_LENGTH if self.fd else max(length, self.remote_length) > 8:
            raise ValueError(f"no {'FD' if self.fd else 'classic'} frame has {length} bytes")

    def message(self) -> can.Message:
        """The frame for python-can, without a stamp."""
        return can.Message(
            arbitration_id=self.frame_id,
            is_extended_id=self.extended,
            is_remote_frame=self.remote,
            is_fd=self.fd,
            bitrate_switch=self.brs,
            error_state_indicator=self.esi,
            data=None if self.remote else self.data,
            dlc=self.remote_length if self.remote else len(self.data),
        )

    @property
    def code(self) -> int:
        """The data length code."""
        return self.remote_length if self.remote else _CODE_OF_LENGTH[len(self.data)]

    def header(self) -> str:
        """SOF to DLC, without stuff bits: 19 or 39 bits classic, 22 or 41 FD (11 or 29-bit identifier)."""
        if self.extended:
            # SRR and IDE recessive between the two parts of the identifier
            head = f"0{self.frame_id >> 18:011b}11{self.frame_id & 0x3FFFF:018b}"
            if self.fd:
                return f"{head}010{self.brs:d}{self.esi:d}{self.code:04b}"  # RRS, FDF, res, BRS, ESI
            return f"{head}{self.remote:d}00{self.code:04b}"  # RTR, FDF, r0
        head = f"0{self.frame_id:011b}"
        if self.fd:
            return f"{head}0010{self.brs:d}{self.esi:d}{self.code:04b}"  # RRS, IDE, FDF, res, BRS, ESI
        return f"{head}{self.remote:d}00{self.code:04b}"  # RTR, IDE, FDF

    def body(self) -> str:
        """SOF to the last data bit, without stuff bits."""
        if not self.data:
            return self.header()
        return f"{self.header()}{int.from_bytes(self.data, 'big'):0{8 * len(self.data)}b}"

    @property
    def priority(self) -> int:
        """The arbitration field as a number: the lower one wins when two nodes begin together (32 bits)."""
        if self.extended:
            return self.frame_id >> 18 << 21 | 0b11 << 19 | (self.frame_id & 0x3FFFF) << 1 | self.remote
        return self.frame_id << 21 | self.remote << 20

    @property
    def brs_place(self) -> int:
        """The position of the BRS bit in the header; only FD frames have one."""
        return 35 if self.extended else 16
