"""What numpy reads of a BLF file is to the bit what python-can reads of it, in any order of any frames."""

import random

import can
import numpy as np
import pytest

from v2g_bench.can import blf
from v2g_bench.can.blf import flags_of, read_blf
from v2g_bench.can.blfobjects import OtherObjectError
from v2g_bench.can.columns import Columns

LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)


def frames(seed, count=3000):
    """Frames of all kinds; stamps that rise, fall and stand still."""
    rng, made = random.Random(seed), []
    for n in range(count):
        kind, extended = rng.choice(("classic", "fd", "remote", "error")), rng.random() < 0.5
        length = rng.choice(LENGTHS if kind == "fd" else range(9))
        common = {
            "timestamp": 1_795_406_013.0 + rng.uniform(0, 1e5) + n,
            "arbitration_id": rng.randrange(1 << (29 if extended else 11)),
            "is_extended_id": extended,
            "dlc": length,
            "is_rx": rng.random() < 0.5,
        }
        if kind != "remote":
            common["data"] = rng.randbytes(length)
        flags = {"is_fd": True, "bitrate_switch": rng.random() < 0.5, "error_state_indicator": rng.random() < 0.5}
        more = {"fd": flags, "remote": {"is_remote_frame": True}, "error": {"is_error_frame": True}, "classic": {}}
        made.append(can.Message(**common, **more[kind]))
    return made


def write(path, made):
    with can.BLFWriter(path) as writer:
        for message in made:
            writer.on_message_received(message)


def same_as_python_can(path):
    found = Columns.joined(list(read_blf(path)))
    with can.BLFReader(path) as reader:
        read = list(reader)
    assert len(found) == len(read)
    assert found.timestamp_s.tolist() == [one.timestamp for one in read]
    assert found.frame_id.tolist() == [one.arbitration_id for one in read]
    assert found.flags.tolist() == [flags_of(one) for one in read]
    assert found.length.tolist() == [one.dlc for one in read]
    data = np.zeros((len(read), 64), np.uint8)
    for row, one in zip(data, read, strict=True):
        row[: len(one.data)] = one.data
    assert np.array_equal(found.data, data)
    assert set(found.sequence.tolist()) == {-1}
    return len(found)


@pytest.mark.parametrize("seed", range(4))
def test_it_reads_what_python_can_reads(tmp_path, seed, monkeypatch):
    def never(path, skip):
        raise AssertionError("python-can was asked")

    write(tmp_path / "bus.blf", frames(seed))
    monkeypatch.setattr(blf, "_slow", never)
    assert same_as_python_can(tmp_path / "bus.blf") == 3000


@pytest.mark.parametrize("place", [0, 1, 1500, 2999])
def test_a_file_with_other_objects_is_read_by_python_can(tmp_path, place):
    """A marker, as other tools set them, wherever it stands."""
    with can.BLFWriter(tmp_path / "bus.blf") as writer:
        for n, message in enumerate(frames(7)):
            if n == place:
                writer.log_event("a marker of a tool", message.timestamp)
            writer.on_message_received(message)
    assert same_as_python_can(tmp_path / "bus.blf") == 3000


def test_what_it_does_not_know_it_does_not_guess():
    with pytest.raises(OtherObjectError):
        blf.records_of(b"LOBJ" + bytes(60), 0.0)
    records, used = blf.records_of(b"LOBJ", 0.0)
    assert (len(records), used) == (0, 0)
