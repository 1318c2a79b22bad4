import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.verify.waveform_file import WaveformFile


def test_it_holds_samples_and_marks(tmp_path):
    np.savez(tmp_path / "w.npz", samples=[1.0, 2.0, 3.0], start_s=10.0, dt_s=0.5, unit="A", t0_s=10.5)
    file = WaveformFile.load(tmp_path, "w.npz")
    assert file.mark("t0_s") == 10.5
    assert (file.waveform().unit, file.waveform().end_s) == ("A", 11.0)
    with pytest.raises(BenchError, match="lacks limit_s"):
        file.mark("limit_s")
    with pytest.raises(BenchError, match="lacks fraction, ripple_hz, components"):
        file.evidence()


@pytest.mark.parametrize("name", ["none.npz", "text.npz", "half.npz", "folder"])
def test_what_cannot_be_read(tmp_path, name):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "whole.npz", samples=[1.0])
    (tmp_path / "half.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-30])
    (tmp_path / "folder").mkdir()
    with pytest.raises(BenchError, match="cannot be read"):
        WaveformFile.load(tmp_path, name)


@pytest.mark.parametrize("name", ["", "../w.npz", "/etc/passwd", "a/../../w.npz"])
def test_it_lies_inside_the_folder(tmp_path, name):
    with pytest.raises(BenchError, match="must lie inside the run folder"):
        WaveformFile.load(tmp_path, name)
