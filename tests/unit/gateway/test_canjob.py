"""Filters that take each frame once, and what a job makes of a payload."""

import random

import pytest

from v2g_bench.gateway.canjob import EFF, UNCHANGED, everything_but, exactly

IDS = {(0x080, False), (0x081, False), (0x7FF, False), (0x0, False), (0x18F00503, True), (0x080, True)}


def takes(taken, number, extended):
    """As the kernel compares."""
    can_id = number | (EFF if extended else 0)
    return can_id & taken.mask == taken.can_id & taken.mask


@pytest.mark.parametrize("holes", [set(), {(0x100, False)}, IDS])
def test_everything_but_takes_each_other_frame_once(holes):
    filters = everything_but(holes)
    chance = random.Random(1)
    numbers = [(number, False) for number in range(0x800)]
    numbers += [(chance.randrange(1 << 29), True) for _ in range(500)]
    numbers += [(hole ^ bit, True) for hole, extended in IDS if extended for bit in (0, 1, 1 << 28)]
    for number, extended in numbers:
        wanted = 0 if (number, extended) in holes else 1
        assert sum(takes(one, number, extended) for one in filters) == wanted, (hex(number), extended)


def test_one_identifier_is_taken_alone():
    assert takes(exactly(0x80, False), 0x80, False)
    assert not takes(exactly(0x80, False), 0x80, True)
    assert not takes(exactly(0x80, True), 0x80, False)
    assert not takes(exactly(0x80, True), 0x81, True)


def test_the_younger_write_wins_and_an_inversion_is_of_what_stands_there():
    mask = b"\x0f\xf0"
    once = UNCHANGED.written(mask, b"\x05\xa0")
    assert once(b"\xff\xff") == b"\xf5\xaf"
    assert once(b"\x00\x00") == b"\x05\xa0"
    assert once.written(b"\x03", b"\x02")(b"\x00\x00") == b"\x06\xa0"
    assert once.inverted(b"\xff")(b"\x00\x00") == b"\xfa\xa0"
    assert UNCHANGED.inverted(b"\xff").written(b"\x0f", b"\x01")(b"\x3c\x01") == b"\xc1\x01"
    assert UNCHANGED(b"\x12\x34") == b"\x12\x34"
