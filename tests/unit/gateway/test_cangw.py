"""The kernel's gateway in its own words: filters, changes of payloads, messages. What the kernel makes of them is seen in
tests/integration/inside_kernel/test_kernels_gateway.py.
"""

import errno
import random
import struct

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.gateway import cangw
from v2g_bench.gateway.cangw import EFF, UNCHANGED, Filter, Job, everything_but, exactly, uid

IDS = {(0x080, False), (0x081, False), (0x7FF, False), (0x0, False), (0x18F00503, True), (0x080, True)}
JOB = Job(uid(7), "lo", "lo", exactly(0x100, False), fd=True)


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


def test_a_job_survives_the_way_to_the_kernels_words_and_back():
    """As the kernel's dump has it: the same attributes."""
    body = cangw._body(JOB) + struct.pack("=HHI", 8, 7, 41) + struct.pack("=HHI", 8, 8, 2)
    found = cangw._parsed(body)
    assert (found.uid, found.filter, found.handled, found.dropped) == (JOB.uid, JOB.filter, 41, 2)
    assert found.ours
    assert (found.source, found.target) == (1, 1)  # lo
    assert not cangw._parsed(cangw._body(Job(0xDECAF, "lo", "lo", Filter(0, 0), fd=False))).ours


def test_a_job_between_interfaces_that_are_not_there_is_never_asked_for():
    """To the kernel a removal without interfaces is the removal of everybody's jobs."""
    with pytest.raises(OSError, match=rf"\[Errno {errno.ENODEV}\]"):
        cangw._body(Job(uid(1), "no-such-0", "no-such-1", Filter(0, 0), fd=False))
    with pytest.raises(BenchError, match="did not remove a job from no-such-0 to lo: No such device"):
        cangw.remove([Job(uid(1), "no-such-0", "lo", Filter(0, 0), fd=False)])


class Kernel:
    """Answers netlink: refuses the requests of these numbers."""

    def __init__(self, refused):
        self.refused, self.asked, self._answers = refused, [], []

    def send(self, packet):
        for _, content in cangw._messages(packet):
            self.asked.append(content)
        for number in range(1, len(self.asked) + 1):
            code = -self.refused.get(number, 0)
            if code or number == len(self.asked):
                content = struct.pack("=iIHHII", code, 16, 24, 0, number, 0)
                self._answers.append(struct.pack("=IHHII", 16 + len(content), 2, 0, number, 0) + content)

    def recv(self, _):
        return self._answers.pop(0)


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_one_refusal_among_many_is_told(refused):
    kernel = Kernel({refused: errno.EINVAL})
    with pytest.raises(OSError, match="Invalid argument"):
        cangw._ask(kernel, 24, b"abcd", b"efgh", b"ijkl")
    assert kernel.asked == [b"abcd", b"efgh", b"ijkl"]
    assert kernel._answers == []
    cangw._ask(Kernel({}), 24, b"abcd", b"efgh")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EPERM, "no"), cangw.NO_RIGHT),
        (OSError(errno.EOPNOTSUPP, "no"), cangw.NO_MODULE),
        (OSError(errno.EINVAL, "no"), None),
    ],
)
def test_why_it_cannot_be_used(monkeypatch, error, words):
    def ask(*_):
        raise error

    monkeypatch.setattr(cangw, "found", list)
    monkeypatch.setattr(cangw, "_ask", ask)
    problem = cangw.problem()
    assert (problem and problem[0]) == words
    if words:
        with pytest.raises(BenchError, match=r"can-gw|CAP_NET_ADMIN"):
            cangw.add([JOB])
