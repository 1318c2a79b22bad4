"""The kernel's own CAN gateway (module can-gw), spoken to by netlink as `cangw` of can-utils does.

A job takes frames that fit a filter from one interface to another, inside the kernel, and changes bits on the way. It lives
until somebody removes it, whatever becomes of the process that made it, so every job of the bench has a mark in its
number and can be found again.

    AND, OR, XOR on the payload, in this order. No delay, no repetition, no counter, and of checksums an XOR and a CRC-8 of
    its own alone: nothing that end-to-end protection with a CRC-16 (profile 5) would accept.

>>> job = Job(uid(1), "vcan1", "vcan0", exactly(0x100, False), fd=True)                        # doctest: +SKIP
>>> add([job])                                                                                # doctest: +SKIP
>>> add([replace(job, change=UNCHANGED.written(mask=b"\\xff", value=b"\\x2a"))])              # doctest: +SKIP
>>> remove([job])                                                                             # doctest: +SKIP
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from v2g_bench.errors import BenchError
from v2g_bench.gateway.canjob import MARK, UNCHANGED, Change, Filter, Job, uid

# linux/netlink.h, linux/rtnetlink.h, linux/can/gw.h
_NLMSG, _RTCAN, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTM_NEWROUTE, _RTM_DELROUTE, _RTM_GETROUTE = 24, 25, 26
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_PF_CAN, _CAN_CAN = 29, 1
_FLAG_ECHO, _FLAG_FD = 0x01, 0x08
_AND, _OR, _XOR = 1, 2, 3
_HANDLED, _DROPPED, _SRC, _DST, _FILTER, _UID = 7, 8, 9, 10, 11, 14
_FD_KINDS = {_AND: 15, _OR: 16, _XOR: 17}
_MOD_DATA = 0x04
_CLASSIC_MOD, _FD_MOD = struct.Struct("=I4x8sB"), struct.Struct("=I4x64sB")
_ANSWER_S = 2.0
_AT_ONCE = 100

NO_MODULE = "this kernel has no CAN gateway (module can-gw)"
LOAD_IT = "sudo modprobe can-gw"
NO_RIGHT = "the kernel's CAN gateway may be set by CAP_NET_ADMIN alone"
GET_RIGHT = (
    "run as root, or: sudo setpriv --reuid=$USER --init-groups --inh-caps=+net_admin --ambient-caps=+net_admin …"
)


@dataclass(frozen=True)
class Found:
    """A job that the kernel has, by interface numbers, with the frames that it has handed on and dropped."""

    uid: int
    source: int
    target: int
    filter: Filter
    flags: int
    handled: int
    dropped: int

    @property
    def ours(self) -> bool:
        """Made by a bench."""
        return self.uid & 0xFFFF_0000 == MARK


def problem() -> tuple[str, str] | None:
    """Why this process cannot use the kernel's gateway, and what to do about it; None if it can."""
    try:
        found()
        with _netlink() as netlink:  # a job that cannot exist: a missing privilege is reported first
            _ask(netlink, _RTM_DELROUTE, _body(Job(uid(0xFFFF), "lo", "lo", Filter(0, 0), fd=False)))
    except PermissionError:
        return NO_RIGHT, GET_RIGHT
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENODEV, errno.ENOENT):
            return None
        return NO_MODULE, LOAD_IT
    return None


def add(jobs: Sequence[Job]) -> None:
    """Let jobs begin, one after the other. Of a job with a known number only the change is taken over, at once and whole.

    BenchError where the kernel refuses one.
    """
    _each(_RTM_NEWROUTE, jobs)


def remove(jobs: Sequence[Job]) -> None:
    """Let jobs end; BenchError where one is not there."""
    _each(_RTM_DELROUTE, jobs)


def found() -> list[Found]:
    """All jobs that the kernel has. OSError if it has no CAN gateway."""
    with _netlink() as netlink:
        netlink.send(_message(_RTM_GETROUTE, _REQUEST | _DUMP, _RTCAN.pack(_PF_CAN, _CAN_CAN, 0)))
        jobs: list[Found] = []
        while True:
            for kind, content in _messages(netlink.recv(1 << 16)):
                if kind == _NLMSG_DONE:
                    return jobs
                if kind == _NLMSG_ERROR:
                    raise _refusal(content)
                jobs.append(_parsed(content))


def remove_ours(*channels: str) -> int:
    """Remove whatever a bench has left between these interfaces; how many jobs. OSError where the kernel cannot be asked.

    An interface that is gone has taken its jobs with it.
    """
    numbers = {number for channel in channels if (number := _number(channel))}
    removed = 0
    with _netlink() as netlink:
        for job in found():
            if not job.ours or not {job.source, job.target} <= numbers:
                continue
            body = _RTCAN.pack(_PF_CAN, _CAN_CAN, job.flags) + _address(job.uid, job.source, job.target, job.filter)
            _ask(netlink, _RTM_DELROUTE, body + _change(UNCHANGED, bool(job.flags & _FLAG_FD)))
            removed += 1
    return removed


