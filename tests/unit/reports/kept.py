"""A small run whose verdicts can be recomputed: waveforms, evidence, a capture, the database and the roles.

`schema=2` makes the same run as the bench wrote it before: see `v2g_bench.evidence.schema2`.
"""

import dataclasses
import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
import time
import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import can
import numpy as np

from v2g_bench.can.database import BusDatabase
from v2g_bench.evidence.compute import recomputed_latency
from v2g_bench.evidence.reading import Latency
from v2g_bench.evidence.record import Evidence, Fall, Kind, Shown
from v2g_bench.fixtures.kept_files import KeptFiles
from v2g_bench.metrology.component import Component, Term
from v2g_bench.metrology.decision import DecisionRule, Limits
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.qualification.result import QualificationResult
from v2g_bench.qualification.score import Outcome, score
from v2g_bench.reports.model.chain import EVENTS, Head, link, published
from v2g_bench.reports.model.digest import run_digest, test_digest, trial_digest
from v2g_bench.reports.model.foreign import CONFORMANCE, PROFILES, shipped_suite
from v2g_bench.reports.model.run import (
    SCHEMA,
    Controller,
    Instrument,
    Measurement,
    Profile,
    Qualification,
    Requirement,
    Run,
    TestResult,
    Texts,
    Trial,
)
from v2g_bench.rig.file.load import LoadedRig, load_rig
from v2g_bench.rig.file.stated import thresholds_of

LIMIT_MS, FRACTION, HOT_C = 50.0, 0.05, 45.5
WALL_S = float(int(time.time()) - 1010)  # wall clock minus bench clock: the trials ended just now
BEGUN = datetime.fromtimestamp(WALL_S + 1000.0, UTC)
RIG = files("v2g_bench.rigs")
SERIALS = {"dc_current": "MY54000001", "ac_power": "C2PH13047V", "multimeter": "3214008"}  # of the meters
JUDGED = ((20.0, "PASS"), (70.0, "FAIL"))
HEAD = {
    "title": "hot cell isolates",
    "family": "safety",
    "source": "manual",
    "limit": f"{LIMIT_MS:g} ms",
    "method": "heat",
}
WORDING = "---\n" + "\n".join(f"{key}: {text}" for key, text in {"id": "SAF-01", **HEAD}.items()) + "\n---\nText.\n"
_MADE = tempfile.TemporaryDirectory(prefix="kept")  # each run once, to be copied
_RUNS: dict[str, Run] = {}
NODE = "tests/conformance/safety/test_hot.py::test_hot_cell"


def kept_run(
    folder: Path, latencies_ms: tuple[float, ...] = (23.0, 24.5), *, silence: bool = False, schema: int = SCHEMA
) -> Run:
    """The run, with its evidence in `folder`; nothing of the report is written. t0 of trial n is 1000 + n (s)."""
    kind = f"{latencies_ms} {silence} {schema}"
    made = Path(_MADE.name) / kind
    if kind not in _RUNS:
        _RUNS[kind] = _make(made, latencies_ms, silence, schema)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return _RUNS[kind]


def _make(folder: Path, latencies_ms: tuple[float, ...], silence: bool, schema: int) -> Run:
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
        evidence = _evidence(1000.0 + number, silence=silence)
        _mark(path, evidence if schema == 2 else None)
        latency = recomputed_latency(evidence, waveform_of(path))
        found.append(latency)
        trials.append(
            Trial(
                index=number,
                value=latency.value,
                expanded=latency.uncertainty.expanded if latency.uncertainty else None,
                t0_s=1000.0 + number,
                t0_source="kernel stamp",
                t1_s=latency.t1_s,
                waveform=f"waveforms/{number:04d}.npz",
                note=latency.failed,
                evidence=None if schema == 2 else evidence,
            )
        )
    (folder / "bench.toml").write_text((RIG / "virtual.toml").read_text().replace('name = "virtual"', 'name = "bench"'))
    run = _run(_measurement(trials, found), load_rig(str(folder / "bench.toml")))
    return _recorded(dataclasses.replace(run, schema=schema), folder)


