"""What an inverter's network side does when it is not well, as data. No sockets.

A fault describes what happens to a reply, which requests it affects, and how often. `FaultSwitch` picks the fault for each
request; `disturbed` makes the bytes that then go out.

>>> switch = FaultSwitch()
>>> number = switch.add(ServerFault("exception", function=16, code=6, times=1))
>>> switch.pick(function=3) is None, switch.pick(function=16).code, switch.pick(function=16) is None
(True, 6, True)
"""

import struct
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self, get_args

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import Count, PauseS, Ranged, Within, shown
from v2g_bench.inverter.frames import Adu, exception_pdu

Kind = Literal[
    "silence",  # the request is lost: no effect, no reply
    "lost-reply",  # the request takes effect, the reply is lost
    "exception",  # refused with `code`
    "delay",  # taken up only after `delay_s`; later requests of the connection wait too
    "garbage",  # bytes that are no Modbus frame
    "wrong-transaction",  # the reply carries another transaction id
    "wrong-unit",  # the reply comes from another unit
    "wrong-function",  # the reply is to another function
    "short-registers",  # a well-formed reply with half of the registers
    "truncate",  # the frame ends early
    "drop",  # the connection is closed instead of a reply
]
WITHOUT_EFFECT = ("silence", "exception", "drop")  # the request never reaches the registers
GARBAGE = bytes.fromhex("deadbeef00ff5555aaaa1234")


@dataclass(frozen=True, slots=True)
class ServerFault(Ranged):
    """One fault of the server. Units: seconds.

    function: meets requests of this function code alone; None meets all. after: lets this many such requests pass
    first. times: meets this many, then is over; None until cleared. code: for "exception"; delay_s: for "delay".
    """

    kind: Kind
    WHERE = "server fault"

    function: Annotated[int, Within(1, 127)] | None = None
    after: Count = 0
    times: Annotated[int, Within(1, 2**31)] | None = None
    code: Annotated[int, Within(1, 255)] = 4
    delay_s: PauseS = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise BenchError("server fault", f"no kind {shown(self.kind)}", f"one of {', '.join(get_args(Kind))}")
        Ranged.__post_init__(self)

    def to_dict(self) -> dict[str, Any]:
        """For a file or a socket."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What `to_dict` made; BenchError for unknown keys or kinds."""
        try:
            return cls(**data)
        except TypeError as error:
            raise BenchError("server fault", str(error), "compare with ServerFault") from error


class FaultSwitch:
    """The faults that are on. The oldest that meets a request is the one that counts."""

    def __init__(self) -> None:
        self._faults: dict[int, tuple[ServerFault, int]] = {}  # number -> fault, requests that it has seen
        self._numbers = 0

    def add(self, fault: ServerFault) -> int:
        """Switch a fault on; its number, for `clear`."""
        self._numbers += 1
        self._faults[self._numbers] = (fault, 0)
        return self._numbers

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all. One that is already over is no error."""
        if number is None:
            self._faults.clear()
        else:
            self._faults.pop(number, None)

    def pick(self, function: int) -> ServerFault | None:
        """The fault that meets the next request; counts it."""
        for number, (fault, seen) in list(self._faults.items()):
            if fault.function not in (None, function):
                continue
            self._faults[number] = (fault, seen + 1)
            if seen < fault.after:
                continue
            if fault.times is not None and seen + 1 >= fault.after + fault.times:
                del self._faults[number]
            return fault
        return None


def disturbed(kind: Kind, code: int, request: Adu, reply: Adu | None) -> bytes:
    """The bytes that a fault of this kind sends; `reply` is None for kinds without effect."""
    if kind == "exception":
        return Adu(request.transaction_id, request.unit_id, exception_pdu(request.pdu[0], code)).to_bytes()
    if reply is None or kind == "lost-reply":
        return b""
    match kind:
        case "garbage":
            return GARBAGE
        case "wrong-transaction":
            other = reply.transaction_id ^ 0x5A5A or 0xA5A5  # 0 is what some clients take for any
            return Adu(other, reply.unit_id, reply.pdu).to_bytes()
        case "wrong-unit":
            return Adu(reply.transaction_id, reply.unit_id ^ 0x55, reply.pdu).to_bytes()
        case "wrong-function":
            function = 4 if reply.pdu[0] == 3 else 6 if reply.pdu[0] == 16 else 3
            return Adu(reply.transaction_id, reply.unit_id, bytes([function]) + reply.pdu[1:]).to_bytes()
        case "short-registers":
            return Adu(reply.transaction_id, reply.unit_id, _shortened(reply.pdu)).to_bytes()
        case "truncate":
            whole = reply.to_bytes()
            return whole[: len(whole) // 2 + 1]
        case _:
            return reply.to_bytes()


def _shortened(pdu: bytes) -> bytes:
    """Half of the registers of a read; half of the register count that a multiple write confirms."""
    if pdu[0] in (3, 4, 23):
        kept = pdu[1] // 4 * 2
        return bytes([pdu[0], kept]) + pdu[2 : 2 + kept]
    if pdu[0] == 16:
        address, count = struct.unpack(">HH", pdu[1:5])
        return struct.pack(">BHH", 16, address, count // 2)
    return pdu
