"""The rig with the responder in the controller's place: what it is started with, as numbers and bytes.

The responder knows no database: it is told which bits of which frame are dangerous, and what its own frame looks like.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.errors import BenchError
from v2g_bench.rig.load import LoadedRig
from v2g_bench.rig.model import Dut

ROLE, DANGEROUS_C = "cell_temperature_max", 45.0
CONFIG = "responder.toml"

_COMMAND_CYCLE_S = 0.01
_PROGRAM = (sys.executable, "-m", "v2g_bench.qualification.responder")
_ARGUMENTS = (
    *("--config", "{folder}/" + CONFIG, "--log", "{folder}/responder.log", "--socket", "{socket}"),
    *("--interface", "{interface}", "--channel", "{channel}", "--inverter", "{inverter_host}:{inverter_port}"),
)
_COMMANDS = {"set_power": ("power", "{power_w}"), "status": ("last",), "reset_trip": ("rest",)}


def with_responder(loaded: LoadedRig, folder: Path) -> LoadedRig:
    """The rig with the responder as its controller; its config is written to `folder`. BenchError without a plant."""
    rig = loaded.rig
    if rig.bms.kind != "emulated" or rig.inverter.kind != "emulated":
        raise BenchError(
            str(loaded.path),
            "qualification needs an emulated BMS and inverter: their own record is the truth it compares with",
            "qualify the bench on a rig that emulates them",
        )
    lines = []
    for section, entries in _config(loaded).items():
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
    return dataclasses.replace(loaded, rig=rig.model_copy(update={"dut": dut}))


def _config(loaded: LoadedRig) -> dict[str, dict[str, Any]]:
    """The tables of the responder's TOML."""
    rig, db = loaded.rig, _database(loaded)
    hot, codec, command = db.message_of(ROLE), db.codec(ROLE), db.message_of("contactor_request")
    data = {state: db.encode(command.name, {"contactor_request": state}, 0).data.hex() for state in (0, 1)}
    return {
        "bus": {"fd": rig.controller_bus.fd},
        "inverter": {"unit_id": rig.inverter.unit_id},
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
        "command": {
            "frame_id": command.frame_id,
            "is_extended": command.is_extended,
            "fd": command.is_fd,
            "brs": command.brs,
            "cycle_s": command.cycle_s or _COMMAND_CYCLE_S,
            "closed": data[1],
            "open": data[0],
        }
        | ({"data_id": command.e2e.data_id} if command.e2e else {}),
    }


def _database(loaded: LoadedRig) -> BusDatabase:
    bms = loaded.rig.bms
    if isinstance(bms.roles, str):
        roles: dict[str, Any] = read_roles(loaded.resolve(bms.roles, "bms.roles"))
    else:
        roles = {role: one if isinstance(one, str) else one.model_dump() for role, one in bms.roles.items()}
    db = BusDatabase.load(loaded.resolve(bms.dbc, "bms.dbc"), roles)
    db.require([ROLE, "contactor_request"])
    return db
