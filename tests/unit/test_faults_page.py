"""The page of all faults (fixtures/faults.md) says what the classes say: fields, effects, what they show, which rigs can."""

import dataclasses
import inspect
import re
import tomllib
from pathlib import Path

import pytest

from v2g_bench.bms.tampering import MANNERS, SCOPES
from v2g_bench.can.roles import ROLES
from v2g_bench.errors import BenchError
from v2g_bench.faults import FAULTS, WireFault

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "fixtures" / "faults.md").read_text()
UNITS = {
    "v": "V", "mv": "mV", "c": "°C", "k": "K", "w": "W", "pct": "%", "ms": "ms", "us": "µs", "hz": "Hz", "m": "m", "kwh": "kWh",
    "k_per_s": "K/s", "mv_per_s": "mV/s", "pct_per_s": "%/s",
}  # fmt: skip
EXAMPLES = {"direction": "charge", "role": "soc", "manner": "freeze", "scope": "all", "missing": 1, "good_of": 2}


def unit(name):
    """Of a field, by the end of its name, the longest that fits; "" for a plain number or a word."""
    ends = [end for end in UNITS if name == end or name.endswith(f"_{end}")]
    return UNITS[max(ends, key=len)] if ends else {"volts": "V"}.get(name, "")


def example(kind):
    """One fault of this kind, for what it shows."""
    needed = [one for one in dataclasses.fields(kind) if one.default is dataclasses.MISSING or one.name == "loss_pct"]
    for value in (20.0, 4, 1, 0.1):
        try:
            return kind(**{one.name: EXAMPLES.get(one.name, value) for one in needed})
        except (BenchError, TypeError):
            continue
    raise AssertionError(kind)


def call(kind):
    found = []
    for one in dataclasses.fields(kind):
        default = "" if one.default is dataclasses.MISSING else f"={one.default!r}".replace("'", '"')
        found.append(f"{one.name}{default}")
    return f"`{kind.__name__}({', '.join(found)})`"


def units(kind):
    named = [(one.name, unit(one.name)) for one in dataclasses.fields(kind)]
    return ", ".join(f"{name} {one}" for name, one in named if one) or "—"


def shows(kind):
    fault = example(kind)
    if isinstance(fault, WireFault):
        return "the wires"
    roles = [role for role in (one.partition("[")[0] for one in fault.signals()) if role in ROLES]
    if roles:
        return ", ".join(f"`{role}`" for role in dict.fromkeys(roles))
    return "its frames" if fault.transmit() is not None else "nothing"


def rigs(kind):
    fault = example(kind)
    if isinstance(fault, WireFault):
        return "physics"
    return "all" if fault.on_the_bus() else "emulated BMS"


def meaning(kind):
    return " ".join(inspect.getdoc(kind).split("\n\n")[0].split())


def row(kind):
    cells = (f"`{kind.kind}`", call(kind), units(kind), meaning(kind), shows(kind), rigs(kind))
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.kind)
def test_its_row_is_what_the_class_says(kind):
    assert row(kind) in PAGE.splitlines()


def test_there_is_no_other_row():
    assert re.findall(r"^\| `(\w+)` \| `\w+\(", PAGE, re.MULTILINE) == [kind.kind for kind in FAULTS]


def test_the_rigs_with_physics_are_those_that_the_page_names():
    tables = {path.stem: tomllib.loads(path.read_text()) for path in (ROOT / "rigs").glob("*.toml")}
    physics = {name for name, rig in tables.items() if any(bus.get("physics") for bus in rig["bus"].values())}
    (line,) = re.findall(r"^- `physics`: (.+)$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([\w-]+)`", line)) == physics


def test_the_manners_and_scopes_of_tampered_frames():
    page = PAGE.split("The manners of `TamperedFrames`")[1]
    assert re.findall(r"^\| `(\w+)` ", page, re.MULTILINE) == [one for one in MANNERS if one != "write"]
    assert [one for one in SCOPES if f"`{one}`" not in page.split("| manner")[0]] == []
