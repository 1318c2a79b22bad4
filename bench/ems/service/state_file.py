"""The latches on disk, so that neither a restart nor a power cut releases them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes, replace_text
from v2g_bench.inputs.ranges import Within, shown
from v2g_bench.inputs.text import json_of

STARTS = Within(0, 2**53)

_HINT = "see the log for what was latched, then remove the file"


def save_state(path: Path, latches: Mapping[str, Any]) -> None:
    """Replace the file as a whole. Raises: OSError."""
    replace_text(path, json.dumps(dict(latches)))


def load_state(path: Path) -> dict[str, Any]:
    """The latches; empty if there is no file.

    Raises: BenchError if the file is not what `save_state` writes: what was latched is then unknown.
    """
    try:
        latches = json_of(read_bytes(path), str(path), _HINT)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error}", _HINT) from error
    if not isinstance(latches, dict):
        raise BenchError(str(path), "is not a table of latches", _HINT)
    run = latches.get("run") or {}
    for key in ("starts", "crashes"):
        if not isinstance(run, dict) or run.get(key, 0) not in STARTS:
            raise BenchError(f"{path}: run.{key}", f"{shown(run)} has no number {STARTS}", _HINT)
    return latches
