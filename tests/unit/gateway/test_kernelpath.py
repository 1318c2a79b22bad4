"""Which frames the kernel has forwarded when the bench takes over or gives back; the jobs that run meanwhile."""

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.gateway import kernelpath
from v2g_bench.gateway.cangw import Found
from v2g_bench.gateway.canjob import UNCHANGED, Filter
from v2g_bench.gateway.frame import Frame
from v2g_bench.gateway.kernelpath import Flow, KernelPath, ReceivedFrame
from v2g_bench.gateway.kernelplan import ForwardingPlan


def received(on, number, content=0, timestamp_ns=0):
    return ReceivedFrame(on, Frame(number, 0, 1, bytes([content])), timestamp_ns)


ORIGINS = {(1, False): "bms", (2, False): "controller"}


def test_a_forwarded_frame_tells_what_it_cost():
    flow = Flow(ORIGINS)
    assert flow.on_frame(received("bms", 1, timestamp_ns=100)) is None
    assert flow.on_frame(received("controller", 2, timestamp_ns=150)) is None
    assert flow.on_frame(received("controller", 1, timestamp_ns=107)) == 100
    assert flow.on_frame(received("bms", 2, timestamp_ns=158)) == 150
    assert flow.on_frame(received("bms", 9, timestamp_ns=200)) is None  # nobody knows who sends it
    assert flow.on_frame(received("controller", 9, timestamp_ns=201)) is None


def test_each_forwarded_frame_is_paired_with_itself_in_whatever_order_they_are_read():
    flow = Flow(ORIGINS)
    for timestamp_ns in (100, 200, 300):  # three of one cycle are read before the first forwarded one
        flow.on_frame(received("bms", 1, timestamp_ns=timestamp_ns))
    assert [
        flow.on_frame(received("controller", 1, timestamp_ns=timestamp_ns)) for timestamp_ns in (104, 205, 303)
    ] == [100, 200, 300]
    assert (
        flow.on_frame(received("controller", 1, timestamp_ns=404)) is None
    )  # read before the frame that it is a copy of
    flow.on_frame(received("bms", 1, timestamp_ns=400))
    flow.on_frame(received("bms", 1, timestamp_ns=500))
    assert flow.on_frame(received("controller", 1, timestamp_ns=505)) == 500
    for timestamp_ns in (600, 700, 800):  # dropped on purpose
        flow.on_frame(received("bms", 1, timestamp_ns=timestamp_ns))
    flow.on_frame(received("bms", 1, timestamp_ns=900))
    assert flow.on_frame(received("controller", 1, timestamp_ns=903)) == 900


def test_frames_that_came_after_the_kernels_last_one_are_left():
    flow = Flow(ORIGINS)
    window = [
        received("bms", 1, 0),
        received("controller", 1, 0),
        received("bms", 1, 1),
        received("controller", 9),
        received("bms", 1, 2),
    ]
    for one in window:
        flow.on_frame(one)
    assert flow.left(window, newest=True) == [window[2], window[3], window[4]]


def test_frames_that_came_before_the_kernels_first_one_are_left():
    flow = Flow(ORIGINS)
    window = [
        received("bms", 1, 0),
        received("bms", 1, 1),
        received("controller", 1, 1),
        received("bms", 3),
        received("controller", 3),
    ]
    for one in window:
        flow.on_frame(one)
    assert flow.left(window, newest=False) == [window[0]]


def test_what_was_before_does_not_count():
    flow = Flow(ORIGINS)
    flow.on_frame(received("bms", 1, 0))
    flow.begin()
    pair = [received("bms", 1, 1), received("controller", 1, 1)]
    for one in pair:
        flow.on_frame(one)
    assert flow.left(pair, newest=True) == []


class Kernel:
    """Stands for `cangw`: keeps jobs, and refuses what it is told to."""

    def __init__(self):
        self.jobs, self.refuse, self.log = {}, None, []

    def add(self, jobs):
        for job in jobs:
            if job.uid == self.refuse:
                raise BenchError("gateway.path", "refused")
            self.jobs[job.uid] = job
            self.log.append(job)

    def remove(self, jobs):
        for job in jobs:
            if job.uid not in self.jobs:
                raise BenchError("gateway.path", "not there")
            del self.jobs[job.uid]

    def found(self):
        return [Found(number, 1, 2, Filter(0, 0), 0, handled=10, dropped=1) for number in self.jobs]


@pytest.fixture
def kernel(monkeypatch):
    kernel = Kernel()
    for name in ("add", "remove", "found"):
        monkeypatch.setattr(kernelpath.cangw, name, getattr(kernel, name))
    return kernel


@pytest.fixture
def path(kernel):
    db = BusDatabase.load(dbc_path("compact_classic"), read_roles(roles_path("compact_classic")))
    plan = ForwardingPlan(db, "vcan1", "vcan0", fd=False)
    return KernelPath(plan), plan


def test_only_what_changes_is_told_to_the_kernel(path, kernel):
    path, plan = path
    path.set({}, silent=False)
    before = dict(kernel.jobs)
    key, (job,) = next(iter(plan.of_bms.items()))
    kernel.log.clear()
    path.set({key: UNCHANGED.inverted(b"\xff")}, silent=False)
    assert [(one.uid, one.change == UNCHANGED) for one in kernel.log] == [(job.uid, False)]
    path.set({}, silent=False)
    assert kernel.jobs == before


def test_counts_survive_the_end_of_a_job(path, kernel):
    path, plan = path
    path.set({}, silent=False)
    whole = path.counts()
    assert whole["to_bms"] == 10 * len(plan.to_bms)
    key, jobs = next(iter(plan.of_bms.items()))
    path.set({key: None}, silent=False)
    assert all(job.uid not in kernel.jobs for job in jobs)
    assert path.counts() == whole
    path.end()
    assert path.counts() == whole
    assert not kernel.jobs
    assert not path.forwards


def test_a_refusal_leaves_no_job_behind(path, kernel):
    path, plan = path
    kernel.refuse = plan.rest[3].uid
    with pytest.raises(BenchError, match="refused"):
        path.set({}, silent=False)
    assert not kernel.jobs
    assert not path.forwards
