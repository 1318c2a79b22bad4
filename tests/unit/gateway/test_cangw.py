"""The kernel's gateway in its own words: its messages, refusals and rights. What the kernel makes of them is seen in
tests/integration/inside_kernel/test_kernels_gateway.py.
"""

import errno
import struct

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.gateway import cangw
from v2g_bench.gateway.canjob import Filter, Job, exactly, uid

JOB = Job(uid(7), "lo", "lo", exactly(0x100, False), fd=True)


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
