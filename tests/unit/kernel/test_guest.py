import socket
import struct

import pytest

from v2g_bench.kernel import guest


def test_the_environment_inside_names_the_kernel_and_its_clock():
    outer = {"HOME": "/home/a", "TMPDIR": "/tmp"}
    inside = guest.inner_environment(outer, "6.1.176", "real clock")
    assert inside == {"HOME": "/home/a", "TMPDIR": "/dev/shm", "V2G_KERNEL": "user-mode-linux 6.1.176, real clock"}
    assert outer == {"HOME": "/home/a", "TMPDIR": "/tmp"}


def test_the_request_for_a_can_link():
    """Field by field as rtnetlink(7) has it."""
    message = guest.link_message("vcan0", "vcan", 72)
    length, kind, flags, _, _ = struct.unpack_from("=IHHII", message)
    assert (length, kind) == (len(message), 16)
    assert flags == 0x1 | 0x4 | 0x200 | 0x400  # request, acknowledge, exclusive, create
    assert struct.unpack_from("=BxHiII", message, 16) == (0, 0, 0, 1, 1)  # up
    assert attributes(message[32:]) == {3: b"vcan0\0", 4: struct.pack("=I", 72), 18: attribute(1, b"vcan")}


def test_the_request_to_bring_a_link_up():
    message = guest.link_message("lo", None, None)
    assert struct.unpack_from("=IHHII", message)[2] == 0x1 | 0x4
    assert attributes(message[32:]) == {3: b"lo\0"}


def test_what_the_kernel_refuses_is_an_error_with_its_reason():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE):
        pass  # there is netlink here
    with pytest.raises(OSError, match="link nosuchlink0: No such device|not permitted"):
        guest.set_link("nosuchlink0")


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value


def attributes(data):
    found = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        found[kind] = data[4:length]
        data = data[length + (-length % 4) :]
    return found
