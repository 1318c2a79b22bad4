"""What a controller must speak (fixtures/your-controller.md) is what database, SunSpec models and rig file say."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from v2g_bench.bms.emulator import COMMAND_TIMEOUT_S
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import EMS_ROLES, read_roles
from v2g_bench.commands.costs import OPTIONAL, OWN
from v2g_bench.ems.model import events
from v2g_bench.inverter.points import model_points
from v2g_bench.rig.dut.controller import COMMAND_S, STOP_S
from v2g_bench.rig.file.model import CommandName, Dut

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "fixtures" / "your-controller.md").read_text().split("## What a controller must speak")[1]
POINTS = ("704.WSetEna", "704.WSetMod", "704.WSet", "704.WSet_SF", "715.OpCtl", "715.ControllerHb", "701.St", "701.W")
CODED = {"0x01A2", "0x09BD", "0x0B22", "0x05F1"}


@pytest.fixture(scope="module")
def database():
    dbc = ROOT / "dbc" / "v2g_bms_fd.dbc"
    return BusDatabase.load(dbc, read_roles(dbc.with_suffix(".roles.toml")))


def message_row(database, spec):
    roles = dict.fromkeys(role.partition("[")[0] for role in database.roles_of(spec.name))
    protected = f"data id {spec.e2e.data_id}" if spec.e2e else "no"
    shown = ", ".join(f"`{role}`" for role in roles) or "—"
    cells = (
        f"`{spec.name}`",
        f"0x{spec.frame_id:03X}",
        f"{spec.length}",
        f"{spec.cycle_s * 1000:g} ms",
        protected,
        shown,
    )
    return f"| {' | '.join(cells)} |"


def point_row(key, meaning):
    model, _, name = key.partition(".")
    point = {one.name: one for one in model_points(int(model))}[name]
    return f"| `{key}` | {point.offset} | {point.kind} | {meaning} |"


def test_the_frames_both_ways(database):
    rows = [message_row(database, spec) for side in ("EMS", "BMS") for spec in database.senders(side)]
    assert [row for row in rows if row not in PAGE.splitlines()] == []
    assert re.findall(r"^\| `(\w+)` \| 0x", PAGE, re.MULTILINE) == [
        spec.name for side in ("EMS", "BMS") for spec in database.senders(side)
    ]


def test_what_the_controllers_own_signals_mean(database):
    assert all(f"`{role}`" in PAGE for role in EMS_ROLES)
    assert f"{COMMAND_TIMEOUT_S * 1000:g} ms" in PAGE


@pytest.mark.parametrize("key", POINTS)
def test_the_registers(key):
    (meaning,) = re.findall(rf"^\| `{re.escape(key)}` \| \d+ \| \w+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert point_row(key, meaning) in PAGE.splitlines()


def test_the_commands():
    rows = dict(re.findall(r"^\| `(\w+)` \| ((?:`\{\w+\}`(?:, )?)*|—) \|", PAGE, re.MULTILINE))
    assert set(rows) == set(get_args(CommandName))
    for name, shown in rows.items():
        assert set(re.findall(r"\{(\w+)\}", shown)) == OWN.get(name, set()), name
    assert all(f"`{{{name}}}` may be left out" in PAGE for name in OPTIONAL)
    assert f"{COMMAND_S:g} s" in PAGE
    assert f"{STOP_S:g} s" in PAGE


def test_the_codes_are_those_of_the_manual():
    known = {one.code: one for one in vars(events).values() if isinstance(one, events.Event)}
    rows = re.findall(r"^\| `(0x\w+|[A-Z_]{6,})` \| (.+?) \| (.+?) \|", PAGE, re.MULTILINE)
    assert {code for code, *_ in rows} == {*CODED, "EMERGENCY_SHUTDOWN", "ERR_BMS_TIMEOUT", "FAULT_INVERTER_OFFLINE"}
    for code, title, on_can in rows:
        assert title == known[code].title
        assert on_can == (f"0x{known[code].number:04X}" if known[code].number else "—")


def test_each_requirement_that_it_names_is_one():
    known = {path.stem for path in (ROOT / "tests" / "conformance").glob("*/requirements/*.md")}
    assert set(re.findall(r"\b(?!CRC)[A-Z]{3}-\d\d\b", PAGE)) <= known


def test_how_the_log_and_the_status_are_read_is_the_default_of_a_rig_file():
    dut = Dut(kind="process")
    for pattern in (dut.trip_told, dut.status_told["trip_latched"], dut.status_told["power_setpoint"]):
        assert pattern.strip("\\b") in PAGE
    assert f"{dut.ready_s:g} s" in PAGE
    example = tomllib.loads((ROOT / "fixtures" / "example" / "rig.toml").read_text())["dut"]["commands"]
    assert all(f"`{name}`" in PAGE for name in example)
