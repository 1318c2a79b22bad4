import contextlib
import json
import math

import can
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.evidence.capture import CaptureSearch
from v2g_bench.evidence.record import Evidence, Fall, Kind, Shown, Signal, observed

WALL_S = 1_795_406_013.0
HOT = Shown(
    role="cell_temperature_max",
    op=">=",
    value=25.0,
    tolerance=0.05,
    before={"cell_temperature_max": 20.0},
    asked_s=4.0,
)
SILENT = Shown(silence=True)


def test_a_database_that_is_none_is_refused(tmp_path):
    (tmp_path / "roles.json").write_text("{}")
    (tmp_path / "bus.dbc").write_text("no database")
    with pytest.raises(BenchError):
        CaptureSearch(tmp_path / "main.blf", tmp_path / "bus.dbc", tmp_path / "roles.json")


class Counted:
    """A million frames would be here at once if the reader kept them: the most that were is what is asked."""

    alive = most = 0

    def __init__(self, message):
        self.timestamp, self.arbitration_id, self.data = message.timestamp, message.arbitration_id, message.data
        self.is_extended_id, self.is_error_frame, self.is_remote_frame = False, False, False
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self):
        Counted.alive -= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A capture of 2000 frames, 10 ms apart from bench time 0 on: 20.0 to 29.9 degrees, again and again."""
    folder = tmp_path_factory.mktemp("capture")
    roles = read_roles(roles_path("v2g_bms_fd"))
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), roles)
    (folder / "roles.json").write_text(json.dumps(roles))
    with can.BLFWriter(folder / "main.blf") as writer:
        for n in range(2000):
            message = db.encode("BMS_Safety", {"cell_temperature_max": 20.0 + 0.1 * (n % 100)}, n % 256)
            message.timestamp = WALL_S + 0.01 * n
            writer.on_message_received(message)
    return folder


@pytest.fixture
def search(folder, monkeypatch):
    def reading(path):
        return contextlib.nullcontext(map(Counted, can.BLFReader(path)))

    monkeypatch.setattr(Counted, "most", 0)
    monkeypatch.setattr("v2g_bench.evidence.capture.BLFReader", reading)
    return CaptureSearch(folder / "main.blf", dbc_path("v2g_bms_fd"), folder / "roles.json")


def latency(t0_s, shown, wall_minus_bench_s=WALL_S):
    fall = Fall(t0_s=t0_s, fraction=0.05, shown=shown)
    return Evidence(kind=Kind.LATENCY, fall=fall, wall_minus_bench_s=wall_minus_bench_s)


def test_thousands_of_signals_are_looked_for_without_keeping_the_frames(search):
    asked = [(Signal(role="cell_temperature_max", value=0.0, at_s=2.0 + 0.01 * n + 0.005), WALL_S) for n in range(1500)]
    for n, values in enumerate(search.values(asked)):  # the last one LATE_S before, and those since
        expected = [20.0 + 0.1 * (k % 100) for k in range(195 + n, 201 + n)]
        assert values == pytest.approx(expected, abs=0.06)
    assert 1 <= Counted.most <= 3


def test_each_t0_is_found_without_keeping_the_frames(search):
    asked = [latency(4.5, HOT), latency(19.99, SILENT), latency(10.0, SILENT), latency(1.0, None)]
    (t0_s, last_s, broken_s, none_s) = search.t0_s(asked)
    assert t0_s == pytest.approx(4.51, abs=0.011)
    assert last_s == pytest.approx(19.99, abs=1e-5)
    assert broken_s is None
    assert math.isnan(none_s)
    assert 1 <= Counted.most <= 3


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_a_t0_whose_clock_nobody_kept_is_not_found_and_hides_no_other(search, unknown):
    asked = [latency(19.99, SILENT), latency(4.5, HOT, unknown), *[latency(4.5, HOT)] * 4]
    (last_s, unknown_s, *t0_s) = search.t0_s(asked)
    assert last_s == pytest.approx(19.99, abs=1e-5)
    assert unknown_s is None
    assert t0_s == pytest.approx([4.51] * 4, abs=0.011)


def test_evidence_without_a_t0_is_refused(search):
    with pytest.raises(ValueError, match="has no t0"):
        search.t0_s([observed()])
