import contextlib
import json
import math

import can
import numpy as np
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.evidence.latency import MS, Again, T0Again, basis_marks, latency_again, marks_of
from v2g_bench.metrology.budget import Budget, Component, Uncertainty
from v2g_bench.metrology.verdict import Verdict

T0_S, DT_S = 1000.0, 20e-6


def marks(latency_s=0.02, *, falls=True, current=8.0, **rest):
    t = np.arange(-0.05, 0.1, DT_S)
    off = latency_s + 0.0015 * math.log(0.05)
    wave = np.full(t.shape, current)
    if falls:
        wave = np.where(t < off, current, current * np.exp(-np.clip(t - off, 0, None) / 0.0015))
    wave = wave + np.random.default_rng(3).normal(0, 0.01, t.shape)
    parts = [Component("crossing in the record", "normal", 1.0, MS), Component.rectangular("frame stamp", 150e-6, MS)]
    basis = basis_marks(Budget("time to isolation", "ms", parts), "", 0.05, None)
    return {"samples": wave, "start_s": T0_S - 0.05, "dt_s": DT_S, "unit": "A", "t0_s": T0_S, **basis, **rest}


def test_the_latency_is_that_of_the_waveform():
    again = latency_again(marks())
    assert again.value == pytest.approx(20.0, abs=again.uncertainty.expanded)
    assert again.t1_s == pytest.approx(T0_S + 0.02, abs=1e-4)
    assert 0.17 < again.uncertainty.expanded < 0.25, "the crossing's own u is estimated anew, not the 1 s that was kept"


def test_no_fall_is_a_failure_and_no_current_is_unclear():
    assert latency_again(marks(falls=False)).failed != ""
    assert latency_again(marks(falls=False)).value is None
    assert latency_again(marks(current=0.0)).unclear


def test_without_parts_of_a_budget_there_is_no_uncertainty_and_no_verdict():
    again = latency_again(marks(components="[]"))
    assert again.uncertainty is None
    assert again.verdict("non-binary", 50.0) == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "verdict"), [(49.0, "PASS"), (49.9, "INCONCLUSIVE"), (51.0, "FAIL"), (None, "INCONCLUSIVE")]
)
def test_the_verdict_is_the_rules(value, verdict):
    assert Again(value, Uncertainty.of(0.1), None).verdict("non-binary", 50.0) == verdict


def test_infinite_degrees_of_freedom_are_kept():
    (part,) = json.loads(basis_marks(Budget("x", "ms", [Component("a", "normal", 1.0)]), "", 0.05, 1.0)["components"])
    assert float(part["dof"]) == math.inf
    assert math.isnan(basis_marks(None, "", 0.05, None)["ripple_hz"])


def test_a_file_without_the_marks_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", samples=np.zeros(3), t0_s=0.0)
    with pytest.raises(BenchError, match="lacks fraction, ripple_hz, components"):
        marks_of(tmp_path / "w.npz")
    with pytest.raises(BenchError, match="cannot be read"):
        marks_of(tmp_path / "none.npz")


def test_a_database_that_is_none_is_refused(tmp_path):
    (tmp_path / "roles.json").write_text("{}")
    (tmp_path / "bus.dbc").write_text("no database")
    with pytest.raises(BenchError):
        T0Again(tmp_path / "main.blf", tmp_path / "bus.dbc", tmp_path / "roles.json")


WALL_S = 1_795_406_013.0


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


def test_thousands_of_readings_are_looked_for_without_keeping_the_frames(tmp_path, monkeypatch):
    roles = read_roles(roles_path("v2g_bms_fd"))
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), roles)
    (tmp_path / "roles.json").write_text(json.dumps(roles))
    with can.BLFWriter(tmp_path / "main.blf") as writer:
        for n in range(2000):
            message = db.encode("BMS_Safety", {"cell_temperature_max": 20.0 + 0.1 * (n % 100)}, n % 256)
            message.timestamp = WALL_S + 0.01 * n
            writer.on_message_received(message)

    def reading(path):
        return contextlib.nullcontext(map(Counted, can.BLFReader(path)))

    monkeypatch.setattr("v2g_bench.evidence.latency.BLFReader", reading)
    again = T0Again(tmp_path / "main.blf", dbc_path("v2g_bms_fd"), tmp_path / "roles.json")
    asked = [("cell_temperature_max", 2.0 + 0.01 * n + 0.005, WALL_S) for n in range(1500)]
    found = again.heard(asked)
    for n, values in enumerate(found):  # the last one LATE_S before, and those since
        expected = [20.0 + 0.1 * (k % 100) for k in range(195 + n, 201 + n)]
        assert values == pytest.approx(expected, abs=0.06)
    assert Counted.most <= 3

    hot = {"role": "cell_temperature_max", "op": ">=", "value": 25.0, "tolerance": 0.05, "minus": "", "change": False}
    shown = json.dumps({**hot, "before": {"cell_temperature_max": 20.0}, "asked_s": 4.0})
    marks = {"t0_s": 4.5, "t0_shown": shown, "wall_minus_bench_s": WALL_S}
    silent = {"t0_s": 19.99, "t0_shown": '{"silence": true}', "wall_minus_bench_s": WALL_S}
    (t0_s, last_s, broken_s, none_s) = again.t0_s([marks, silent, {**silent, "t0_s": 10.0}, {"t0_s": 1.0}])
    assert t0_s == pytest.approx(4.51, abs=0.011)
    assert last_s == pytest.approx(19.99, abs=1e-5)
    assert broken_s is None
    assert math.isnan(none_s)
    assert Counted.most <= 3
