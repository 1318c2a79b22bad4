import numpy as np
import pytest

from v2g_bench.can import columns, wire
from v2g_bench.can.columns import FrameStore


@pytest.fixture
def store(monkeypatch):
    """A store with small blocks, so that 25 frames fill two and a half of them."""
    monkeypatch.setattr(columns, "_BLOCK", 10)
    return FrameStore()


def fill(store, count, first=0):
    for n in range(first, first + count):
        store.append(100.0 + n, n, 0x80 + n % 3, wire.FD, n % 9, bytes([n % 256] * (n % 9)))


@pytest.mark.parametrize(
    ("since_s", "first"), [(float("-inf"), 0), (100.0, 0), (105.5, 6), (110.0, 10), (124.0, 24), (125.0, 25)]
)
def test_since(store, since_s, first):
    fill(store, 25)
    assert store.index_since(since_s) == first
    found = store.since(since_s)
    assert found.index.tolist() == found.sequence.tolist() == list(range(first, 25))
    assert found.stamp_s.tolist() == [100.0 + n for n in range(first, 25)]


def test_a_frame_is_what_was_appended(store):
    fill(store, 25)
    frame = store.frame(17)
    assert (frame.index, frame.stamp_s, frame.frame_id, frame.data) == (17, 117.0, 0x82, bytes([17] * 8))
    assert store.since(117.0).frame(0) == frame
    with pytest.raises(IndexError, match="kept: 0 to 24"):
        store.frame(25)


def test_a_snapshot_does_not_change(store):
    fill(store, 5)
    before = store.since(float("-inf"))
    fill(store, 20, first=5)
    assert len(before) == 5
    assert before.index.tolist() == [0, 1, 2, 3, 4]


def test_forget(store):
    fill(store, 25)
    store.forget(110.0)
    assert (store.begin, store.end, len(store)) == (10, 25, 25)
    assert store.since(float("-inf")).index[0] == 10
    assert store.index_since(112.0) == 12
    with pytest.raises(IndexError, match="kept: 10 to 24"):
        store.frame(9)
    store.forget(1e9)
    assert store.begin == 20  # the block in use stays


def test_empty(store):
    assert len(store.since(0.0)) == 0
    assert store.index_since(0.0) == 0


def test_of_takes_data_frames_alone(store):
    for n, flags in enumerate((0, wire.EXTENDED, wire.ERROR, wire.REMOTE, wire.FD | wire.ECHO)):
        store.append(float(n), n, 0x80, flags, 0, b"")
    everything = store.since(float("-inf"))
    assert everything.of(0x80).index.tolist() == [0, 4]
    assert everything.of(0x80, is_extended=True).index.tolist() == [1]
    assert len(everything.of(0x81)) == 0
    assert everything[np.array([4])].frame(0).is_own


def test_a_frame_becomes_a_message():
    store = FrameStore()
    store.append(1.5, 0, 0x18F0F1F3, wire.EXTENDED | wire.FD | wire.BRS | wire.ECHO, 3, b"abc")
    message = store.frame(0).message()
    assert (message.timestamp, message.arbitration_id, bytes(message.data)) == (1.5, 0x18F0F1F3, b"abc")
    assert message.is_extended_id
    assert message.is_fd
    assert message.bitrate_switch
    assert not message.is_rx
