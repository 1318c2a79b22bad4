import os
import socket

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inputs import folder as inputs_folder
from v2g_bench.inputs.folder import odd_entries, require_plain


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))  # the path of a socket is short


def deep(path):
    path.joinpath(*["d"] * 20).mkdir(parents=True)


ODD = {
    "a FIFO": (os.mkfifo, "is a FIFO"),
    "a socket": (a_socket, "is a socket"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "a full device": (lambda path: path.symlink_to("/dev/full"), "is a device"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "cannot be read: "),
    "a link to nothing": (lambda path: path.symlink_to("gone"), "cannot be read: No such file"),
    "an endless folder": (lambda path: path.symlink_to("."), "is a link to another folder"),
    "the whole disk": (lambda path: path.symlink_to("/"), "is a link to another folder"),
    "deep folders": (deep, "lies deeper than 16 folders"),
}


@pytest.mark.parametrize("where", [".", "waveforms"])
@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_be_read_like_a_file_is_named(tmp_path, monkeypatch, kind, where):
    monkeypatch.chdir(tmp_path)
    make, what = ODD[kind]
    (tmp_path / where).mkdir(exist_ok=True)
    (tmp_path / "results.json").write_text("{}")
    make(tmp_path / where / "0001.npz")
    [(name, found)] = list(odd_entries(tmp_path))
    assert name.startswith((tmp_path / where / "0001.npz").relative_to(tmp_path).as_posix())
    assert found.startswith(what)
    with pytest.raises(BenchError, match=r"0001\.npz.*: .*\n  remove it: a run folder holds regular files alone"):
        require_plain(tmp_path)


def test_files_and_folders_are_not_odd_nor_is_a_link_to_a_file(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("x")
    (tmp_path / "link").symlink_to("a/b/file")
    require_plain(tmp_path)
    require_plain(tmp_path / "gone")


def test_a_file_that_is_read_whole_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs_folder, "LARGEST", 10)
    for name in ("main.blf", "report.pdf"):
        (tmp_path / name).write_bytes(bytes(11))
    assert list(odd_entries(tmp_path)) == [("report.pdf", "has 11 bytes, more than 10")]


def test_a_folder_of_root_alone(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    path = type(tmp_path)
    closed = path.iterdir

    def iterdir(self):
        if self.name == "a":
            raise PermissionError(13, "Permission denied")
        return closed(self)

    monkeypatch.setattr(path, "iterdir", iterdir)
    assert list(odd_entries(tmp_path)) == [("a", "cannot be read: Permission denied")]
