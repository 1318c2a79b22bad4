"""A small run whose verdicts can be recomputed: waveforms with their basis, a capture, the database and the roles."""

import dataclasses
import importlib.util
import json
import shutil
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import can
import numpy as np

from v2g_bench.can.database import BusDatabase
from v2g_bench.evidence import latency as audit
from v2g_bench.evidence.basis import Again
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.reports.model.run import (
    Controller,
    Instrument,
    Measurement,
    Qualification,
    Requirement,
    Run,
    TestResult,
    Trial,
)

WALL_S = 1_790_000_000.0  # wall clock minus bench clock
LIMIT_MS, FRACTION, HOT_C = 50.0, 0.05, 45.5
NODE = "tests/conformance/safety/test_hot.py::test_hot_cell"


def kept_run(folder: Path, latencies_ms: tuple[float, ...] = (23.0, 24.5), *, silence: bool = False) -> Run:
    """The run, with its evidence in `folder`; nothing of the report is written. t0 of trial n is 1000 + n (s)."""
    spec = importlib.util.spec_from_file_location("kept_sample", Path(__file__).with_name("sample.py"))
    sample = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sample
    spec.loader.exec_module(sample)
    _database(folder)
    _capture(folder, len(latencies_ms), silence=silence)
    trials, found = [], []
    for number, latency_ms in enumerate(latencies_ms, 1):
        path = folder / f"waveforms/{number:04d}.npz"
        sample.write_shutdown(path, latency_ms / 1e3, seed=number, falls=np.isfinite(latency_ms))
        _mark(path, _shown(1000.0 + number, silence=silence))
        again = audit.latency_again(audit.marks_of(path))
        found.append(again)
        trials.append(
            Trial(
                index=number,
                value=again.value,
                expanded=again.uncertainty.expanded if again.uncertainty else None,
                t0_s=1000.0 + number,
                t0_source="kernel stamp",
                t1_s=again.t1_s,
                waveform=f"waveforms/{number:04d}.npz",
                note=again.failed,
            )
        )
    return _run(_measurement(trials, found))


def hardware(run: Run) -> Run:
    """The same as if it had been measured on a bench that may be issued from."""
    return dataclasses.replace(
        run,
        evidence="hardware",
        dirty=False,
        place="bench room 2",
        job={"laboratory": "Example Test Laboratory"},
        instruments=[
            Instrument(
                part="meters.dc_current",
                identity="Keysight 34465A MY1",
                emulated=False,
                calibration="certificate 1",
                calibration_due="2027-03-01",
            ),
            Instrument(part="inverter", identity="Example", emulated=False, calibration="not a measuring instrument"),
        ],
        qualification=Qualification(date="2026-11-22T20:00:00+00:00", verdict="PASS", text="in order"),
    )


def _measurement(trials: list[Trial], found: list[Again]) -> Measurement:
    failed = [again.failed for again in found if again.failed]
    slowest = max(trials, key=lambda trial: trial.value or 0.0)
    verdicts = [str(again.verdict("non-binary", LIMIT_MS)) for again in found]
    return Measurement(
        name="time to isolation",
        quantity="time to isolation",
        value=None if failed else slowest.value,
        unit="ms",
        expanded=None if failed else slowest.expanded,
        k=None if failed else 2.0,
        limit_high=LIMIT_MS,
        verdict="FAIL" if failed or "FAIL" in verdicts else verdicts[0],
        statement=failed[0] if failed else f"{slowest.value:.2f} ms",
        trials=trials,
    )


def _run(measurement: Measurement) -> Run:
    test = TestResult(nodeid=NODE, title="hot cell", duration_s=2.0, measurements=[measurement])
    requirement = Requirement(
        id="SAF-01", title="hot cell isolates", family="safety", limit="50 ms", text="Text.", tests=[test]
    )
    return Run(
        title="V2G controller certification",
        started="2026-11-23T01:00:00+00:00",
        ended="2026-11-23T01:01:00+00:00",
        complete=True,
        rig="bench",
        rig_file_text='name = "bench"\n',
        evidence="emulated",
        clock="real",
        bench_version="0.1.0",
        controller=Controller(name="v2g-daemon", version="1.0", sha256="ab" * 32),
        thresholds={"judging.rule": "non-binary", "judging.isolation_fraction": str(FRACTION)},
        requirements=[requirement],
        trials=len(measurement.trials),
    )


def _shown(t0_s: float, *, silence: bool) -> str:
    if silence:
        return '{"silence": true}'
    expected = {
        "role": "cell_temperature_max",
        "op": ">=",
        "value": HOT_C,
        "tolerance": 0.1,
        "minus": "",
        "change": False,
    }
    return json.dumps({**expected, "before": {"cell_temperature_max": 25.0}, "asked_s": t0_s - 0.1})


def _mark(path: Path, shown: str) -> None:
    with np.load(path) as file:
        marks = {key: file[key] for key in file.files}
    parts = [
        Component(audit.FROM_THE_RECORD, "normal", 1e-6, 1e3, unit="s"),
        Component.rectangular("frame stamp", 150e-6, 1e3, "kernel", "s"),
        Component.rectangular(audit.OF_THE_ZERO, 0.001, 1.0, "data sheet", "A"),
    ]
    marks |= audit.basis_marks(Budget("time to isolation", "ms", parts), shown, FRACTION, 20_000.0)
    marks |= {"wall_minus_bench_s": WALL_S, "samples": marks["samples"].astype(np.float32)}
    np.savez_compressed(path, **marks)


def _database(folder: Path) -> None:
    shipped = Path(str(files("v2g_bench.dbc")))
    (folder / "database").mkdir(parents=True)
    shutil.copyfile(shipped / "v2g_bms_fd.dbc", folder / "database/bus.dbc")
    roles = tomllib.loads((shipped / "v2g_bms_fd.roles.toml").read_text())["roles"]
    (folder / "database/roles.json").write_text(json.dumps(roles, indent=1) + "\n")


def _capture(folder: Path, trials: int, *, silence: bool) -> None:
    """BMS_Safety every 10 ms, from 0.2 s before each t0 on; hot from t0 on, or silent."""
    roles = json.loads((folder / "database/roles.json").read_text())
    db = BusDatabase.load(folder / "database/bus.dbc", roles)
    name = db.message_of("cell_temperature_max").name
    with can.BLFWriter(folder / "main.blf") as writer:
        for trial in range(1, trials + 1):
            for step in range(-20, 5):
                if silence and step > 0:
                    continue
                hot = step >= 0 and not silence
                message = db.encode(name, {"cell_temperature_max": HOT_C if hot else 25.0}, step % 200)
                message.timestamp = WALL_S + 1000.0 + trial + 0.01 * step
                message.channel = None
                writer.on_message_received(message)
