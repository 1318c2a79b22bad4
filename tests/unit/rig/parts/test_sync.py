"""The sync line: an edge whose time the bench knows, or the word that it knows none."""

import pytest

from v2g_bench.fixtures.verdicts import verdict_of
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.plant.control import SyncPulse
from v2g_bench.rig.parts.sync import SEEN_A, EmulatedSync, NoClockLink, NoSync, WiredSync
from v2g_bench.rig.parts.timing import Edge


class FakeClient:
    """A plant whose sync line rises once a second."""

    def __init__(self):
        self.markers_a = []

    def sync_pulse(self, marker_a):
        self.markers_a.append(marker_a)
        return SyncPulse(100.0 + len(self.markers_a), 5e-6)


def test_the_edge_is_where_the_plant_says_it_was():
    client = FakeClient()
    sync = EmulatedSync(client)
    assert [sync.pulse(), sync.pulse()] == [Edge(101.0, 5e-6), Edge(102.0, 5e-6)]
    assert len(client.markers_a) == 2


def test_the_samples_are_marked_only_where_that_is_asked_for():
    client = FakeClient()
    sync = EmulatedSync(client)
    sync.pulse()
    sync.pulse(seen=True)
    assert client.markers_a == [0.0, SEEN_A]


@pytest.mark.parametrize("seen", [False, True])
def test_without_a_line_no_time_is_told_and_the_verdict_is_inconclusive(seen):
    with pytest.raises(NoClockLink, match=r'\[sync\] kind = "none".*no latency') as reported:
        NoSync().pulse(seen)
    assert verdict_of(reported.value) == Verdict.INCONCLUSIVE


class Wires:
    """Two wires that say when they were touched, on a clock that ticks at each look."""

    def __init__(self):
        self.clock = self
        self.now, self.touched = 50.0, []

    def now_s(self):
        self.now += 0.001
        return self.now

    def set(self, **levels):
        self.touched.append((round(self.now, 6), levels))

    def pause(self, for_s):
        self.now += for_s


def wired(wires, marks=True):
    return WiredSync(wires, wires, wires.pause, marks=marks)


def test_a_wired_edge_lies_between_the_clock_before_and_after_the_call():
    wires = Wires()
    edge = wired(wires).pulse()
    assert (edge.time_s, edge.half_width_s) == (pytest.approx(50.0015), pytest.approx(0.0005))
    assert wires.touched == [(50.001, {"trigger": True, "mark": None}), (50.007, {"trigger": False, "mark": None})]


def test_the_mark_rises_and_falls_with_the_trigger():
    wires = Wires()
    wired(wires).pulse(seen=True)
    assert [levels for _, levels in wires.touched] == [
        {"trigger": True, "mark": True},
        {"trigger": False, "mark": False},
    ]


def test_without_a_mark_no_edge_is_promised_to_be_seen():
    wires = Wires()
    assert not wired(wires, marks=False).marks
    with pytest.raises(NoClockLink, match=r"sync\.mark"):
        wired(wires, marks=False).pulse(seen=True)
    assert wires.touched == []


def test_a_pulse_that_is_interrupted_ends():
    wires = Wires()

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        WiredSync(wires, wires, stop, marks=True).pulse(seen=True)
    assert wires.touched[-1][1] == {"trigger": False, "mark": False}
