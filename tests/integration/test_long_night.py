"""The memory of a capture, and of the export after it, does not grow with the frames.

`tests/benchmarks/bench_night.py` shows it over 10 million; here a few hundred thousand are enough to see 88 bytes a frame
(the capture before it kept a window) and 425 bytes a frame (the export before it was a stream).
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bench_night import Capture, BusDatabase, NightBus, dbc_path, export_run, read_roles, roles_path, rss_mb, variety
from bench_night import keep_database
import asammdf, pyarrow.parquet, time

folder, counts = Path(sys.argv[2]), [int(word) for word in sys.argv[3:]]
db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))

def peak_mb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1e3

for count in counts:
    (folder / str(count)).mkdir()
    keep_database(folder / str(count))
    with Capture(NightBus(variety(db), count), folder / str(count) / "main.blf") as capture:
        while len(capture) < count:
            capture.check()
            time.sleep(0.05)
        print("capture", count, rss_mb(), flush=True)
    del capture
for count in counts:
    assert len(export_run(folder / str(count))) == 2
    print("export", count, peak_mb(), flush=True)
"""


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """{what: [MB after 250,000 frames, after 600,000]}"""
    benchmarks = Path(__file__).parents[1] / "benchmarks"
    words = [sys.executable, "-c", PROGRAM, str(benchmarks), str(tmp_path_factory.mktemp("night")), "250000", "600000"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    found = {}
    for line in done.stdout.splitlines():
        what, _, size_mb = line.split()
        found.setdefault(what, []).append(float(size_mb))
    return found


@pytest.mark.parametrize(("what", "grown_mb"), [("capture", 350_000 * 88e-6), ("export", 350_000 * 425e-6)])
def test_the_memory_is_flat_below_300_mb(reported, what, grown_mb):
    first_mb, last_mb = reported[what]
    assert last_mb < 300.0
    assert last_mb - first_mb < grown_mb / 2, f"{what}: {first_mb:.0f} MB, then {last_mb:.0f} MB"
