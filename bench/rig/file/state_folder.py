"""Where the bench keeps what it has measured of the rigs of this machine."""

import os
from pathlib import Path


def state_folder() -> Path:
    """Where results are kept; see the module's text."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "v2g-bench" / "qualification"
