"""What the bench writes for the reference EMS is what that EMS reads: every rig's values, wherever the run folder lies."""

import dataclasses
import json
from types import SimpleNamespace

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.ems.model.config import load_config
from v2g_bench.ems.model.limits import SocLimits, load_limits
from v2g_bench.ems.model.thermal_policy import ThermalPolicy, load_policy
from v2g_bench.rig.file.load import load_rig, shipped_rigs
from v2g_bench.rig.parts.controller_config import write_reference_config

RIGS = sorted(name for name, path in shipped_rigs().items() if "[bus.main]" in path.read_text())
ODD = [
    "😀",
    "del\x7f",
    "with space",
    'a "quote"',
    "back\\slash",
    "tick'",
    "hash # [x] = 1",
    "{braces}",
    "Gerät",
    "tab\there",
    "a\nline",
]


def parts_of(loaded, folder):
    roles = read_roles(loaded.resolve(loaded.rig.bms.roles, "bms.roles"))
    return SimpleNamespace(loaded=loaded, roles=roles, runtime=folder / "runtime")


def written(parts, folder, **values):
    """The configuration as the EMS reads it from what was written into the folder."""
    folder.mkdir(exist_ok=True)
    path = folder / "ems.toml"
    known = {"interface": "v2g_userland", "channel": str(folder / "hub"), "inverter_host": "127.0.0.1"}
    known |= {"inverter_port": "1502", "log": str(folder / "v2g.log"), "socket": str(folder / "ems")}
    write_reference_config(parts.loaded, parts.runtime, path, known | values)
    return load_config(path)


@pytest.fixture
def virtual(tmp_path):
    return parts_of(load_rig("virtual"), tmp_path)


def with_rig(parts, **changes):
    loaded = dataclasses.replace(parts.loaded, rig=parts.loaded.rig.model_copy(update=changes))
    return SimpleNamespace(loaded=loaded, roles=parts.roles, runtime=parts.runtime)


def test_there_are_rigs_to_write_for():
    assert {"virtual", "classic", "sim", "vcan0"} <= set(RIGS)


@pytest.mark.parametrize("name", RIGS)
def test_the_ems_reads_what_the_rig_says(name, tmp_path):
    parts = parts_of(load_rig(name), tmp_path)
    config, rig = written(parts, tmp_path / "run"), parts.loaded.rig
    bus = rig.bus["main"]
    assert config.bus.fd == bus.fd
    assert (config.inverter.unit_id, config.thresholds.rated_power_w) == (
        rig.inverter.unit_id,
        rig.inverter.rated_power_w,
    )
    assert config.bms.roles == parts.roles
    assert BusDatabase.load(config.bms.dbc, config.bms.roles).has("cell_temperature_max")


def test_it_reads_where_it_is_wired_to(virtual, tmp_path):
    config = written(virtual, tmp_path, interface="v2g_userland", channel="vcan7", inverter_host="::1")
    assert (config.bus.interface, config.bus.channel) == ("v2g_userland", "vcan7")
    assert (config.inverter.host, config.inverter.port) == ("::1", 1502)
    assert config.control.socket == tmp_path / "ems"
    assert config.files.log == tmp_path / "v2g.log"
    assert config.files.state.is_relative_to(virtual.runtime)


def test_the_bit_rates_are_those_of_the_rig(virtual, tmp_path):
    main = virtual.loaded.rig.bus["main"].model_copy(update={"bitrate": 250_000, "data_bitrate": 4_000_000})
    bus = written(with_rig(virtual, bus={"main": main}), tmp_path).bus
    assert (bus.bitrate, bus.data_bitrate) == (250_000, 4_000_000)


def test_a_power_and_a_unit_of_its_own(virtual, tmp_path):
    inverter = virtual.loaded.rig.inverter.model_copy(update={"rated_power_w": 7_400.0, "unit_id": 126})
    config = written(with_rig(virtual, inverter=inverter), tmp_path)
    assert (config.thresholds.rated_power_w, config.inverter.unit_id) == (7_400.0, 126)


def test_what_the_report_prints_as_thresholds_is_what_the_ems_judges_by(virtual, tmp_path):
    reported = virtual.loaded.rig.dut.thresholds
    lower = {key: type(value)(value * 0.9) for key, value in reported.model_dump().items()}  # a whole number stays one
    changed = reported.model_copy(update=lower)
    dut = virtual.loaded.rig.dut.model_copy(update={"thresholds": changed})
    config = written(with_rig(virtual, dut=dut), tmp_path)
    judged_by = config.thresholds.model_dump() | {"counter_max_delta": config.bus.max_delta}
    assert lower.items() <= judged_by.items()
    assert [key for key, value in reported.model_dump().items() if lower[key] == value] == []


def test_an_inverted_signal_stays_inverted(virtual, tmp_path):
    signal = virtual.roles["pack_current"]
    signal = signal if isinstance(signal, str) else signal["signal"]
    roles = virtual.roles | {"pack_current": {"signal": signal, "invert": True}}
    bms = virtual.loaded.rig.bms
    inverted = with_rig(virtual, bms=type(bms).model_validate(bms.model_dump() | {"roles": roles}))
    role = written(inverted, tmp_path).bms.roles["pack_current"]
    assert role == {"signal": signal, "invert": True, "unit": "", "labels": {}}


def test_limits_and_policy_lie_beside_it_and_hold_the_manuals_example(virtual, tmp_path):
    files = written(virtual, tmp_path / "run").files
    assert files.limits.parent == files.thermal_policy.parent == tmp_path / "run"
    assert load_limits(files.limits) == SocLimits(25.0, 75.0)
    assert load_policy(files.thermal_policy) == ThermalPolicy(32.0)
    assert json.loads(files.thermal_policy.read_text()) == {"ACTIVE_COOLING_TRIGGER": "32C"}


@pytest.mark.parametrize("name", ODD)
def test_a_folder_may_be_called_anything(name, tmp_path):
    folder = tmp_path / name
    parts = parts_of(load_rig("virtual"), folder)
    config = written(parts, folder)
    assert (config.files.log, config.control.socket) == (folder / "v2g.log", folder / "ems")
    assert config.bus.channel == str(folder / "hub")
    assert config.files.state.is_relative_to(folder / "runtime")
    assert config.files.limits.is_file()


def test_a_database_may_lie_in_such_a_folder(virtual, tmp_path):
    shipped = virtual.loaded.resolve(virtual.loaded.rig.bms.dbc, "bms.dbc")
    own = tmp_path / 'my "cells"' / "B M S.dbc"
    own.parent.mkdir()
    own.write_bytes(shipped.read_bytes())
    bms = virtual.loaded.rig.bms.model_copy(update={"dbc": str(own)})
    assert written(with_rig(virtual, bms=bms), tmp_path).bms.dbc == own
