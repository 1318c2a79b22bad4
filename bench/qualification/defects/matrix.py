"""The matrix of the seeded defects as a file: kept beside the qualification, taken from there into a run."""

import json
from pathlib import Path


def evidence(folder: Path | None = None) -> dict[str, str]:
    """File name -> text of every matrix that this very bench has made, for the folder of a run; empty if there is none."""
    from v2g_bench.qualification.result import this_bench
    from v2g_bench.rig.file.state_folder import state_folder

    found, here = {}, this_bench()
    for path in sorted((folder or state_folder()).glob("defects-*.json")):
        try:
            text = path.read_text("utf-8")
            made_by = json.loads(text).get("made_by")
        except (OSError, ValueError):
            continue  # a file that cannot be read proves nothing
        if made_by == here:
            found[path.name] = text
    return found
