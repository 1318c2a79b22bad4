"""Verdicts that are no latencies: recomputed from what they were computed from, and a forged one is found."""

import dataclasses
import json

import can
import numpy as np
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.evidence.compute import recomputed
from v2g_bench.evidence.record import (
    ORDERED,
    Change,
    Evidence,
    Kind,
    LogSearch,
    Sequence,
    Signal,
    mean_of,
    observed,
    share_of,
    stated,
    witnesses,
)
from v2g_bench.evidence.shutdown import ASKED, REQUEST, STATE
from v2g_bench.metrology.component import Component, Term
from v2g_bench.metrology.decision import DecisionRule, Limits
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Measurement, Requirement, TestResult, Trial
from v2g_bench.reports.verify.rejudge import FIGURES, LOG, NOTHING, READINGS, WAVEFORM, rejudge
from v2g_bench.rig.measuring.trace import save

AROUND = Limits(-3060.0, -2940.0, "W")
READ_W = [-3001.0, -2999.0, -3000.5, -2999.5, -3000.0]


def power(samples, accuracy_w=6.0):
    parts = [Component.of_samples(Term.REPEATABILITY, samples), Component.rectangular("accuracy", accuracy_w)]
    return mean_of(samples, parts)


def judged(evidence, limits, record=None, **more):
    """A measurement whose figures are those of its evidence."""
    found = recomputed(evidence, record)
    decision = found.judged(DecisionRule(), limits)
    trials = [Trial(index=1, waveform="waveforms/0009.npz", evidence=evidence)] if record else []
    return Measurement(
        name="m",
        value=found.value,
        unit=limits.unit,
        expanded=found.uncertainty.expanded,
        k=found.uncertainty.k,
        limit_high=limits.high,
        limit_low=limits.low,
        p_conform=decision.p_conform,
        verdict=str(decision.verdict),
        trials=trials,
        evidence=None if record else evidence,
        **more,
    )


def plain(**values):
    return Measurement(**{"name": "m", "verdict": "PASS", **values})


@pytest.fixture(params=[2, 3])
def recompute(kept, tmp_path, request):
    """The verification of one run that holds this measurement alone; its folder is tmp_path / "run". As either schema
    keeps its evidence."""
    base = kept.kept_run(tmp_path / "run", schema=request.param)

    def recompute(measurement):
        if request.param == 2 and not measurement.basis:
            measurement = as_schema_2(kept, measurement)
        test = TestResult(nodeid="t.py::test", measurements=[measurement])
        run = dataclasses.replace(base, requirements=[Requirement(id="R", title="r", tests=[test])])
        result = Verification()
        rejudge(tmp_path / "run", run, "non-binary", set(), result)
        return result

    return recompute


def as_schema_2(kept, m):
    """The measurement with its evidence, and its trials', in its basis."""
    found = m.evidence or next((trial.evidence for trial in m.trials), None)
    trials = [dataclasses.replace(trial, evidence=None) for trial in m.trials]
    return dataclasses.replace(m, trials=trials, evidence=None, basis=json.dumps(kept.basis_of(found)) if found else "")


def current(kind, tmp_path, samples, **marks):
    """A measurement whose waveform lies in the run folder."""
    wave = Waveform(10.0, 1e-3, np.asarray(samples) + np.random.default_rng(1).normal(0, 0.002, len(samples)))
    names = {Kind.LEAST_SHARE: (Term.NOISE, Term.ZERO), Kind.DISCHARGE: (Term.NOISE, Term.ZERO, Term.GAIN)}
    parts = [Component(name, "normal", 0.003) for name in names[kind]]
    save(tmp_path / "run/waveforms/0009.npz", wave)
    limits = Limits(high=0.14, unit="A") if kind == Kind.DISCHARGE else Limits(low=10.0, unit="%")
    return judged(Evidence(kind=kind, components=parts, **marks), limits, wave)


