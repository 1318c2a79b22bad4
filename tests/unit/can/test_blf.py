"""A BLF file gives what was written up to its last flush, at whatever byte its writer was killed."""

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


def test_what_is_flushed_survives_at_whatever_byte_the_file_ends(tmp_path):
    path, cut = tmp_path / "bus.blf", tmp_path / "cut.blf"
    file, safe = BlfFile(path), []
    for number in range(60):
        file.write(message(number))
        if number % 20 == 19:
            file.flush()
            safe.append((path.stat().st_size, number + 1))
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        cut.write_bytes(whole[:size])
        found = read(cut)
        assert len(found) >= max((frames for bytes_, frames in safe if bytes_ <= size), default=0), size
        assert found.frame_id.tolist() == list(range(len(found)))
        assert found.stamp_s == pytest.approx(START_S + 0.01 * np.arange(len(found)), abs=1e-6)
    file.close()
    assert len(read(path)) == 60


def test_a_full_container_before_the_first_flush_has_its_time(tmp_path):
    """It goes to the file by itself; its stamps count from the header."""
    path, file = tmp_path / "bus.blf", BlfFile(tmp_path / "bus.blf")
    number = 0
    while path.stat().st_size <= 144:
        file.write(message(number))
        number += 1
    found = read(path)
    assert len(found) > 1000
    assert found.stamp_s[0] == pytest.approx(START_S, abs=1e-6)
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
