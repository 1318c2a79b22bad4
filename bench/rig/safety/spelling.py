"""One name for what rig files may spell in several ways, so that two runs that mean one instrument see that they do.

What cannot be known from the names is not found: an instrument that is reached by two protocols, a host with two names
in no common directory.

>>> visa("TCPIP0::192.0.2.7::inst0::INSTR"), visa("tcpip::192.0.2.7")
('TCPIP::192.0.2.7::INSTR', 'TCPIP::192.0.2.7::INSTR')
>>> visa("USB0::0x0957::0x0618::MY1::0::INSTR")
'USB::2391::1560::MY1::INSTR'
>>> host("127.1")
'127.0.0.1'
"""

import contextlib
import os
import re
import socket
from pathlib import Path

# TCPIP: a board number is this machine's, and says nothing of the instrument.
_BOARD = re.compile(r"^(TCPIP(?=\d)|(?:GPIB|USB|VXI|PXI)(?=0$))\d+$")
_CLASSES = ("INSTR", "SOCKET", "RAW", "INTFC", "SERVANT", "BACKPLANE", "MEMACC")
_USB_NUMBERS = slice(1, 3)  # maker and model
# kind: the field that may be left out, and how many stand before it
_DEFAULTS = {"TCPIP": ("INST0", 2), "USB": ("0", 4), "GPIB": ("0", 2)}


def visa(resource: str) -> str:
    """The shortest form of a VISA resource (VPP-4.3, 4.3.1.1): no default board, device or interface, numbers decimal."""
    if resource.upper().startswith("ASRL/"):
        device, _, _ = resource[4:].partition("::")
        return f"ASRL{path(device)}::INSTR"
    fields = resource.strip().upper().split("::")
    fields[0] = _BOARD.sub(r"\1", fields[0])
    if fields[-1] not in _CLASSES:
        fields.append("INSTR")
    kind = fields[0].rstrip("0123456789")
    default, before = _DEFAULTS.get(kind, ("", 0))
    if fields[before:] == [default, "INSTR"]:
        del fields[before]
    if kind == "USB":
        fields[_USB_NUMBERS] = [_decimal(number) for number in fields[_USB_NUMBERS]]
    if kind == "TCPIP":
        fields[1] = host(fields[1])
    return "::".join(fields)


def host(name: str) -> str:
    """The address of a host, the lowest where it has several; the name in small letters where none is known now."""
    with contextlib.suppress(OSError, UnicodeError):
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        return min(found, key=lambda address: (":" in address, address))
    return name.lower()


def path(name: str) -> str:
    """Where the links of a path lead, if it is there."""
    return os.path.realpath(name) if Path(name).exists() else name


def _decimal(number: str) -> str:
    try:
        return str(int(number, 0))
    except ValueError:
        return number