def test_a_mean_of_readings_is_recomputed_from_each_of_them(recompute):
    m = judged(power(READ_W), AROUND)
    result = recompute(m)
    assert result.ok, result.findings
    assert result.verdicts == [("t.py::test m", READINGS)]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"value": -2990.0}, "value: results.json says -2990 W, recomputed -3000 W"),
        ({"expanded": 1.0}, "U: results.json says 1 W"),
        ({"verdict": "FAIL"}, "results.json says FAIL, recomputed: PASS"),
        ({"limit_high": -3020.0}, "recomputed: FAIL"),
        ({"p_conform": 0.5}, "probability of conformity: results.json says 0.5000"),
        ({"value": None}, "results.json says None W"),
        ({"evidence": Evidence(kind="guess")}, "unknown kind: 'guess'"),
        ({"evidence": Evidence(kind=Kind.SHARE)}, "cannot be recomputed"),
        ({"evidence": Evidence(kind=Kind.DISCHARGE)}, "cannot be recomputed"),
        ({"evidence": Evidence(kind=Kind.LATENCY)}, "cannot be recomputed"),
        ({"evidence": Evidence(kind=Kind.LOG)}, "cannot be recomputed"),
        ({"basis": "{", "evidence": None}, "cannot be recomputed"),
    ],
)
def test_a_forged_figure_is_found(recompute, changes, text):
    forged = dataclasses.replace(judged(power(READ_W), AROUND), **changes)
    found = [finding.text for finding in recompute(forged).findings]
    assert any(text in one for one in found), found


def test_a_share_of_two_readings(recompute):
    m = judged(share_of(power([-1500.0, -1501.0]), power(READ_W)), Limits(high=90.0, unit="%"))
    assert m.value == pytest.approx(50.02, abs=0.01)
    assert recompute(m).ok
    assert not recompute(dataclasses.replace(m, value=40.0)).ok


@pytest.mark.parametrize(
    ("kind", "samples", "marks", "verdict"),
    [
        (Kind.LEAST_SHARE, [-8.0] * 300, {"since_s": 10.1}, "PASS"),
        (Kind.LEAST_SHARE, [-8.0] * 200 + [0.0] * 100, {"since_s": 10.1}, "FAIL"),
        (Kind.DISCHARGE, [0.05] * 300, {}, "PASS"),
        (Kind.DISCHARGE, [0.05] * 200 + [-3.0] * 50 + [0.0] * 50, {}, "FAIL"),
    ],
)
def test_the_extreme_of_a_waveform(recompute, tmp_path, kind, samples, marks, verdict):
    m = current(kind, tmp_path, samples, **marks)
    assert m.verdict == verdict
    result = recompute(m)
    assert result.ok, result.findings
    assert result.verdicts == [("t.py::test m", WAVEFORM)]
    other = {"PASS": "FAIL", "FAIL": "PASS"}[verdict]
    assert not recompute(dataclasses.replace(m, verdict=other)).ok


def test_other_samples_are_another_verdict(recompute, tmp_path):
    m = current(Kind.DISCHARGE, tmp_path, [0.05] * 300)
    save(tmp_path / "run/waveforms/0009.npz", Waveform(10.0, 1e-3, np.full(300, -4.0)))
    assert {finding.kind for finding in recompute(m).findings} == {"verdict"}
    (tmp_path / "run/waveforms/0009.npz").unlink()
    assert "cannot be recomputed" in recompute(m).findings[0].text


def log_line(tmp_path, text, pattern="0x01A2", **changes):
    (tmp_path / "run/v2g-main.log").write_text(text)
    search = LogSearch(pattern=pattern, file="v2g-main.log", searched=[10, len(text)])
    evidence = Evidence(kind=Kind.LOG, log=search)
    return plain(**{"value": 1.0, "unit": "s", "limit_high": 5.0, "evidence": evidence, **changes})


def elsewhere(m, file):
    """The same, from another log."""
    log = dataclasses.replace(m.evidence.log, file=file)
    return dataclasses.replace(m, evidence=dataclasses.replace(m.evidence, log=log))


