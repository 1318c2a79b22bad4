"""SIGKILL at any moment: what the bus carried up to a second before is readable, and the export of such a run works."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from v2g_bench.can.blf import BlfFile, read_blf
from v2g_bench.can.columns import Columns
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.export import WORK, export_run
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path

CAPTURING = """
import sys, time
import can
from v2g_bench.can.capture import Capture
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path

class Bus(can.BusABC):
    number, channel_info = 0, "numbered frames, so many a second"
    def __init__(self):
        self.begin_s = time.time()
        super().__init__(channel="numbers")
    def recv(self, timeout=None):
        due_s = self.begin_s + self.number / int(sys.argv[2])
        time.sleep(max(0.0, due_s - time.time()))
        message = db.encode("BMS_Safety", {"cell_temperature_max": 25.0}, self.number % 256)
        message.timestamp, self.number = due_s, self.number + 1
        return message
    def send(self, msg, timeout=None):
        pass

db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
with Capture(Bus(), sys.argv[1]):
    print("capturing", flush=True)
    time.sleep(60)
"""
EXPORTING = """
import sys
from pathlib import Path
from v2g_bench.can.export import export_run
import asammdf, pyarrow.parquet  # what takes time is not what is tested
print("exporting", flush=True)
export_run(Path(sys.argv[1]))
"""
FRAMES = 60_000


def keep_database(folder):
    (folder / "database").mkdir()
    (folder / "database" / "bus.dbc").write_bytes(dbc_path("v2g_bms_fd").read_bytes())
    (folder / "database" / "roles.json").write_text(json.dumps(read_roles(roles_path("v2g_bms_fd"))))


def killed(program, arguments, word, moment):
    """Run it, kill it at this moment after it has said the word; when that was (wall clock)."""
    with subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline().decode().strip() == word
        moment(child)
        at_s = time.time()
        os.kill(child.pid, signal.SIGKILL)
        return at_s


def frames(path):
    return Columns.joined(list(read_blf(path)))


def after(wait_s):
    return lambda child: threading.Event().wait(wait_s)


# Of few frames (100 in a second) no container fills by itself.
@pytest.mark.parametrize(
    ("after_s", "rate"), [(0.0, 2000), (0.3, 100), (0.9, 2000), (1.37, 100), (2.6, 100), (2.6, 2000)]
)
def test_a_capture_that_is_killed_has_everything_up_to_a_second_before(tmp_path, after_s, rate):
    keep_database(tmp_path)
    at_s = killed(CAPTURING, (tmp_path / "main.blf", rate), "capturing", after(after_s))
    found = frames(tmp_path / "main.blf")
    if after_s > 1.0:
        assert len(found) > 0
    if len(found):
        begin_s = found.timestamp_s[0]
        assert found.timestamp_s == pytest.approx([begin_s + n / rate for n in range(len(found))], abs=1e-5)  # no hole
        assert found.timestamp_s[-1] > at_s - 1.0
    assert export_run(tmp_path) == [tmp_path / "main.mf4", tmp_path / "main.parquet"]
    table = parquet.read_table(tmp_path / "main.parquet").to_pylist()
    assert sum(row["role"] == "cell_temperature_max" and row["sound"] for row in table) == len(found)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A run folder with a capture that takes a second to export, and how its files look when whole."""
    folder = tmp_path_factory.mktemp("night")
    keep_database(folder)
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
    made = [db.encode("BMS_Safety", {"cell_temperature_max": 25.0}, n) for n in range(256)]
    file = BlfFile(folder / "main.blf")
    for number in range(FRAMES):
        made[number % 256].timestamp = 1_795_406_013.0 + number / 2000
        file.write(made[number % 256])
    file.close()
    return folder


def when_it_writes(name):
    """As soon as this file is there, in its place or on its way there."""

    def moment(child):
        while child.poll() is None and not list(Path(child.args[-1]).rglob(name)):
            pass

    return moment


@pytest.mark.parametrize(
    "moment", [after(0.05), after(0.2), after(0.4), when_it_writes("main.mf4"), when_it_writes("main.parquet")]
)
def test_an_export_that_is_killed_leaves_whole_files_or_none(night, moment):
    before = (night / "main.blf").read_bytes()
    for name in ("main.mf4", "main.parquet"):
        (night / name).unlink(missing_ok=True)
    killed(EXPORTING, (night,), "exporting", moment)
    for name in ("main.mf4", "main.parquet"):
        if (night / name).exists():
            whole(night, name)
    export_run(night)
    whole(night, "main.mf4")
    whole(night, "main.parquet")
    assert not (night / WORK).exists()
    assert (night / "main.blf").read_bytes() == before


def whole(folder, name):
    if name.endswith("mf4"):
        from asammdf import MDF

        with MDF(folder / name) as mdf:
            assert mdf.groups[0].channel_group.cycles_nr == FRAMES
            assert len(mdf.get("CAN_DataFrame.ID", group=0).samples) == FRAMES
    else:
        rows = parquet.read_table(folder / name)
        assert rows.num_rows % FRAMES == 0
        assert rows.num_rows > 0
