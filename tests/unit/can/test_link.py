"""What the kernel says about an interface: its netlink answers, byte by byte, and what follows from them."""

import struct

import pytest

from v2g_bench.can.link import CanLink, parse_link, rate_problem, suspicions

RIG = {"fd": True, "bitrate": 500_000, "data_bitrate": 2_000_000}


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def answer(kind=b"can", data=b"", up=True):
    info = attribute(1, kind + b"\0") + (attribute(2, data) if data else b"")
    body = attribute(3, b"can0\0") + attribute(18 | 0x8000, info)
    header = struct.pack("=IHHII BxHiII", 32 + len(body), 16, 0, 1, 0, 0, 280, 3, 1 if up else 0, 0)
    return header + body


def timing(bitrate):
    return struct.pack("=8I", bitrate, 800, 25, 31, 32, 16, 16, 1)


FULL = (
    attribute(1, timing(500_000))
    + attribute(4, struct.pack("=I", 2))
    + attribute(5, struct.pack("=II", 0xFFFF, 0x20))
    + attribute(8, struct.pack("=HH", 12, 130))
    + attribute(9, timing(2_000_000))
    + attribute(11, struct.pack("=H", 0))
)


def test_everything_a_controller_tells():
    assert parse_link(answer(data=FULL)) == CanLink(
        "can", True, 500_000, 2_000_000, True, False, "error passive", 12, 130, 0
    )


def test_a_vcan_tells_nothing():
    assert parse_link(answer(kind=b"vcan", up=False)) == CanLink("vcan", False)


def test_no_such_interface():
    assert parse_link(struct.pack("=IHHIIi16x", 36, 2, 0, 1, 0, -19)) is None


@pytest.mark.parametrize(
    ("link", "reported"),
    [
        (CanLink("can", True, 500_000, 2_000_000), ""),
        (CanLink("vcan", True), ""),
        (CanLink("can", True, 250_000, 2_000_000), "bitrate 250000 and not 500000"),
        (
            CanLink("can", True, 250_000, 1_000_000),
            "bitrate 250000 and not 500000 and dbitrate 1000000 and not 2000000",
        ),
    ],
)
def test_the_rates_of_the_rig(link, reported):
    assert rate_problem(link, **RIG) == reported


def test_the_data_rate_is_nothing_to_a_classic_rig():
    assert rate_problem(CanLink("can", True, 500_000, 1_000_000), **RIG | {"fd": False}) == ""


@pytest.mark.parametrize(
    ("link", "received", "words"),
    [
        (None, (0, 5), []),
        (CanLink("vcan", True), (0, 5), []),
        (CanLink("can", True, state="error active", tx_errors=0, rx_errors=0, termination_ohm=120), (0, 5), []),
        (CanLink("can", True, state="error active", termination_ohm=0), (0, 5), ["can termination 120"]),
        (CanLink("can", True, state="error active", tx_errors=0, rx_errors=9), (0, 5), ["is a terminator missing"]),
        (CanLink("can", True, state="error active"), (7, 5), ["7 error frames and 5 frames"]),
        (CanLink("can", True, state="error passive", tx_errors=128), (3, 0), ["is another node on"]),
        (CanLink("can", True, listen_only=True), (0, 5), ["listen-only off"]),
    ],
)
def test_what_points_at_the_wiring(link, received, words):
    found = suspicions("can0", link, *received)
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))
