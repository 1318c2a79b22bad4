"""Files of a run folder: whole or not at all.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     write_atomic(Path(folder) / "a.txt", b"whole")
...     (Path(folder) / "a.txt").read_bytes()
b'whole'
"""

import os
import tempfile
from pathlib import Path

from v2g_bench.errors import BenchError

SUITE = "suite.json"  # the run's own copy of the list of requirements and tests


def write_atomic(path: Path, content: bytes) -> None:
    """Write beside `path`, flush to the disk, rename: never half a file. BenchError if the disk refuses."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)  # still there only if something went wrong
    except OSError as error:
        raise BenchError(str(path), f"cannot be written: {error.strerror}", "is the disk full or read-only?") from error
