"""The rig with the responder in the controller's place: what it is started with, as numbers and bytes.

The responder uses no database: its configuration holds the dangerous bits of each frame and the layout of its own frame.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Literal

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.file.model import Dut

ROLE, DANGEROUS_C = "cell_temperature_max", 45.0
CONFIG = "responder.toml"

By = Literal["plant", "mark"]  # the truth: the emulated world's own record, or a step of the sync line's mark

_COMMAND_CYCLE_S = 0.01
_PROGRAM = (sys.executable, "-m", "v2g_bench.qualification.responder")
_ARGUMENTS = (
    *("--config", "{folder}/" + CONFIG, "--log", "{folder}/responder.log", "--socket", "{socket}"),
    *("--interface", "{interface}", "--channel", "{channel}", "--inverter", "{inverter_host}:{inverter_port}"),
    *("--plant", "{plant}"),
)
_COMMANDS = {"set_power": ("power", "{power_w}"), "status": ("last",), "reset_trip": ("rest",)}


def truth_of(loaded: LoadedRig) -> By:
    """What a rig's qualification compares with where nobody says: the plant's record, or with real parts the mark."""
    emulated = loaded.rig.bms.kind == "emulated" and loaded.rig.inverter.kind == "emulated"
    return "plant" if emulated else "mark"


def with_responder(loaded: LoadedRig, folder: Path, by: By | None = None) -> LoadedRig:
    """The rig with the responder as its controller; its config is written to `folder`.

    by "mark": it switches the sync line's mark, which the bench then leaves to it. BenchError without such a truth.
    """
    rig = loaded.rig
    by = by or truth_of(loaded)
    if by == "plant" and truth_of(loaded) != "plant":
        raise BenchError(
            str(loaded.path),
            "the emulated world's own record can be the truth only where BMS and inverter are emulated",
            "take the sync line's mark: --truth=mark",
        )
    if by == "mark" and not rig.sync.marks(rig.meters.dc_current.emulated):
        raise BenchError(
            f"{loaded.path}: sync",
            "a qualification with real parts switches a wire at the digitizer's input, and none is described",
            "wire one, and name it: sync.mark",
        )
    lines = []
    for section, entries in _config(loaded, by).items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in entries.items())]
    (folder / CONFIG).write_text("\n".join(lines) + "\n", encoding="utf-8")
    dut = Dut.model_validate(
        {
            "kind": "process",
            "name": "responder",
            "command": [*_PROGRAM, *_ARGUMENTS],
            "log": "{folder}/responder.log",
            "commands": {name: [*_PROGRAM, "--ask", "{socket}", *words] for name, words in _COMMANDS.items()},
        }
    )
    changed: dict[str, Any] = {"dut": dut}
    if by == "mark" and rig.sync.wired:
        changed["sync"] = rig.sync.model_copy(update={"mark": None})
    return dataclasses.replace(loaded, rig=rig.model_copy(update=changed))


def _config(loaded: LoadedRig, by: By) -> dict[str, dict[str, Any]]:
    """The tables of the responder's TOML."""
    rig, db = loaded.rig, _database(loaded)
    hot, codec = db.message_of(ROLE), db.codec(ROLE)
    tables: dict[str, dict[str, Any]] = {
        "bus": {"fd": rig.controller_bus.fd},
        "danger": {
            "frame_id": hot.frame_id,
            "is_extended": hot.is_extended,
            "frame_bytes": hot.length,
            "shift": codec.shift,
            "length": codec.length,
            "signed": codec.signed,
            "big_endian": codec.big_endian,
            "limit": float(codec.bound(DANGEROUS_C)),
            "above": codec.above_is_up,
        },
    }
    if by == "plant":
        return tables | {"inverter": {"unit_id": rig.inverter.unit_id}, "command": _command(db)}
    line: dict[str, Any] = {
        "kind": rig.sync.kind,
        "mark": "" if rig.sync.mark is None else rig.sync.mark,
        "inverted": rig.sync.inverted,
    }
    return tables | {"line": line | ({"device": rig.sync.device} if rig.sync.wired else {})}


def _command(db: BusDatabase) -> dict[str, Any]:
    """The controller's cyclic frame."""
    command = db.message_of("contactor_request")
    data = {state: db.encode(command.name, {"contactor_request": state}, 0).data.hex() for state in (0, 1)}
    return {
        "frame_id": command.frame_id,
        "is_extended": command.is_extended,
        "fd": command.is_fd,
        "brs": command.brs,
        "cycle_s": command.cycle_s or _COMMAND_CYCLE_S,
        "closed": data[1],
        "open": data[0],
    } | ({"data_id": command.e2e.data_id} if command.e2e else {})


def _database(loaded: LoadedRig) -> BusDatabase:
    bms = loaded.rig.bms
    if isinstance(bms.roles, str):
        roles: dict[str, Any] = read_roles(loaded.resolve(bms.roles, "bms.roles"))
    else:
        roles = {role: one if isinstance(one, str) else one.model_dump() for role, one in bms.roles.items()}
    db = BusDatabase.load(loaded.resolve(bms.dbc, "bms.dbc"), roles)
    db.require([ROLE, "contactor_request"])
    return db
