"""A BLF file gives what was written up to its last flush, at whatever byte its writer was killed."""

import itertools

import can
import numpy as np
import pytest

from v2g_bench.can import blf
from v2g_bench.can.blf import BlfFile, read_blf
from v2g_bench.can.columns import Columns
from v2g_bench.errors import BenchError

START_S = 1_795_406_013.25


def message(number):
    data = bytes([number % 256] * (number % 9))
    return can.Message(timestamp=START_S + 0.01 * number, arbitration_id=number, is_extended_id=False, data=data)


def read(path):
    return Columns.joined(list(read_blf(path)))


def flushed(path, frames=60, each=20):
    """The file's bytes after each flush, and how many frames it held."""
    file, states = BlfFile(path), [(path.read_bytes(), 0)]
    for number in range(frames):
        file.write(message(number))
        if number % each == each - 1:
            file.flush()
            states.append((path.read_bytes(), number + 1))
    file.close()
    return states


def test_what_is_flushed_survives_at_whatever_byte_its_writer_is_killed(tmp_path):
    cut, states = tmp_path / "cut.blf", flushed(tmp_path / "bus.blf")
    for (before, safe), (after, _) in itertools.pairwise(states):
        for size in range(len(before), len(after) + 1):
            cut.write_bytes(before[:144] + after[144:size])  # the header is written behind the frames
            found = read(cut)
            assert len(found) >= safe, size
            assert found.frame_id.tolist() == list(range(len(found)))
            # Before the first flush the header has no time, and python-can's container is whole or nothing.
            if safe:
                assert found.timestamp_s == pytest.approx(START_S + 0.01 * np.arange(len(found)), abs=1e-6)
    assert len(read(tmp_path / "bus.blf")) == 60


@pytest.mark.parametrize("size", [144, 145, 160, 200, 400, -40])
def test_a_file_that_was_cut_off_is_read_and_then_refused(tmp_path, size):
    path, got = tmp_path / "bus.blf", []
    path.write_bytes(flushed(path)[-1][0][:size])
    with pytest.raises(BenchError, match=r"its header counts 60"):
        got.extend(read_blf(path))
    assert sum(map(len, got)) < 60


def test_a_bit_that_is_wrong_anywhere_behind_the_header_is_told(tmp_path):
    path = tmp_path / "bus.blf"
    whole = flushed(path)[-1][0]
    for place in range(144, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            assert read(path).frame_id.tolist() == list(range(60)), place  # a field that nobody reads
        except BenchError:
            continue


@pytest.mark.parametrize("level", [0, 9])
def test_how_a_container_is_packed_is_all_the_same(tmp_path, level):
    with can.BLFWriter(tmp_path / "bus.blf", compression_level=level) as writer:
        for number in range(60):
            writer.on_message_received(message(number))
    assert len(read(tmp_path / "bus.blf")) == 60


def test_a_capture_that_goes_on_is_no_damaged_one(tmp_path):
    path, file = tmp_path / "bus.blf", BlfFile(tmp_path / "bus.blf")
    for number in range(20):
        file.write(message(number))
    file.flush()
    parts = read_blf(path)
    first = next(parts)
    for number in range(20, 40):
        file.write(message(number))
    file.flush()
    assert len(first) + sum(map(len, parts)) >= 20
    file.close()


def test_a_full_container_before_the_first_flush_has_its_time(tmp_path):
    """It goes to the file by itself; its stamps count from the header."""
    path, file = tmp_path / "bus.blf", BlfFile(tmp_path / "bus.blf")
    number = 0
    while path.stat().st_size <= 144:
        file.write(message(number))
        number += 1
    found = read(path)
    assert len(found) > 1000
    assert found.timestamp_s[0] == pytest.approx(START_S, abs=1e-6)
    file.close()


@pytest.mark.parametrize("size", [0, 3, 50, 144, 150])
def test_a_file_without_frames_is_an_empty_capture(tmp_path, size):
    path, file = tmp_path / "bus.blf", BlfFile(tmp_path / "bus.blf")
    assert path.stat().st_size == 144  # from the first moment on
    path.write_bytes((path.read_bytes() + b"LOBJ\x10\x00")[:size])
    assert list(read_blf(path)) == []
    file.close()


def test_a_file_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(blf, "CHUNK", 7)
    file = BlfFile(tmp_path / "bus.blf")
    for number in range(23):
        file.write(message(number))
    file.close()
    parts = list(read_blf(tmp_path / "bus.blf"))
    assert [len(part) for part in parts] == [7, 7, 7, 2]
    assert Columns.joined(parts).index.tolist() == Columns.joined(parts).frame_id.tolist() == list(range(23))
    assert [bytes(parts[1].frame(n).data) for n in range(2)] == [bytes(message(7).data), bytes(message(8).data)]


def test_what_is_no_blf_file_is_told(tmp_path):
    (tmp_path / "bus.blf").write_bytes(b"nothing of the kind")
    with pytest.raises(BenchError, match="cannot be read as BLF"):
        list(read_blf(tmp_path / "bus.blf"))
    with pytest.raises(BenchError, match="cannot be written"):
        BlfFile(tmp_path / "none" / "bus.blf")
