from pathlib import Path

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.life.loop.frequency import recorded_mhz, synthetic_mhz

SHARED = Path(__file__).parents[5] / "shared" / "data"


def _correlation(series: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(series[:-lag], series[lag:])[0, 1])


def test_synthetic_frequency_has_the_statistics_of_the_recordings() -> None:
    """Three half-days of continental Europe: standard deviation, correlation and shares of bands."""
    series = synthetic_mhz(np.random.default_rng(1), 30 * 1440)
    size = np.abs(series)
    assert 17.7 <= series.std() <= 21.4
    assert 0.73 <= _correlation(series, 1) <= 0.79
    assert 0.31 <= _correlation(series, 5) <= 0.52
    assert 0.35 <= (size < 10).mean() <= 0.41
    assert 0.65 <= (size < 20).mean() <= 0.72
    assert (size < 50).mean() >= 0.97


def test_droop_uses_the_share_of_the_power_that_was_recorded() -> None:
    series = np.abs(synthetic_mhz(np.random.default_rng(2), 30 * 1440))
    assert 0.070 <= (series / 200).mean() <= 0.085


def test_recording_is_read_without_its_gaps(tmp_path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("hz,time\n" + "50.01,0\nnan,1\n40,2\n" + "nan,3\n,4\nx,5\n" + "49.98,6\n49.99,7\n49.97,8\n")
    assert recorded_mhz(file, "hz", per_minute=3).round(6).tolist() == [10.0, 10.0, -20.0]
    with pytest.raises(BenchError, match="has no column f"):
        recorded_mhz(file, "f")
    with pytest.raises(BenchError, match="no frequency near 60 Hz"):
        recorded_mhz(file, "hz", nominal_hz=60.0, per_minute=3)
    with pytest.raises(BenchError, match="cannot be read"):
        recorded_mhz(tmp_path / "absent.csv", "hz")


def test_recorded_hours_of_a_real_grid_lie_near_the_synthetic_ones() -> None:
    file = SHARED / "iberia-2025-04-28-toledo.csv"
    if not file.is_file():
        pytest.skip(f"no recording at {file}: it is not part of the bench")
    quiet = recorded_mhz(file, "AnalyzerL1Frequency")[:80]  # before the oscillations of that day
    assert 8 < quiet.std() < 40
