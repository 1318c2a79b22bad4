import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.record import load_record


def test_a_shutdown_and_a_trace_are_told_apart(sample, tmp_path):
    sample.write_shutdown(tmp_path / "a.npz", 0.0234)
    sample.write_power_trace(tmp_path / "b.npz")
    shutdown, trace = load_record(tmp_path, "a.npz"), load_record(tmp_path, "b.npz")
    assert (shutdown.shutdown, trace.shutdown) == (True, False)
    assert shutdown.t1_s - shutdown.t0_s == pytest.approx(0.0234)
    assert shutdown.times_s()[1] - shutdown.times_s()[0] == pytest.approx(shutdown.dt_s)
    assert trace.events == [(502.96, "0x09BD logged"), (504.8, "discharge seen")]


@pytest.mark.parametrize("name", ["/etc/passwd", "../other.npz", "a/../../b.npz"])
def test_a_waveform_outside_the_run_folder_is_refused(tmp_path, name):
    with pytest.raises(BenchError, match="inside the run folder"):
        load_record(tmp_path, name)


def test_a_broken_file_is_told(sample, tmp_path):
    with pytest.raises(BenchError, match="is missing"):
        load_record(tmp_path, "none.npz")
    sample.write_shutdown(tmp_path / "a.npz", 0.0234)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BenchError, match="cannot be read"):
        load_record(tmp_path, "half.npz")
    np.savez(tmp_path / "lacks.npz", samples=np.ones(3), start_s=0.0, dt_s=1.0, unit="A", t0_s=0.0)
    with pytest.raises(BenchError, match="lacks t1_s, threshold"):
        load_record(tmp_path, "lacks.npz")
    np.savez(tmp_path / "empty.npz", samples=np.full(3, np.nan), start_s=0.0, dt_s=1.0, unit="A")
    with pytest.raises(BenchError, match="holds no samples"):
        load_record(tmp_path, "empty.npz")
    np.savez(tmp_path / "pickle.npz", samples=np.array([{}], dtype=object), start_s=0.0, dt_s=1.0, unit="A")
    with pytest.raises(BenchError, match="cannot be read"):
        load_record(tmp_path, "pickle.npz")
    np.savez(tmp_path / "kind.npz", samples=np.ones(3), start_s="soon", dt_s=1.0, unit="A")
    with pytest.raises(BenchError, match="wrong kind"):
        load_record(tmp_path, "kind.npz")
