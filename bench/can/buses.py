"""One way to open a bus of any kind.

    v2g_userland   channel = path of a hub's socket (see `userland`)
    socketcan      channel = network interface, e.g. can0 or vcan0 (see `kernelbus`, and `socketcan_problem`)
    virtual        python-can's bus inside one process, for tests

Any other interface of python-can is opened with the same arguments.
"""

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import can

from v2g_bench.can.link import CanLink, link_of, rate_problem
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError

CLASSIC_MTU, FD_MTU = 16, 72
_ARPHRD_CAN = 280  # linux/if_arp.h
_IFF_UP = 0x1


def open_bus(
    interface: str,
    channel: str,
    *,
    fd: bool = True,
    bitrate: int = 500_000,
    data_bitrate: int = 2_000_000,
    own_echo: bool = True,
    name: str = "",
) -> can.BusABC:
    """Open one node on a bus; BenchError names what is missing and how to fix it.

    own_echo: the own frames come back with their stamp, `is_rx` False. bitrate and data_bitrate (bit/s) are set by the
    interfaces that can; for SocketCAN they are the administrator's, and are part of the hint. name: see `UserlandBus`.
    """
    where = f"{interface}:{channel}"
    if interface == "v2g_userland":
        return UserlandBus(channel, receive_own_messages=own_echo, fd=fd, name=name)
    if interface == "socketcan":
        problem = socketcan_problem(channel, fd=fd, bitrate=bitrate, data_bitrate=data_bitrate)
        if problem is not None:
            what, _, hint = problem.partition("\n")
            raise BenchError(where, what, hint.strip())
    try:
        if interface == "socketcan":
            # Imported here: the module needs a Python that was built with AF_CAN.
            from v2g_bench.can.kernelbus import KernelBus

            return KernelBus(channel, fd=fd, own_echo=own_echo)
        options: dict[str, Any] = {"receive_own_messages": own_echo}
        if interface == "virtual":
            options["protocol"] = can.CanProtocol.CAN_FD if fd else can.CanProtocol.CAN_20
        else:
            options |= {"fd": fd, "bitrate": bitrate} | ({"data_bitrate": data_bitrate} if fd else {})
        return can.Bus(channel=channel, interface=interface, **options)
    except (can.CanError, OSError, ImportError, ValueError) as error:
        raise BenchError(
            where, f"the bus cannot be opened: {error}", "is its driver installed and its name right?"
        ) from error


def kernel_has_can() -> bool:
    """True if this kernel (and this Python) supports raw CAN sockets."""
    if not hasattr(socket, "AF_CAN"):
        return False
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except OSError as error:
        # Without the right to open one, the kernel still has it.
        return error.errno in (errno.EPERM, errno.EACCES)
    return True


def socketcan_problem(
    channel: str,
    *,
    fd: bool = True,
    bitrate: int = 500_000,
    data_bitrate: int = 2_000_000,
    sys_net: str | Path = "/sys/class/net",
    has_can: bool | None = None,
    link: Callable[[str], CanLink | None] = link_of,
) -> str | None:
    """What keeps a SocketCAN interface from being used, and on a second line how to fix it; None if nothing does.

    sys_net, has_can and link replace the kernel's own answers in tests.
    """
    if not (kernel_has_can() if has_can is None else has_can):
        return (
            "this kernel has no CAN sockets (AF_CAN)\n"
            "sudo modprobe can-raw; where no module can be loaded, use the userland bus: interface v2g_userland"
        )
    is_virtual = channel.startswith(("vcan", "vxcan"))
    up = _up_command(channel, is_virtual, fd, bitrate, data_bitrate)
    folder = Path(sys_net) / channel
    others = ", ".join(_can_interfaces(Path(sys_net))) or "none"
    if not channel or "/" in channel or not folder.is_dir():
        if is_virtual:
            up = f"sudo modprobe vcan && sudo ip link add dev {channel} type vcan && {up}"
            return f"there is no interface {channel} (CAN interfaces here: {others})\n{up}"
        return f"there is no interface {channel} (CAN interfaces here: {others})\nis the adapter plugged in? then: {up}"
    if _number(folder / "type") != _ARPHRD_CAN:
        return f"{channel} is not a CAN interface\nCAN interfaces here: {others}"
    is_down = not _number(folder / "flags") & _IFF_UP
    if fd and _number(folder / "mtu") < FD_MTU:
        down = "" if is_down else f"sudo ip link set {channel} down && "
        return f"{channel} does not carry CAN FD (mtu {_number(folder / 'mtu')})\n{down}{up}"
    if is_down:
        return f"{channel} is down\n{up}"
    found = link(channel)
    if found is None:
        return None
    wrong = rate_problem(found, fd=fd, bitrate=bitrate, data_bitrate=data_bitrate)
    if wrong:
        return f"{channel} runs at {wrong}, which the rig file says\nsudo ip link set {channel} down && {up}"
    if found.state == "bus-off":
        return f"{channel} is bus-off\nmend the wiring, then: sudo ip link set {channel} down && {up}"
    return None


def _up_command(channel: str, is_virtual: bool, fd: bool, bitrate: int, data_bitrate: int) -> str:
    if is_virtual:
        return f"sudo ip link set {channel} mtu {FD_MTU if fd else CLASSIC_MTU} up"
    rates = f"bitrate {bitrate}" + (f" dbitrate {data_bitrate} fd on" if fd else "")
    return f"sudo ip link set {channel} up type can {rates}"


def _can_interfaces(sys_net: Path) -> list[str]:
    if not sys_net.is_dir():
        return []
    return sorted(folder.name for folder in sys_net.iterdir() if _number(folder / "type") == _ARPHRD_CAN)


def _number(path: Path) -> int:
    """A number in a sysfs file, 0 if it cannot be read."""
    try:
        return int(path.read_text().strip(), 0)
    except (OSError, ValueError):
        return 0
