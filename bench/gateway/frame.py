"""A frame on its way through the gateway, as light as it can be: 2,000 of them a second leave no time for more."""

from typing import NamedTuple

import can

from v2g_bench.can import wire


class Frame(NamedTuple):
    """flags: those of `v2g_bench.can.wire`. dlc: length in bytes, also of a remote frame, which has no data."""

    frame_id: int
    flags: int
    dlc: int
    data: bytes

    @property
    def key(self) -> tuple[int, bool]:
        """Identifier and whether it is an extended one."""
        return self.frame_id, bool(self.flags & wire.EXTENDED)

    def message(self) -> can.Message:
        """The same as python-can's message."""
        flags = self.flags
        return can.Message(
            arbitration_id=self.frame_id,
            is_extended_id=bool(flags & wire.EXTENDED),
            is_remote_frame=bool(flags & wire.REMOTE),
            is_fd=bool(flags & wire.FD),
            bitrate_switch=bool(flags & wire.BRS),
            error_state_indicator=bool(flags & wire.ESI),
            dlc=self.dlc,
            data=self.data,
        )


def frame_of(message: can.Message) -> Frame:
    """The light form of a data or remote frame."""
    flags = (
        (wire.EXTENDED if message.is_extended_id else 0)
        | (wire.REMOTE if message.is_remote_frame else 0)
        | (wire.FD if message.is_fd else 0)
        | (wire.BRS if message.bitrate_switch else 0)
        | (wire.ESI if message.error_state_indicator else 0)
    )
    return Frame(message.arbitration_id, flags, message.dlc, bytes(message.data))
