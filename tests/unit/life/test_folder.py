import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.folder import fresh


def test_it_is_there_when_it_is_whole(tmp_path):
    with fresh(tmp_path / "a") as part:
        (part / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "x").read_text() == "1"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, BenchError("a", "b")])
def test_nothing_stays_half(tmp_path, error):
    def stopped():
        with fresh(tmp_path / "a") as part:
            (part / "x").write_text("1")
            raise error

    with pytest.raises((KeyboardInterrupt, BenchError)):
        stopped()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path):
    with pytest.raises(BenchError, match="is there already"), fresh(tmp_path):
        pass
