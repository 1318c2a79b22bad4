"""Where a rig's measured trigger timing is, and what it says."""

from pathlib import Path

from v2g_bench.instruments.trigger_timing import MeasuredTiming, read_timing
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.file.state_folder import state_folder


def timing_path(loaded: LoadedRig) -> Path:
    """Where the rig's measured timing is kept."""
    return state_folder().parent / "calibration" / f"{loaded.rig.name}.dc_current.toml"


def timing_of(loaded: LoadedRig, path: Path | None = None) -> MeasuredTiming | None:
    """The rig's measured timing, None where it has never been measured; BenchError for a broken file."""
    path = path or timing_path(loaded)
    return read_timing(path) if path.exists() else None