def hardware(run: Run, folder: Path) -> Run:
    """The same as if it had been measured just now on a bench that may be issued from; its records lie in `folder`."""
    text = (RIG / "hardware-example.toml").read_text().replace("hardware-example", "bench")
    (folder / "bench.toml").write_text(text)
    rig = load_rig(str(folder / "bench.toml")).rig
    now = datetime.now(UTC).replace(microsecond=0)
    due = (now + timedelta(days=99)).date()
    (folder / "calibration").mkdir(exist_ok=True)
    for name, serial in SERIALS.items():
        (folder / f"calibration/{name}.toml").write_text(f'serial = "{serial}"\ndue = {due}\n')
    for name in ("bms.blf", "supervisor.jsonl", "exchanges.jsonl"):
        shutil.copyfile(folder / "main.blf", folder / name)
    (folder / "exchanges.jsonl").write_text("".join(f"answer {serial}\n" for serial in SERIALS.values()))
    measured = dataclasses.replace(
        run,
        ended=now.isoformat(),
        evidence="hardware",
        dirty=False,
        rig_file_text=text,
        place=rig.place,
        job={
            "laboratory": "Example Test Laboratory",
            "address": "1 Example Street",
            "customer": "Example Chargers Ltd",
            "customer_address": "2 Example Road",
            "item": "charger X, serial 4711",
            "item_condition": "new",
            "item_received": "2026-11-20",
            "sampling": "one item, chosen by the customer",
            "environment": "23.1 °C, 45 % RH",
        },
        controller=dataclasses.replace(run.controller, name=rig.dut.name, kind=rig.dut.kind, command=""),
        thresholds=thresholds_of(rig),
        pics={key: str(value) for key, value in rig.dut.supports.items()},
        instruments=[
            Instrument(
                part=f"meters.{name}",
                identity=f"Example, serial {serial}, firmware 1",
                resource=rig.meters.named()[name].resource,
                emulated=False,
                calibration="certificate 1",
                calibration_due=due.isoformat(),
            )
            for name, serial in SERIALS.items()
        ]
        + [Instrument(part="inverter", identity="Example", emulated=False, calibration="not a measuring instrument")],
    )
    profile = (PROFILES / "hardware.toml").read_bytes()
    (folder / "profile-hardware.toml").write_bytes(profile)
    stated = Profile(id="hardware", edition="1", sha256=hashlib.sha256(profile).hexdigest())
    return _recorded(_qualified(dataclasses.replace(measured, profile=stated), folder, now), folder)


def _qualified(run: Run, folder: Path, now: datetime) -> Run:
    outcomes = [Outcome(delay_ms=ms, measured_ms=ms, expanded_ms=0.2, verdict=word, true_ms=ms) for ms, word in JUDGED]
    result = QualificationResult.of(
        score(outcomes, 2),
        rig=run.rig,
        rig_sha256=hashlib.sha256(run.rig_file_text.encode()).hexdigest(),
        date=(now - timedelta(hours=5)).isoformat(),
        duration_s=1.0,
        seed=1,
        stamps=run.host["frames stamped by"],
        truth="a mark",
        bench={"version": run.bench_version, "commit": "", "machine": "host, Linux 6, x86_64, 2 CPUs"},
        floor=("0.1 ms",),
        outcomes=tuple(outcomes),
    )
    result.save(folder / "qualification")
    return dataclasses.replace(run, qualification=Qualification(**result.for_report()))


