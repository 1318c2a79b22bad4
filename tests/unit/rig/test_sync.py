"""The sync line: an edge whose time the bench knows, or the word that it knows none."""

import pytest

from v2g_bench.fixtures.verdicts import verdict_of
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.plant.control import SyncPulse
from v2g_bench.rig.sync import SEEN_A, EmulatedSync, NoClockLink, NoSync
from v2g_bench.rig.trace import Edge


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
    with pytest.raises(NoClockLink, match=r'\[sync\] kind = "none".*no latency') as told:
        NoSync().pulse(seen)
    assert verdict_of(told.value) == Verdict.INCONCLUSIVE
