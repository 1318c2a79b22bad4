"""A SocketCAN interface as the kernel reports it by rtnetlink: bit rates, error state, error counters, terminator.

`ip -details link show can0` shows the same. A vcan has none of it.

>>> link_of("can0")                                                                           # doctest: +SKIP
CanLink(kind='can', up=True, bitrate=500000, data_bitrate=2000000, state='error active', tx_errors=0, rx_errors=0, …)
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# linux/rtnetlink.h, linux/if_link.h, linux/can/netlink.h
_HEADER, _ATTRIBUTE = struct.Struct("=IHHIIBxHiII"), struct.Struct("=HH")
_RTM_GETLINK, _NLMSG_ERROR, _NLM_F_REQUEST, _IFF_UP = 18, 2, 1, 1
_IFLA_IFNAME, _IFLA_LINKINFO, _INFO_KIND, _INFO_DATA = 3, 18, 1, 2
_BITTIMING, _STATE, _CTRLMODE, _BERR_COUNTER, _DATA_BITTIMING, _TERMINATION = 1, 4, 5, 8, 9, 11
_CTRLMODE_FD, _CTRLMODE_LISTEN_ONLY = 0x20, 0x02
_STATES = ("error active", "error warning", "error passive", "bus-off", "stopped", "sleeping")
_UNKNOWN = 0xFFFF_FFFF  # CAN_BITRATE_UNKNOWN, of adapters that were configured on their own
_NESTED = 0x3FFF  # without the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER


@dataclass(frozen=True)
class CanLink:
    """One interface. None: not reported by the kernel. termination_ohm: 0 is a terminator that is switched off."""

    kind: str
    up: bool
    bitrate: int | None = None
    data_bitrate: int | None = None
    fd: bool = False
    listen_only: bool = False
    state: str | None = None
    tx_errors: int | None = None
    rx_errors: int | None = None
    termination_ohm: int | None = None


def link_of(channel: str) -> CanLink | None:
    """Ask the kernel; None if there is no such interface, or it cannot be asked."""
    name = channel.encode() + b"\0"
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(name), _IFLA_IFNAME) + name + b"\0" * (-len(name) % 4)
    length = _HEADER.size + len(attribute)
    request = _HEADER.pack(length, _RTM_GETLINK, _NLM_F_REQUEST, 1, 0, 0, 0, 0, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.settimeout(2.0)
            netlink.send(request + attribute)
            return parse_link(netlink.recv(65536))
    except (OSError, AttributeError, struct.error):
        return None


def parse_link(reply: bytes) -> CanLink | None:
    """The kernel's RTM_NEWLINK message; None for its answer that there is no such interface."""
    _, kind_of_message, _, _, _, _, _, _, flags, _ = _HEADER.unpack_from(reply)
    if kind_of_message == _NLMSG_ERROR:
        return None
    info = dict(_attributes(dict(_attributes(reply[_HEADER.size :])).get(_IFLA_LINKINFO, b"")))
    kind = info.get(_INFO_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
    data = dict(_attributes(info.get(_INFO_DATA, b"")))
    mode = struct.unpack_from("=II", data[_CTRLMODE])[1] if _CTRLMODE in data else 0
    tx, rx = struct.unpack_from("=HH", data[_BERR_COUNTER]) if _BERR_COUNTER in data else (None, None)
    state = _number(data, _STATE)
    termination = struct.unpack_from("=H", data[_TERMINATION])[0] if _TERMINATION in data else None
    return CanLink(
        kind=kind,
        up=bool(flags & _IFF_UP),
        bitrate=_number(data, _BITTIMING) or None,
        data_bitrate=_number(data, _DATA_BITTIMING) or None,
        fd=bool(mode & _CTRLMODE_FD),
        listen_only=bool(mode & _CTRLMODE_LISTEN_ONLY),
        state=_STATES[state] if state is not None and state < len(_STATES) else None,
        tx_errors=tx,
        rx_errors=rx,
        termination_ohm=termination,
    )


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + _ATTRIBUTE.size <= len(content):
        length, kind = _ATTRIBUTE.unpack_from(content, place)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NESTED, content[place + _ATTRIBUTE.size : place + length]
        place += (length + 3) & ~3


def _number(data: dict[int, bytes], kind: int) -> int | None:
    """The first 32 bits of an attribute (of a struct can_bittiming: the bit rate)."""
    number = int(struct.unpack_from("=I", data[kind])[0]) if kind in data else None
    return None if number == _UNKNOWN else number


def rate_problem(link: CanLink, *, fd: bool, bitrate: int, data_bitrate: int) -> str:
    """Which bit rate is not the rig's; "" if all are, or the interface has none (vcan)."""
    wrong = []
    if link.bitrate is not None and link.bitrate != bitrate:
        wrong.append(f"bitrate {link.bitrate} and not {bitrate}")
    if fd and link.data_bitrate is not None and link.data_bitrate != data_bitrate:
        wrong.append(f"dbitrate {link.data_bitrate} and not {data_bitrate}")
    return " and ".join(wrong)


def suspicions(channel: str, link: CanLink | None, error_frames: int, frames: int) -> list[str]:
    """What is no reason to stop, but points at the wiring; each with what to check.

    error_frames and frames: what was received meanwhile.
    """
    found: list[str] = []
    if link is None:
        return found
    counters = (link.tx_errors or 0, link.rx_errors or 0)
    if link.termination_ohm == 0:
        found.append(
            f"{channel}: its terminator is switched off; if the interface is at an end of the cable: "
            f"sudo ip link set {channel} type can termination 120"
        )
    if link.state in ("error warning", "error passive") or max(counters) > 0 or error_frames:
        seen = f"{link.state or 'unknown state'}, {counters[0]} transmit and {counters[1]} receive errors"
        seen += f", {error_frames} error frames and {frames} frames"
        if frames:
            found.append(
                f"{channel}: {seen}: frames arrive, and some are damaged; is a terminator missing? With the power off "
                "there must be 60 ohm between CAN-H and CAN-L (120 ohm at each end)"
            )
        else:
            found.append(f"{channel}: {seen}: is another node on, and at the same bit rate?")
    if link.listen_only:
        found.append(
            f"{channel}: listens only and acknowledges nothing: sudo ip link set {channel} type can listen-only off"
        )
    return found
