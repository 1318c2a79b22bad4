from pathlib import Path

import pytest

from v2g_bench.ems.service.state_file import load_state, save_state
from v2g_bench.errors import BenchError


def test_round_trip_and_absence(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "latches.json"
    assert load_state(path) == {}
    save_state(path, {"trip": "hot", "imbalance": False})
    assert load_state(path) == {"trip": "hot", "imbalance": False}
    assert [entry.name for entry in path.parent.iterdir()] == ["latches.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"trip"',
        '{"run": {"starts": NaN}}',
        '{"run": {"starts": -1}}',
        '{"run": {"crashes": "3"}}',
        '{"run": [1]}',
        "[" * 100_000,
    ],
)
def test_broken_state_is_not_taken_for_no_latch(tmp_path: Path, text: str) -> None:
    path = tmp_path / "latches.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        load_state(path)
    assert caught.value.hint
