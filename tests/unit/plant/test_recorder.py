"""The plant's own record is in the file line by line, and says when it ended."""

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.plant.config import PlantConfig
from v2g_bench.plant.model import Plant
from v2g_bench.plant.recorder import EVERY_S, TruthRecorder


def test_each_line_is_in_the_file_at_once_and_the_last_says_so(tmp_path):
    plant, path = Plant(PlantConfig(), 1, 100.0), tmp_path / "truth.csv"
    recorder = TruthRecorder(path)
    for step in range(1, 11):
        plant.step(100.0 + step * EVERY_S / 2)
        recorder.look(plant)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["bench_s", "current_a", "contactor_state", "event"]
    assert len(rows) == pytest.approx(1 + 5, abs=1)
    assert float(rows[-1][1]) == pytest.approx(plant.dc_current_a, abs=1e-4)
    recorder.close(plant)
    assert path.read_text().splitlines()[-1].endswith(",0,end")


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(BenchError, match="cannot be written"):
        TruthRecorder(tmp_path / "none" / "truth.csv")
