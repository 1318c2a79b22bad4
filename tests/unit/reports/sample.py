"""A run with everything in it: all five verdicts, void trials, a lost waveform's place, text that tries to escape."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from v2g_bench.reports.model.run import (
    BudgetRow,
    BudgetTable,
    Controller,
    Instrument,
    Measurement,
    Qualification,
    Requirement,
    Run,
    TestResult,
    Trial,
)

HOSTILE = 'cost: $x^2$ #panic("no") *b* _i_ `r` @ref <script>alert("x")</script> & "quoted" \\ [c] ]]> 漢 \x07 end'


def write_shutdown(
    path: Path, latency_s: float, *, limit_s: float = 0.05, before: float = -7.5, seed: int = 1, falls: bool = True
) -> None:
    """A current that flows, with ripple and noise, until it decays (tau 1.5 ms) through 5 % at t0 + latency_s."""
    rng = np.random.default_rng(seed)
    t0_s, dt_s, fraction, tau_s = 1000.0 + seed, 20e-6, 0.05, 0.0015
    start_s = t0_s - 0.05
    t = start_s + dt_s * np.arange(7500) - t0_s
    samples = np.full(t.shape, before)
    if falls:
        off = latency_s + tau_s * np.log(fraction)
        samples = np.where(t < off, before, before * np.exp(-np.clip(t - off, 0, None) / tau_s))
    samples = samples + 0.04 * np.abs(samples) * np.sin(2 * np.pi * 20000.0 * t + seed) + rng.normal(0, 0.01, t.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        samples=samples,
        start_s=start_s,
        dt_s=dt_s,
        unit="A",
        t0_s=t0_s,
        threshold=fraction * abs(before),
        t1_s=t0_s + latency_s if falls else np.nan,
        limit_s=t0_s + limit_s,
        guard_s=t0_s + limit_s - 0.0003,
        before=before,
    )


def write_power_trace(path: Path) -> None:
    """AC power at 10 Hz: a discharge that should have ended and is seen again."""
    t = 0.1 * np.arange(80)
    power = np.where(t < 3.0, -3000.0, -20.0) + 12 * np.sin(7 * t)
    power[(t > 4.8) & (t < 5.6)] -= 192.0
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        samples=power,
        start_s=500.0,
        dt_s=0.1,
        unit="W",
        quantity="AC power",
        limit_low=-100.0,
        event_s=np.array([502.96, 504.8]),
        event_text=np.array(["0x09BD logged", "discharge seen"]),
    )


def latency(folder: Path, name: str, values_ms: list[float], *, voids: int = 0, limit_ms: float = 50.0) -> Measurement:
    """A measured isolation latency with one waveform for each trial, judged against `limit_ms` with a guard band."""
    trials = []
    for index, value in enumerate(values_ms, 1):
        path = f"waveforms/{name}-{index}.npz"
        before = 7.3 if "charging" in name and "dis" not in name else -7.5
        write_shutdown(folder / path, value / 1e3, limit_s=limit_ms / 1e3, before=before, seed=index)
        void = index <= voids
        trials.append(
            Trial(
                index=index,
                value=value,
                expanded=0.3,
                void=void,
                t0_s=1000.0 + index,
                t1_s=1000.0 + index + value / 1e3,
                t0_source="own-frame echo, kernel stamp",
                phase_s=0.0071 * index,
                waveform=path,
                void_reason="the host stalled for 14 ms between t0 and t1" if void else "",
            )
        )
    worst_ms = max(v for v, trial in zip(values_ms, trials, strict=True) if not trial.void)
    passed = worst_ms + 0.3 <= limit_ms
    return Measurement(
        name=name,
        quantity="isolation latency",
        value=worst_ms,
        unit="ms",
        expanded=0.3,
        k=2.0,
        limit_high=limit_ms,
        limit_text=f"below {limit_ms:g} ms",
        rule="guarded acceptance, guard band w = U (ILAC-G8)",
        p_conform=0.99999 if passed else 0.00001,
        verdict="PASS" if passed else "FAIL",
        statement=f"{worst_ms:.1f} ms ± 0.3 ms",
        trials=trials,
        claim=f"the largest of {len(values_ms) - voids} trials at random phases of the bus cycle",
    )


def _requirement(number: str, title: str, **rest: object) -> Requirement:
    text = str(rest.pop("text", f"The controller behaves as this statement says: {title}."))
    digest = hashlib.sha256(text.encode()).hexdigest()
    values = {"family": "safety", "source": "V2G manual, Admin Desk, emergency shutdown", "text": text} | rest
    return Requirement(id=number, title=title, text_sha256=digest, **values)  # type: ignore[arg-type]


def _node(name: str) -> str:
    return f"tests/conformance/safety/test_isolation.py::{name}"


def _isolations(folder: Path) -> list[Requirement]:
    hot = [
        TestResult(
            nodeid=_node(f"test_hot_cell_isolates[{way}]"),
            title=f"hot cell, {way}",
            verdict="PASS",
            duration_s=14.2,
            measurements=[latency(folder, f"hot-{way}", values, voids=1)],
            log=f"{way}: cell 17 to 45.5 °C\nBMS_Safety carries 45.5 °C: read back\ncurrent gone\n",
        )
        for way, values in (
            ("discharging", [31.0, 21.9, 23.4, 22.2, 20.1, 22.8]),
            ("charging", [24.9, 21.0, 22.7, 23.1]),
        )
    ]
    apart = [
        TestResult(
            nodeid=_node(f"test_strings_isolate[{way}]"),
            title=f"strings apart, {way}",
            duration_s=12.0,
            verdict="",
            measurements=[latency(folder, f"strings-{way}", values)],
            reason=reason,
        )
        for way, values, reason in (
            ("charging", [22.9, 21.2, 22.4], ""),
            ("discharging", [22.1, 61.3, 23.0], "isolation latency 61.3 ms ± 0.3 ms is above its limit of 50 ms"),
        )
    ]
    text = (
        "When any cell temperature is above 45 °C, the controller isolates the pack: the DC current falls below 5 % of "
        "its value before the fault, and stays there, within 50 ms of the end of the first CAN frame that carries the "
        "temperature."
    )
    method = "over-temperature injected at the BMS; DC current digitised at the pack"
    return [
        _requirement(
            "SAF-01",
            "hot cell isolates",
            limit="50 ms",
            method=method,
            text=text,
            tests=hot,
            statement="23.4 ms ± 0.3 ms",
        ),
        _requirement("SAF-02", "diverging strings isolate", limit="50 ms", method=method, tests=apart),
    ]


def _others(folder: Path) -> list[Requirement]:
    write_power_trace(folder / "waveforms/soc.npz")
    soc = Measurement(
        name="power",
        quantity="AC power after 0x09BD",
        value=-212.0,
        unit="W",
        expanded=18.0,
        k=2.0,
        limit_low=-100.0,
        verdict="FAIL",
        statement="discharge of 212 W seen 1.84 s after 0x09BD",
        p_conform=0.0,
        rule="guarded acceptance",
        trials=[Trial(index=1, value=-212.0, expanded=18.0, waveform="waveforms/soc.npz", t0_source="bus stamp")],
    )
    emi = Measurement(
        name="disagreement",
        quantity="meter against inverter",
        value=140.0,
        unit="W",
        expanded=60.0,
        k=2.0,
        verdict="INCONCLUSIVE",
    )
    never = "tests/conformance/soc/test_soc.py::"
    return [
        _requirement(
            "SAF-09",
            "SoC divergence blocks V2G",
            limit="no discharge beyond 100 W",
            tests=[
                TestResult(
                    nodeid=never + "test_divergence",
                    verdict="FAIL",
                    duration_s=8,
                    measurements=[soc],
                    reason="discharge of 212 W seen 1.84 s after 0x09BD",
                    log=HOSTILE,
                )
            ],
        ),
        _requirement(
            "SAF-11",
            "EMI: charge-only",
            statement="meter and inverter disagree by 140 W, combined U 60 W",
            tests=[
                TestResult(
                    nodeid=never + "test_emi", measurements=[emi], duration_s=31.5, reason="meter and inverter disagree"
                )
            ],
        ),
        _requirement(
            "THM-03",
            "cooling starts at 32 °C",
            family="thermal",
            tests=[
                TestResult(
                    nodeid=never + "test_cooling",
                    verdict="ERROR",
                    duration_s=2.0,
                    reason="meters.ac_power: no answer within 2 s\nis the instrument on?",
                )
            ],
        ),
        _requirement(
            "SOC-01",
            "soft limits are kept",
            family="soc",
            source="V2G manual, step 2",
            statement="held at 25 %",
            tests=[TestResult(nodeid=never + "test_limits[25]", verdict="PASS", duration_s=3.3)],
        ),
        _requirement(
            "NET-02",
            "OCPP telemetry inside 100 ms",
            family="network",
            verdict="NOT APPLICABLE",
            not_applicable_reason='the controller does not claim ocpp (dut.supports.ocpp = "")',
        ),
    ]


def _budget() -> BudgetTable:
    rows = [
        BudgetRow(
            name="t0: kernel stamp of the own frame",
            distribution="rectangular",
            u=0.08,
            contribution=0.08,
            source="stamp against sync pulse, 400 pulses",
        ),
        BudgetRow(
            name="t1: crossing of the threshold",
            distribution="normal",
            u=0.11,
            contribution=0.11,
            dof=49,
            source="noise over slope at the crossing",
        ),
        BudgetRow(
            name="digitizer time base",
            distribution="rectangular",
            u=0.0007,
            sensitivity=50.0,
            contribution=0.035,
            source="data sheet: 25 ppm over 50 ms",
        ),
    ]
    return BudgetTable(title="isolation latency", unit="ms", rows=rows, u=0.14, dof=129.0, k=2.0, expanded=0.28)


def sample_run(folder: Path, **changes: object) -> Run:
    """The sample, its waveforms written into `folder`; `changes` replace fields of the run."""
    qualification = Qualification(
        date="2026-11-20",
        verdict="PASS",
        text="A responder of known delay stood in for the controller.",
        rows=[
            {"set delay": "20.000 ms", "measured": "20.03 ms ± 0.30 ms", "error": "+0.03 ms"},
            {"set delay": "49.000 ms", "measured": "48.96 ms ± 0.30 ms", "error": "−0.04 ms"},
        ],
    )
    run = Run(
        title="Conformance of a V2G controller",
        started="2026-11-22T22:14:07Z",
        ended="2026-11-22T22:31:52Z",
        complete=True,
        rig="vcan0",
        rig_file_text='name = "vcan0"\nevidence = "emulated"\n\n[bus.bms]\ninterface = "v2g"\n',
        evidence="emulated",
        clock="real",
        marks=["userland bus in place of SocketCAN vcan0"],
        bench_version="0.1.0",
        commit="3f5c2a9d0b7e41aa90cc1d22ee73f0a1b2c3d4e5",
        dirty=True,
        lock_sha256="ab" * 32,
        controller=Controller(
            name="v2g-daemon", version="0.1.0", sha256="cd" * 32, kind="process", command="v2g-daemon --config ems.toml"
        ),
        instruments=[
            Instrument(
                part="meters.dc_current",
                identity="Keysight 34465A, MY5400, A.03",
                emulated=True,
                resource="TCPIP::127.0.0.1::hislip0,4880::INSTR",
                calibration="calibration/34465a-MY5400.toml",
            ),
            Instrument(
                part="meters.ac_power",
                identity="Yokogawa WT300E, C3, F1.04",
                emulated=True,
                resource="TCPIP::127.0.0.1::5025::SOCKET",
            ),
        ],
        host={"machine": "x86_64, 2 cores", "kernel": "Linux 6.1", "Python": "3.11.9", "clock": "CLOCK_MONOTONIC"},
        seed=20261122,
        thresholds={"isolation": "50 ms", "cell temperature": "45 °C", "string difference": "300 mV"},
        pics={"bidirectional": "true", "ocpp": ""},
        requirements=[*_isolations(folder), *_others(folder)],
        budgets=[_budget()],
        qualification=qualification,
        operator="night job",
        place="bench 3",
        decision_rule="guarded acceptance after ILAC-G8: PASS only if the value plus U lies inside the limit",
        deviations=["the AC analyzer was exchanged after its second timeout", HOSTILE],
        voids=2,
        trials=16,
        exit_status=1,
    )
    return dataclasses.replace(run, **changes)  # type: ignore[arg-type]