def test_the_log_is_searched_once_more_where_it_was_searched(recompute, tmp_path):
    result = recompute(log_line(tmp_path, "started...\nWARNING 0x01A2 hot\n"))
    assert result.ok, result.findings
    assert result.verdicts == [("t.py::test m", LOG)]
    assert not recompute(log_line(tmp_path, "started...\nall is well\n")).ok
    assert recompute(log_line(tmp_path, "started...\nall is well\n", verdict="FAIL")).ok
    assert not recompute(log_line(tmp_path, "0x01A2....\nof an earlier fault\n")).ok, "before the mark"
    assert not recompute(log_line(tmp_path, "started...\n0x01A2\n", value=6.0)).ok, "too late"
    short = log_line(tmp_path, "started...\nWARNING 0x01A2 hot\n")
    (tmp_path / "run/v2g-main.log").write_text("start")
    assert "ends before byte" in recompute(short).findings[0].text


def test_a_log_outside_the_folder_leaves_the_stored_figures(recompute, tmp_path):
    m = log_line(tmp_path, "0x01A2")
    assert recompute(elsewhere(m, "")).verdicts == [("t.py::test m", FIGURES)]
    assert "must lie inside the run folder" in recompute(elsewhere(m, "../x.log")).findings[0].text


def test_witnesses_are_said_again_from_their_own_readings(recompute):
    inverter = [Component.rectangular("accuracy", 60.0)]
    values = {"meter": power(READ_W), "inverter": stated(-3010.0, inverter)}
    apart = values | {"inverter": stated(-3300.0, inverter)}
    for found, verdict in ((values, "PASS"), (apart, "INCONCLUSIVE")):
        result = recompute(plain(value=0.1, limit_high=1.0, verdict=verdict, evidence=witnesses(found)))
        assert result.ok, result.findings
        assert not recompute(plain(value=0.1, limit_high=1.0, verdict="FAIL", evidence=witnesses(found))).ok


@pytest.mark.parametrize(
    ("stated_as", "how", "fits"),
    [
        ({"value": 1.0, "limit_low": 1.0}, FIGURES, True),
        ({"value": 0.0, "limit_low": 1.0}, FIGURES, False),
        ({"value": 0.0, "limit_low": 1.0, "verdict": "FAIL"}, FIGURES, True),
        ({"value": 49.0, "expanded": 0.2, "k": 2.0, "limit_high": 50.0}, FIGURES, True),
        ({"value": 49.9, "expanded": 0.2, "k": 2.0, "limit_high": 50.0}, FIGURES, False),
        ({"value": 49.9, "expanded": 0.2, "k": 2.0, "limit_high": 50.0, "verdict": "INCONCLUSIVE"}, FIGURES, True),
        ({"value": None, "verdict": "INCONCLUSIVE"}, NOTHING, True),
        ({"value": 3.0}, NOTHING, False),
    ],
)
def test_what_has_no_raw_data_is_judged_from_its_figures(recompute, stated_as, how, fits):
    result = recompute(plain(**stated_as))
    assert result.ok is fits, result.findings
    assert [found for _, found in result.verdicts] == [how]


def asked(kept, value, at_s):
    """An observation that rests on a signal."""
    signals = [Signal(role="cell_temperature_max", value=value, at_s=at_s)]
    evidence = dataclasses.replace(observed(), signals=signals, wall_minus_bench_s=kept.WALL_S)
    return plain(value=1.0, limit_low=1.0, evidence=evidence)


def test_signals_that_a_verdict_rests_on_are_looked_for_in_the_capture(kept, recompute, tmp_path):
    """The capture of the kept run shows 25 °C until t0 = 1001 s, and 45.5 °C from then on."""

    def seen(value, at_s):
        return asked(kept, value, at_s)

    assert recompute(seen(25.0, 1000.99)).ok
    assert "1 signals that verdicts rest on found in the capture" in recompute(seen(25.0, 1000.99)).done
    assert recompute(seen(45.5, 1001.02)).ok
    (wrong,) = recompute(seen(45.5, 1000.95)).findings
    assert "was taken as 45.5 at 1000.950 s, the capture says 25" in wrong.text
    assert "the capture says nothing" in recompute(seen(25.0, 500.0)).findings[0].text


