import tracemalloc
import weakref

import numpy as np
import pytest

from v2g_bench.can import columns, wire
from v2g_bench.can.columns import FrameStore
from v2g_bench.errors import BenchError


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
    assert found.timestamp_s.tolist() == [100.0 + n for n in range(first, 25)]


def test_a_frame_is_what_was_appended(store):
    fill(store, 25)
    frame = store.frame(17)
    assert (frame.index, frame.timestamp_s, frame.frame_id, frame.data) == (17, 117.0, 0x82, bytes([17] * 8))
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


def window(keep_s):
    return FrameStore(keep_s)


def test_a_window_keeps_its_time_and_says_what_it_has_forgotten(store):
    store = window(12.0)
    fill(store, 1000)
    assert (store.begin, store.end) == (970, 1000)  # the blocks of the last 12 s, and the one in use
    assert store.since(1085.0).index[0] == 985
    assert store.since(float("-inf")).index[0] == 970
    for ask in (store.since, store.index_since, lambda since_s: store.hold(since_s, 2000.0)):
        with pytest.raises(BenchError, match=r"since 1069.000 s are asked for, those until 1069.000 s are in its file"):
            ask(1069.0)
    with pytest.raises(BenchError, match="asked for"), store.holding(0.0):
        pytest.fail("held what is not there")


def test_a_window_is_bounded_where_stamps_stand_still(store, monkeypatch):
    monkeypatch.setattr(columns, "MOST_FRAMES", 50)
    store = window(3600.0)
    for n in range(1000):
        store.append(100.0, n, 0x80, 0, 0, b"")
    assert store.end - store.begin <= 60
    with pytest.raises(BenchError, match="asked for"):
        store.since(100.0)


def test_without_a_window_nothing_is_forgotten(store):
    fill(store, 1000)
    assert len(store.since(0.0)) == 1000


@pytest.mark.parametrize(("since_s", "until_s"), [(105.0, 113.5), (100.0, 100.0), (95.0, 1e9), (300.0, 305.0)])
def test_what_is_held_stays_to_the_frame_and_nothing_else_does(store, since_s, until_s):
    store = window(12.0)
    fill(store, 20)
    held = store.hold(since_s, until_s)
    fill(store, 980, first=20)
    whole = FrameStore()
    fill(whole, 1000)
    expected = whole.since(since_s)
    expected = expected[expected.timestamp_s <= until_s]
    found = held.frames()
    for name in vars(found):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert store.begin == 970


def test_what_nobody_holds_any_more_is_given_back(store):
    store = window(12.0)
    fill(store, 20)
    held = store.hold(0.0, 1e9)
    fill(store, 80, first=20)
    gone = weakref.ref(held)
    del held
    assert gone() is None
    fill(store, 100, first=100)
    assert store.end - store.begin <= 30


def test_while_a_block_holds_them_all_are_there(store):
    store = window(12.0)
    fill(store, 40)
    with store.holding(125.0):
        fill(store, 400, first=40)
        assert store.since(125.0).index.tolist() == list(range(25, 440))
        assert store.frame(25).timestamp_s == 125.0
    fill(store, 10, first=440)
    assert 410 <= store.begin <= 430


def test_a_clock_that_was_set_is_not_taken_for_time_gone_by(store):
    """For as long as an offset is not measured anew, stamps are an hour off: two of ten here, and the block is dropped."""
    store = window(12.0)
    for n in range(100):
        hour_s = {8: 3600.0, 9: 3600.0, 15: -3600.0}.get(n, 0.0)
        store.append(100.0 + n + hour_s, n, 0x80, 0, 0, b"")
    assert 100.0 < store.forgotten_s < 200.0
    assert store.since(195.0).index.tolist() == list(range(95, 100))


def test_the_memory_of_a_window_does_not_grow_with_its_frames(monkeypatch):
    """88 bytes a frame are 1.8 MB for those of the second half."""
    monkeypatch.setattr(columns, "_BLOCK", 1000)
    store = window(1000.0)
    tracemalloc.start()
    try:
        fill(store, 20_000)
        half, _ = tracemalloc.get_traced_memory()
        fill(store, 20_000, first=20_000)
        assert tracemalloc.get_traced_memory()[0] - half < 100_000
    finally:
        tracemalloc.stop()


def test_columns_become_records_and_join(store):
    fill(store, 25)
    everything = store.since(float("-inf"))
    repeated = columns.Columns.from_records(everything.records(), 0)
    joined = columns.Columns.joined([everything[:7], everything[7:]])
    for name in vars(everything):
        assert np.array_equal(getattr(repeated, name), getattr(everything, name))
        assert np.array_equal(getattr(joined, name), getattr(everything, name))
    assert len(columns.Columns.joined([])) == 0
    assert len(columns.nothing_held().frames()) == 0