def _recorded(run: Run, folder: Path) -> Run:
    """Write what the run's events, its list of the suite and its wording state."""
    host = {key: text for key, text in run.host.items() if key != "frames stamped by"}
    bench = {key: getattr(run, key) for key in ("bench_version", "commit", "dirty", "lock_sha256")} | {"host": host}
    trials = [trial for one in run.requirements for test in one.tests for m in test.measurements for trial in m.trials]
    faults = [
        {"faults": ["over_temperature"], "asked_s": t0_s - 0.1, "on_bus_s": t0_s, "cleared_s": t0_s + 0.5}
        for t0_s in (WALL_S + (trial.t0_s or 0.0) for trial in trials)
    ]
    lines = [
        {"event": "run started", "rig": run.rig, "seed": run.seed, "started": run.started},
        {"event": "bench"} | bench,
        {
            "event": "rig described",
            "controller": dataclasses.asdict(run.controller),
            "instruments": [dataclasses.asdict(one) for one in run.instruments],
        },
        {"event": "faults", "test": NODE, "faults": faults},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    suite = {
        one.id: {"sha256": one.text_sha256, "tests": [test.nodeid for test in one.tests]} for one in run.requirements
    }
    code = {f"{CONFORMANCE}/{name}": digest for name, digest in shipped_suite().files.items()}
    (folder / "suite.json").write_text(json.dumps({"requirements": suite, "files": code}))
    (folder / "requirements").mkdir(exist_ok=True)
    (folder / "requirements/SAF-01.md").write_text(WORDING)
    return run


def chained(run: Run, folder: Path) -> Run:
    """The same with the chain of records that a run which measures this writes; last of all, its folder is as it stays."""
    first, *others = (json.loads(line) for line in (folder / EVENTS).read_text().splitlines())
    records: list[dict[str, Any]] = [first]
    for test in (test for one in run.requirements for test in one.tests):
        for trial in (trial for found in test.measurements for trial in found.trials):
            place = {"index": trial.index, "attempt": trial.attempt, "void": trial.void_reason}
            records.append({"event": "trial", "test": test.nodeid, **place, "sha256": trial_digest(trial, run.schema)})
        digest = test_digest(test, run.schema, Texts())
        records.append({"event": "test finished", "test": test.nodeid, "set_aside": [], "sha256": digest})
    records.append({"event": "files", "files": KeptFiles(folder).changes()})
    records += others
    content, heads = b"", [Head()]
    for place, record in enumerate(records):
        line, head = link(heads[-1], {"at": f"2026-11-22T22:14:{place:02d}+00:00", "bench_s": float(place), **record})
        content += line
        heads.append(head)
    run = dataclasses.replace(run, chain=published(heads[-1], heads[1]))
    stated = {"exit_status": run.exit_status, "verdict": run.verdict, "complete": run.complete}
    end = {"bench_s": float(len(records)), "event": "run ended", **stated, "sha256": run_digest(run)}
    (folder / EVENTS).write_bytes(content + link(heads[-1], end)[0])
    return run


def waveform_of(path: Path) -> Waveform:
    """The samples in a file."""
    with np.load(path) as file:
        return Waveform.of(float(file["start_s"]), float(file["dt_s"]), file["samples"], str(file["unit"]))


def basis_of(evidence: Evidence) -> dict[str, Any]:
    """The same as schema 2 kept it, before it was made JSON text."""
    parts = {"parts": [dataclasses.asdict(part) | {"dof": str(part.dof)} for part in evidence.components]}
    basis: dict[str, Any] = {"kind": str(evidence.kind)}
    if evidence.kind == Kind.SHARE:
        basis |= dict(zip(("value", "reference"), map(basis_of, evidence.of), strict=False))
    elif evidence.kind == Kind.WITNESSES:
        basis |= {"unit": "W", "values": {one.name: basis_of(one) for one in evidence.of}}
    elif evidence.log is not None:
        basis |= dataclasses.asdict(evidence.log)
    elif evidence.kind == Kind.MEAN:
        basis |= {"samples": evidence.samples} | parts
    elif evidence.kind == Kind.STATED:
        basis |= {"value": evidence.value} | parts
    elif evidence.kind != Kind.OBSERVED:
        basis |= parts if evidence.since_s is None else parts | {"since_s": evidence.since_s}
    if evidence.signals:
        signals = [[one.role, one.value, one.at_s] for one in evidence.signals]
        basis |= {"signals": signals, "wall_minus_bench_s": evidence.wall_minus_bench_s}
    return basis


def _measurement(trials: list[Trial], found: list[Latency]) -> Measurement:
    failed = [latency.failed for latency in found if latency.failed]
    slowest = max(trials, key=lambda trial: trial.value or 0.0)
    limits = Limits(high=LIMIT_MS, unit="ms")
    verdicts = [str(latency.judged(DecisionRule(), limits).verdict) for latency in found]
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


def _run(measurement: Measurement, loaded: LoadedRig) -> Run:
    test = TestResult(nodeid=NODE, title="hot cell", duration_s=2.0, measurements=[measurement])
    requirement = Requirement(
        id="SAF-01", **HEAD, text="Text.", text_sha256=hashlib.sha256(WORDING.encode()).hexdigest(), tests=[test]
    )
    return Run(
        title="V2G controller certification",
        started=BEGUN.isoformat(),
        ended=(BEGUN + timedelta(seconds=10)).isoformat(),
        complete=True,
        rig="bench",
        rig_file_text=loaded.text,
        place=loaded.rig.place,
        host={"host": "host", "machine": "x86_64, 2 processors", "kernel": "Linux 6", "frames stamped by": "kernel"},
        evidence="emulated",
        clock="real",
        bench_version="0.1.0",
        controller=Controller(
            name="v2g-daemon",
            version="1.0",
            sha256="ab" * 32,
            kind=loaded.rig.dut.kind,
            command=" ".join(loaded.rig.dut.command),
        ),
        thresholds=thresholds_of(loaded.rig),
        pics={key: str(value) for key, value in loaded.rig.dut.supports.items()},
        requirements=[requirement],
        trials=len(measurement.trials),
    )


def _evidence(t0_s: float, *, silence: bool) -> Evidence:
    shown = Shown(
        role="cell_temperature_max",
        op=">=",
        value=HOT_C,
        tolerance=0.1,
        before={"cell_temperature_max": 25.0},
        asked_s=t0_s - 0.1,
    )
    return Evidence(
        kind=Kind.LATENCY,
        fall=Fall(t0_s=t0_s, fraction=FRACTION, ripple_hz=20_000.0, shown=Shown(silence=True) if silence else shown),
        components=[
            Component(Term.CROSSING, "normal", 1e-6, 1e3, unit="s"),
            Component.rectangular(Term.FRAME_STAMP, 150e-6, 1e3, "kernel", "s"),
            Component.rectangular(Term.DIGITIZER_ZERO, 0.001, 1.0, "data sheet", "A"),
        ],
        wall_minus_bench_s=WALL_S,
    )


def _mark(path: Path, evidence: Evidence | None) -> None:
    """The samples as a run keeps them; with this evidence in marks, as schema 2 had it."""
    with np.load(path) as file:
        marks = {key: file[key] for key in file.files}
    if evidence is not None:
        fall = evidence.fall
        shown = dataclasses.asdict(fall.shown)
        silent = shown.pop("silence")
        marks |= {"fraction": fall.fraction, "ripple_hz": fall.ripple_hz, "wall_minus_bench_s": WALL_S}
        marks["components"] = json.dumps(basis_of(dataclasses.replace(evidence, kind="discharge"))["parts"])
        marks["t0_shown"] = '{"silence": true}' if silent else json.dumps(shown)
    np.savez_compressed(path, **(marks | {"samples": marks["samples"].astype(np.float32)}))


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
