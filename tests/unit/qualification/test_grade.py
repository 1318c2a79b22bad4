"""The grade hardware needs a valid record of every instrument, and says which one is missing."""

import dataclasses
from datetime import UTC, datetime

import pytest

from v2g_bench.instruments.protocols import Identity
from v2g_bench.instruments.trigger_timing import MeasuredTiming
from v2g_bench.qualification.grade import calibration_states, hardware_blocked
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts.instruments import MEASURES
from v2g_bench.rig.parts.trigger_timing import timing_path

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHO = {
    "dc_current": Identity("Keysight Technologies", "34465A", "MY1", "A"),
    "ac_power": Identity("YOKOGAWA", "WT310E", "C2", "F"),
    "multimeter": Identity("FLUKE", "8846A", "99", "1"),
}

TIMING = "[timing]\ntrigger_expanded_s = 1e-6\ntime_base_rel_expanded = 25e-6\n"


def write(path, who, quantity, due="2027-03-01", timing=""):
    head = {"maker": who.maker, "model": who.model, "serial": who.serial, "certificate": "C-1"}
    lines = [f'{key} = "{value}"' for key, value in head.items()] + ["calibrated = 2026-03-01", f"due = {due}"]
    lines += [
        "[[range]]",
        f'quantity = "{quantity}"',
        'unit = "V"',
        "low = -1",
        "high = 1",
        "relative_expanded = 1e-4",
    ]
    path.write_text("\n".join(lines) + "\n" + timing)


@pytest.fixture
def rig(tmp_path, monkeypatch):
    """The hardware example with calibration records that are all in order."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    loaded = load_rig("hardware-example")
    meters = {}
    for name, meter in loaded.rig.meters.named().items():
        path = tmp_path / f"{name}.toml"
        write(path, WHO[name], MEASURES[name], timing=TIMING if name == "dc_current" else "")
        meters[name] = meter.model_copy(update={"calibration": str(path)})
    return with_meters(loaded, **meters)


def with_meters(loaded, **meters):
    changed = loaded.rig.meters.model_copy(update=meters)
    return dataclasses.replace(loaded, rig=loaded.rig.model_copy(update={"meters": changed}))


def path_of(rig, name):
    return rig.path.__class__(rig.rig.meters.named()[name].calibration)


def test_valid_records_block_nothing(rig):
    assert hardware_blocked(rig, WHO, NOW) == []
    assert all(state.ok for state in calibration_states(rig, WHO, NOW).values())


def test_an_emulated_rig_is_not_asked():
    assert hardware_blocked(load_rig("virtual"), {}, NOW) == []
    assert calibration_states(load_rig("virtual"), {}, NOW) == {}


def test_an_expired_record_blocks(rig):
    write(path_of(rig, "ac_power"), WHO["ac_power"], MEASURES["ac_power"], due="2026-10-01")
    (message,) = hardware_blocked(rig, WHO, NOW)
    assert message.startswith("meters.ac_power: ")
    assert "expired on 2026-10-01" in message


def test_a_record_of_another_instrument_blocks(rig):
    other = WHO | {"multimeter": Identity("FLUKE", "8846A", "100", "1")}
    (message,) = hardware_blocked(rig, other, NOW)
    assert "'99'" in message
    assert "'100'" in message


def test_a_missing_record_or_file_blocks(rig):
    none = with_meters(rig, ac_power=rig.rig.meters.ac_power.model_copy(update={"calibration": None}))
    assert "no calibration record" in hardware_blocked(none, WHO, NOW)[0]
    path_of(rig, "dc_current").unlink()
    assert "no such file" in hardware_blocked(rig, WHO, NOW)[0]


def test_the_trigger_may_be_calibrated_or_measured(rig):
    write(path_of(rig, "dc_current"), WHO["dc_current"], MEASURES["dc_current"])
    assert "trigger" in hardware_blocked(rig, WHO, NOW)[0]
    who = WHO["dc_current"]
    timing = MeasuredTiming(
        maker=who.maker,
        model=who.model,
        serial=who.serial,
        rig=rig.rig.name,
        measured=NOW,
        pulses=50,
        offset_s=1e-6,
        sd_s=6e-6,
        expanded_s=6e-6,
    )
    timing.save(timing_path(rig))
    assert hardware_blocked(rig, WHO, NOW) == []
    timing.model_copy(update={"serial": "MY2"}).save(timing_path(rig))
    assert "trigger" in hardware_blocked(rig, WHO, NOW)[0]
    timing_path(rig).write_text("not toml")
    assert "trigger" in hardware_blocked(rig, WHO, NOW)[0]
