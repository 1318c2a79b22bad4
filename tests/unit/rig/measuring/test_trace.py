"""A recording: what it shows of a current that goes, stays, comes back, or never flowed."""

import numpy as np
import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import DigitizerTiming
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.measuring.trace import Trace, save
from v2g_bench.rig.parts.timing import Edge, Timestamp

FAULT = Timestamp(100.1, 150e-6, "a stamp")


class FakeDigitizer:
    """Gives this current (A), from 100.0 s on at 10 kS/s."""

    def __init__(self, samples):
        rng = np.random.default_rng(1)
        self.samples = np.asarray(samples, dtype=float) + rng.normal(0, 0.002, len(samples))
        self.calls = []

    def arm(self, **how):
        self.calls.append("arm")

    def fetch(self, trigger_s):
        self.calls.append("fetch")
        return Waveform(trigger_s, 1e-4, self.samples)

    def abort(self):
        self.calls.append("abort")

    def timing(self):
        return DigitizerTiming(1e-4, 2e-5, 1e-6, 1e-5, 1e-4, 0.004, "a data sheet")


class FakeSync:
    marks = True

    def pulse(self, seen=False):
        return Edge(100.0, 5e-6)


def current(*pieces):
    """(ampere, seconds) after each other."""
    return np.concatenate([np.full(round(seconds * 1e4), amps) for amps, seconds in pieces])


def recorded(*pieces):
    return Trace(FakeDigitizer(current(*pieces)), FakeSync())


def test_a_current_that_goes_has_a_latency_from_the_frame():
    with recorded((-8.0, 0.13), (0.0, 0.2)) as trace:
        found = trace.isolation(after=FAULT)
    assert found.value == pytest.approx(30.0, abs=0.2)
    assert found.uncertainty.expanded > 0.1
    assert (found.failed, found.unclear) == ("", "")
    assert found.before_a == pytest.approx(-8.0, abs=0.01)


@pytest.mark.parametrize("pieces", [[(-8.0, 0.35)], [(-8.0, 0.13), (0.0, 0.1), (-8.0, 0.1)], [(8.0, 0.13), (1.0, 0.2)]])
def test_a_current_that_stays_comes_back_or_does_not_go_far_enough_failed(pieces):
    with recorded(*pieces) as trace:
        found = trace.isolation(after=FAULT)
    assert found.failed
    assert found.value is None


@pytest.mark.parametrize("pieces", [[(0.0, 0.35)], [(-8.0, 0.05)]])
def test_no_current_or_no_record_is_nobodys_failure(pieces):
    with recorded(*pieces) as trace:
        found = trace.isolation(after=FAULT)
    assert (found.failed, found.value) == ("", None)
    assert found.unclear


def test_the_least_share_is_that_of_the_current_before():
    with recorded((-8.0, 0.15), (-2.0, 0.1), (-8.0, 0.1)) as trace:
        share = trace.least_share(since=FAULT)
    assert share.value == pytest.approx(25.0, abs=0.2)


def test_without_a_current_before_there_is_no_share():
    with recorded((0.0, 0.35)) as trace:
        assert trace.least_share(since=FAULT).value is None


@pytest.mark.parametrize(
    ("pieces", "worst_a"), [([(-0.05, 0.3)], 0.05), ([(5.0, 0.2), (-8.0, 0.05), (5.0, 0.1)], 8.0), ([(5.0, 0.3)], -5.0)]
)
def test_the_worst_discharge_of_a_trace(pieces, worst_a):
    with recorded(*pieces) as trace:
        reading = trace.worst_discharge()
        turned = recorded(*[(-amps, seconds) for amps, seconds in pieces])
        with turned:
            assert turned.worst_charge().value == pytest.approx(worst_a, abs=0.02)
    assert reading.value == pytest.approx(worst_a, abs=0.02)
    assert reading.record is trace.waveform


def test_it_is_fetched_once_and_aborted_where_nobody_asked():
    digitizer = FakeDigitizer(current((-8.0, 0.35)))
    with Trace(digitizer, FakeSync()) as trace:
        trace.isolation(after=FAULT)
        trace.worst_discharge()
    with Trace(digitizer, FakeSync()):
        pass
    assert digitizer.calls == ["arm", "fetch", "arm", "abort"]


def test_it_must_be_started():
    with pytest.raises(BenchError, match="was not started"):
        _ = recorded((-8.0, 0.3)).waveform


def test_a_full_disk_is_an_error_of_the_bench():
    from pathlib import Path

    with pytest.raises(BenchError, match="is the disk full"):
        save(Path("/proc/nothing/w.npz"), Waveform(0.0, 1.0, [1.0]))


def test_a_recording_has_the_frames_of_its_time_however_long_ago_that_is(monkeypatch):
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    store = FrameStore(60.0)

    def pass_time(from_s, to_s):
        for n in range(round(100 * from_s), round(100 * to_s)):
            store.append(n / 100 + 0.005, n, n, 0, 0, b"")

    pass_time(0.0, 100.0)
    with Trace(FakeDigitizer(current((-8.0, 0.4))), FakeSync(), hold=store.hold) as trace:
        pass_time(100.0, 101.0)
    assert trace.frames().frame_id.tolist() == list(range(9985, 10045))  # 0.05 s before, 0.35 s after, 0.1 s beside
    pass_time(101.0, 400.0)
    assert trace.frames().frame_id.tolist() == list(range(9985, 10045))
    assert store.end - store.begin <= 6020
    assert len(recorded((-8.0, 0.4)).frames()) == 0
