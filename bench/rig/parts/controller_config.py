"""The files that the bench writes for the reference EMS: its ems.toml, limits and thermal policy, in the run folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from v2g_bench.rig.file.derived import reference_thresholds
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.file.model import MAX_SOC_PCT, MIN_SOC_PCT
from v2g_bench.rig.parts.opening import roles_of

LIMITS = f"MIN_SOC={MIN_SOC_PCT:g}\nMAX_SOC={MAX_SOC_PCT:g}\n"
POLICY = '{"ACTIVE_COOLING_TRIGGER": "32C"}\n'


def write_reference_config(loaded: LoadedRig, runtime: Path, path: Path, values: Mapping[str, str]) -> None:
    """Write `path` and the files beside it that it names. runtime: the folder of the rig's sockets and state."""
    rig = loaded.rig
    (path.parent / "limits.conf").write_text(LIMITS, encoding="utf-8")
    (path.parent / "thermal-policy.json").write_text(POLICY, encoding="utf-8")
    bus = rig.controller_bus
    sections: dict[str, dict[str, Any]] = {
        "bus": {
            "interface": values["interface"],
            "channel": values["channel"],
            "fd": bus.fd,
            "bitrate": bus.bitrate,
            "data_bitrate": bus.data_bitrate,
            "max_delta": rig.dut.thresholds.counter_max_delta,
        },
        "bms": {"dbc": str(loaded.resolve(rig.bms.dbc, "bms.dbc"))},
        "bms.roles": roles_of(loaded),
        "inverter": {
            "host": values["inverter_host"],
            "port": int(values["inverter_port"]),
            "unit_id": rig.inverter.unit_id,
        },
        "files": {
            "limits": "limits.conf",
            "thermal_policy": "thermal-policy.json",
            "log": values["log"],
            "state": str(runtime / "state" / "ems.json"),
        },
        "control": {"socket": values["socket"]},
        "thresholds": reference_thresholds(rig),
    }
    lines = []
    for section, entries in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml(value)}" for key, value in entries.items()]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")


def _toml(value: object) -> str:
    """A scalar, or an inline table, as TOML. JSON's scalars are TOML's, but for two things:
    TOML knows no surrogate pairs, and wants DEL escaped."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