def test_a_damaged_frame_tells_no_signal(kept, recompute, tmp_path):
    folder = tmp_path / "run"
    roles = json.loads((folder / "database/roles.json").read_text())
    db = BusDatabase.load(folder / "database/bus.dbc", roles)
    message = db.encode(db.message_of("cell_temperature_max").name, {"cell_temperature_max": 60.0}, 1)
    message.timestamp, message.channel = kept.WALL_S + 2000.0, None
    message.data[8] ^= 0xFF
    with can.BLFWriter(folder / "main.blf") as writer:
        writer.on_message_received(message)
    assert "the capture says nothing" in recompute(asked(kept, 60.0, 2000.1)).findings[0].text


def test_signals_without_the_offset_of_the_clocks_are_found(kept, recompute):
    m = asked(kept, 25.0, 1000.99)
    lacking = dataclasses.replace(m, evidence=dataclasses.replace(m.evidence, wall_minus_bench_s=None))
    assert "cannot be recomputed" in recompute(lacking).findings[0].text


T0_S = 3000.0
CAPTURED = [(REQUEST, 1.0, 2999.9), (STATE, 2.0, 2999.91), (REQUEST, 0.0, 3000.021), (STATE, 0.0, 3000.04)]


@pytest.fixture
def shutdown(kept, recompute, tmp_path):
    """The verification of a run whose capture shows CAPTURED, and whose results say this of the bus."""
    folder = tmp_path / "run"
    db = BusDatabase.load(folder / "database/bus.dbc", json.loads((folder / "database/roles.json").read_text()))
    with can.BLFWriter(folder / "main.blf") as writer:
        for count, (role, value, at_s) in enumerate(CAPTURED):
            message = db.encode(db.message_of(role).name, {role: value}, count)
            message.timestamp, message.channel = kept.WALL_S + at_s, None
            writer.on_message_received(message)

    def verified(*stated):
        changes = [Change(role=role, value=value, at_s=at_s) for role, value, at_s in stated]
        seen = Sequence(t0_s=T0_S, until_s=T0_S + 1.0, fraction=0.05, orders=True, changes=changes)
        parts = [Component.rectangular(Term.FRAME_STAMP, 0.0001, 1000.0, unit="s")]
        evidence = Evidence(
            kind=Kind.SEQUENCE, name=ASKED, sequence=seen, components=parts, wall_minus_bench_s=kept.WALL_S
        )
        return recompute(judged(evidence, Limits(high=30.0, unit="ms")))

    return verified


THIRD_SCHEMA = pytest.mark.parametrize("recompute", [3], indirect=True)  # the first that keeps sequences


@THIRD_SCHEMA
def test_a_shutdown_is_found_in_the_capture(shutdown):
    result = shutdown((ORDERED, 0.0, 3000.001), *CAPTURED)
    assert result.ok
    assert "1 shutdowns compared with the capture" in result.done


@THIRD_SCHEMA
@pytest.mark.parametrize(
    "forged",
    [
        [*CAPTURED[:2], (REQUEST, 0.0, 3000.015), CAPTURED[3]],  # earlier than it was
        CAPTURED[:3],  # an opening that is left out
        [*CAPTURED, (REQUEST, 1.0, 3000.5)],  # a closing that nobody asked for
        [CAPTURED[0], (STATE, 1.0, 2999.91), *CAPTURED[2:]],  # another state before
    ],
    ids=["time", "left out", "added", "before"],
)
def test_a_shutdown_that_the_capture_does_not_show_is_found(shutdown, forged):
    (wrong, *_) = shutdown(*forged).findings
    assert "is not what results.json says; the capture says" in wrong.text


@THIRD_SCHEMA
def test_a_shutdown_without_a_capture_is_said_not_to_have_been_looked_for(shutdown, tmp_path):
    (tmp_path / "run" / "main.blf").unlink()
    assert any("1 shutdowns were not looked for" in note for note in shutdown(*CAPTURED).notes)