@contextmanager
def _netlink() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(_ANSWER_S)
        yield netlink


def _each(kind: int, jobs: Sequence[Job]) -> None:
    """The same for each job, many in one system call. BenchError for the first that is refused; the others are done."""
    try:
        with _netlink() as netlink:
            for first in range(0, len(jobs), _AT_ONCE):
                _ask(netlink, kind, *(_body(job) for job in jobs[first : first + _AT_ONCE]))
    except PermissionError:
        raise BenchError("gateway.path", NO_RIGHT, GET_RIGHT) from None
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise BenchError("gateway.path", NO_MODULE, LOAD_IT) from None
        what = f"did not {'add' if kind == _RTM_NEWROUTE else 'remove'} a job from {jobs[0].source} to {jobs[0].target}"
        raise BenchError("gateway.path", f"the kernel's CAN gateway {what}: {error.strerror or error}") from None


def _ask(netlink: socket.socket, kind: int, *bodies: bytes) -> None:
    """Requests in one packet, the last acknowledged; OSError with the kernel's reason for the first that it refuses."""
    last = len(bodies)
    netlink.send(
        b"".join(
            _message(kind, _REQUEST | (_ACK if number == last else 0), body, number)
            for number, body in enumerate(bodies, 1)
        )
    )
    refused: OSError | None = None
    while True:
        packet = netlink.recv(1 << 16)
        for answer, content in _messages(packet):
            if answer == _NLMSG_ERROR:
                problem = _refusal(content)
                refused = refused or (problem if problem.errno else None)
                if struct.unpack_from("=i8xI", content)[1] == last:  # the number of the request that is answered
                    if refused is not None:
                        raise refused
                    return


def _refusal(content: bytes) -> OSError:
    number = -struct.unpack_from("=i", content)[0]
    return OSError(number, os.strerror(number)) if number else OSError()


def _message(kind: int, flags: int, body: bytes, number: int = 1) -> bytes:
    assert len(body) % 4 == 0
    return _NLMSG.pack(_NLMSG.size + len(body), kind, flags, number, 0) + body


def _messages(packet: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + _NLMSG.size <= len(packet):
        length, kind, *_ = _NLMSG.unpack_from(packet, place)
        if length < _NLMSG.size:
            return
        yield kind, packet[place + _NLMSG.size : place + length]
        place += (length + 3) & ~3


def _attribute(kind: int, content: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(content), kind) + content + b"\0" * (-len(content) % 4)


def _number(channel: str) -> int:
    """An interface's number; 0 if there is none of that name."""
    try:
        return socket.if_nametoindex(channel)
    except OSError:
        return 0


def _address(number: int, source: int, target: int, taken: Filter) -> bytes:
    """What a job is known by. Without interfaces the kernel would take it for all jobs of the machine."""
    if not source or not target:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    fields = ((_UID, number), (_SRC, source), (_DST, target))
    words = b"".join(_attribute(kind, struct.pack("=I", value)) for kind, value in fields)
    return words + _attribute(_FILTER, struct.pack("=II", *taken))


def _body(job: Job) -> bytes:
    flags = _FLAG_ECHO | (_FLAG_FD if job.fd else 0)
    body = _RTCAN.pack(_PF_CAN, _CAN_CAN, flags)
    body += _address(job.uid, _number(job.source), _number(job.target), job.filter)
    return body + _change(job.change, job.fd)


def _change(change: Change, fd: bool) -> bytes:
    """What a job does to payloads. The AND always: without any modification the kernel does not look at the number."""
    words = b""
    for kind, bits in ((_AND, change.keep), (_OR, change.put), (_XOR, change.flip)):
        if kind != _AND and not any(bits):
            continue
        packed = _FD_MOD.pack(0, bits, _MOD_DATA) if fd else _CLASSIC_MOD.pack(0, bits[:8], _MOD_DATA)
        words += _attribute(_FD_KINDS[kind] if fd else kind, packed)
    return words


def _parsed(content: bytes) -> Found:
    """The kernel's description of a job."""
    _, _, flags = _RTCAN.unpack_from(content)
    values: dict[int, bytes] = {}
    place = _RTCAN.size
    while place + _ATTRIBUTE.size <= len(content):
        length, kind = _ATTRIBUTE.unpack_from(content, place)
        if length < _ATTRIBUTE.size:
            break
        values[kind] = content[place + _ATTRIBUTE.size : place + length]
        place += (length + 3) & ~3

    def number(kind: int) -> int:
        return int(struct.unpack_from("=I", values[kind])[0]) if kind in values else 0

    taken = Filter(*struct.unpack_from("=II", values[_FILTER])) if _FILTER in values else Filter(0, 0)
    return Found(number(_UID), number(_SRC), number(_DST), taken, flags, number(_HANDLED), number(_DROPPED))
