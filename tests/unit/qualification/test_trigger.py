"""The trigger's latency: found in records with a known edge, kept, and used for the right instrument alone."""

import dataclasses
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import Identity
from v2g_bench.instruments.trigger_timing import MeasuredTiming, read_timing
from v2g_bench.qualification import trigger
from v2g_bench.qualification.trigger import calibrate, timing_from
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Sync
from v2g_bench.rig.parts.timing import Edge
from v2g_bench.rig.parts.trigger_timing import timing_of, timing_path

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
METER = Identity("Keysight Technologies", "34465A", 'MY"1', "A.03")
DT = 20e-6


def pulses(latency_s, count=100, applied_s=0.0, seed=5):
    """A digitizer whose trigger is late by latency_s, on a free-running grid; the driver takes applied_s for it."""
    rng = np.random.default_rng(seed)
    seen = []
    for number in range(count):
        reported_s = 100.0 + number
        true_s = reported_s + rng.uniform(-5e-6, 5e-6)
        in_record_s = true_s - latency_s + applied_s + rng.uniform(-DT / 2, DT / 2)
        seen.append((in_record_s, Edge(reported_s, 5e-6)))
    return seen


@pytest.mark.parametrize("latency_s", [0.0, 40e-6, -3e-6])
@pytest.mark.parametrize("applied_s", [0.0, 25e-6])
def test_the_latency_is_found_within_its_uncertainty(latency_s, applied_s):
    found = timing_from(pulses(latency_s, applied_s=applied_s), METER, rig="r", now=NOW, applied_s=applied_s)
    assert abs(found.offset_s - latency_s) <= found.expanded_s
    assert found.expanded_s < 10e-6
    assert found.pulses == 100


@pytest.mark.parametrize("applied_s", [None, 25e-6])
def test_a_second_calibration_counts_what_the_driver_takes_for_the_trigger_already(monkeypatch, tmp_path, applied_s):
    digitizer = SimpleNamespace(identity=lambda: METER)
    meters = SimpleNamespace(digitizer=digitizer, trigger_latency_s=lambda: applied_s)
    seen = iter(pulses(40e-6, applied_s=applied_s or 0.0))
    monkeypatch.setattr(trigger, "OpenRig", lambda *given, **how: nullcontext(SimpleNamespace(instruments=meters)))
    monkeypatch.setattr(trigger, "_pulse", lambda parts: next(seen))
    found = calibrate(load_rig("virtual"), 100, tmp_path, strict=False, now=NOW, note=print)
    assert abs(found.offset_s - 40e-6) <= found.expanded_s


def kept(**change):
    return timing_from(pulses(4e-6), METER, rig="bench-3", now=NOW).model_copy(update=change)


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "deep" / "one.toml"
    kept().save(path)
    assert read_timing(path) == kept()
    assert [one.name for one in path.parent.iterdir()] == ["one.toml"]


def test_a_disk_that_refuses(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot be written"):
        kept().save(tmp_path / "file" / "one.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("offset_s", "offset", "offset"),
        ("pulses = 100", "pulses = 2", "pulses"),
        ("expanded_s = ", "expanded_s = -", "expanded_s"),
        ("maker =", "maker", "is not TOML"),
    ],
)
def test_a_broken_record_names_file_and_key(tmp_path, old, new, message):
    path = tmp_path / "one.toml"
    kept().save(path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BenchError, match=message) as caught:
        read_timing(path)
    assert str(path) in str(caught.value)


def test_it_counts_for_the_same_instrument_and_some_time():
    timing = kept()
    assert timing.problem(METER, NOW + timedelta(days=89)) == ""
    assert "91 days ago" in timing.problem(METER, NOW + timedelta(days=91))
    assert timing.problem(METER, NOW - timedelta(days=1))
    other = Identity(METER.maker, METER.model, "MY2", METER.firmware)
    assert "not 'MY2'" in timing.problem(other, NOW)


def test_a_rig_that_was_never_measured_has_none(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    loaded = load_rig("virtual")
    assert timing_of(loaded) is None
    kept().save(timing_path(loaded))
    assert timing_of(loaded) == kept()


def test_few_pulses_and_no_line_are_errors(tmp_path):
    with pytest.raises(BenchError, match="too little"):
        calibrate(load_rig("virtual"), 3, tmp_path, strict=False, now=NOW, note=print)
    loaded = load_rig("hardware-example")
    for bare in (Sync(kind="none"), Sync(kind="gpio", device="/dev/gpiochip0", trigger=17), Sync()):
        rig = dataclasses.replace(loaded, rig=loaded.rig.model_copy(update={"sync": bare}))
        with pytest.raises(BenchError, match=r"sync: no edge is described"):
            calibrate(rig, 20, tmp_path, strict=False, now=NOW, note=print)


def test_the_model_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="colour"):
        MeasuredTiming.model_validate(kept().model_dump() | {"colour": "red"})
