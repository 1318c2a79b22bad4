"""An .npz from outside: whatever is wrong with it is one error that names the file."""

import io
import zipfile

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inputs import npz
from v2g_bench.inputs.npz import read_npz


def packed(**entries):
    out = io.BytesIO()
    np.savez_compressed(out, **entries)
    return out.getvalue()


def other(at, value):
    """A sound one with another byte in the archive's list of files."""
    content = bytearray(packed(samples=np.ones(40)))
    content[content.find(b"PK\1\2") + at] = value
    return bytes(content)


def test_its_arrays_by_name(tmp_path):
    (path := tmp_path / "w.npz").write_bytes(packed(samples=np.arange(3.0), unit="A"))
    found = read_npz(path)
    assert (found["samples"].tolist(), str(found["unit"])) == ([0.0, 1.0, 2.0], "A")


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"PK\3\4",
            b"\x80\x04N.",
            packed(samples=np.ones(40))[:-30],
            other(16, 0xAA),
            other(8, 1),
            other(10, 97),
        ),
        packed(samples=np.array([None], dtype=object)),
    ],
)
def test_a_damaged_one_is_told(tmp_path, content):
    (path := tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(BenchError, match=r"w\.npz: (cannot be read|holds)"):
        read_npz(path)


def test_more_than_there_is_room_for_is_refused(tmp_path, monkeypatch):
    (path := tmp_path / "w.npz").write_bytes(packed(samples=np.zeros(10_000)))
    monkeypatch.setattr(npz, "MOST_BYTES", 1000)
    with pytest.raises(BenchError, match="unpacks to"):
        read_npz(path)


def test_a_shape_that_no_memory_holds_is_told(tmp_path):
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("samples.npy", b"\x93NUMPY\x01\x00v\x00" + head)
    with pytest.raises(BenchError, match="cannot be read"):
        read_npz(tmp_path / "w.npz")
