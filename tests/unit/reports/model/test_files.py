import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.files import write_atomic


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    target = tmp_path / "a.json"
    write_atomic(target, b"old")
    with pytest.raises(TypeError):
        write_atomic(target, "not bytes")
    assert target.read_bytes() == b"old"
    with pytest.raises(BenchError, match="cannot be written: No such file or directory"):
        write_atomic(tmp_path / "nowhere" / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
