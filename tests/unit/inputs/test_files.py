import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from v2g_bench.ems.model import config, limits
from v2g_bench.ems.model import thermal_policy as thermal
from v2g_bench.ems.service import override_trail as audit
from v2g_bench.ems.service import state_file as state
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import SETTINGS_MAX, present, read_bytes, read_text, replace_text, require_regular


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "not a regular file"),
    "link to a fifo": (lambda path: (os.mkfifo(f"{path}.f"), path.symlink_to(f"{path}.f")), "not a regular file"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "socket": (_socket, "not a regular file"),
    "folder": (Path.mkdir, "Is a directory"),
    "1 TB": (_large, "is larger than"),
    "loop of links": (lambda path: path.symlink_to(path), "Too many levels"),
    "nothing": (lambda path: None, "No such file"),
}
READERS: dict[str, Callable[[Path], object]] = {
    "limits": limits.load_limits,
    "policy": thermal.load_policy,
    "config": config.load_config,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path, reader: str, kind: str) -> None:
    make, message = NO_FILES[kind]
    path = tmp_path / "f"
    make(path)
    with pytest.raises(BenchError, match=f"cannot be read: .*{message}"):
        READERS[reader](path)


@pytest.mark.timeout(20)
def test_state_trail_and_database_are_opened_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "f"
    os.mkfifo(path)
    with pytest.raises(BenchError, match="not a regular file"):
        state.load_state(path)
    assert "not a regular file" in str(audit.AuditTrail(path).problem)
    with pytest.raises(OSError, match="not a regular file"):
        audit.verify_file(path)
    with pytest.raises(OSError, match="not a regular file"):
        require_regular(path)
    os.mkfifo(tmp_path / "trail.jsonl.head")
    assert audit.read_head(tmp_path / "trail.jsonl") is None


@pytest.mark.timeout(20)
def test_nothing_is_written_into_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "f"
    os.mkfifo(f"{path}.new")
    with pytest.raises(OSError, match="No such device"):
        replace_text(path, "text")
    assert not path.exists()
    os.mkfifo(tmp_path / "trail")
    with pytest.raises(OSError, match="No such device"):
        audit.AuditTrail(tmp_path / "trail").append({"what": "reload"})


def test_a_file_of_the_largest_size_and_one_byte_more(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * SETTINGS_MAX)
    assert len(read_bytes(path)) == SETTINGS_MAX
    path.write_bytes(b"x" * (SETTINGS_MAX + 1))
    with pytest.raises(OSError, match="larger than 1000000 bytes"):
        read_bytes(path)


def test_text_mark_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "f"
    replace_text(path, "\N{DEGREE SIGN}")
    assert read_text(path) == "\N{DEGREE SIGN}"
    assert [one.name for one in path.parent.iterdir()] == ["f"]
    path.write_bytes(b"\xef\xbb\xbfMIN_SOC=1")
    assert read_text(path, "utf-8-sig") == "MIN_SOC=1"


def test_what_cannot_be_looked_at_counts_as_there(tmp_path: Path) -> None:
    """A stat that fails (a network mount that is stale) must not look like the wish for the defaults."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("", encoding="utf-8")
    there = [present(tmp_path / name) for name in ("loop", "file", "absent", "file/below")]
    assert there == [True, True, False, False]


def test_file_that_turns_into_a_fifo_after_the_first_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, regular = tmp_path / "f", (tmp_path / "g")
    regular.write_text("", encoding="utf-8")
    os.mkfifo(path)
    seen, before = list[Path](), regular.stat()

    def stale(self: Path) -> os.stat_result:
        seen.append(self)
        return before

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stale)
        with pytest.raises(OSError, match="not a regular file"):
            read_bytes(path)
    assert seen == [path]
