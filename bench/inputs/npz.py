"""NumPy's .npz from outside, read whole: a damaged ZIP archive in it fails in a dozen ways, and each is a BenchError."""

import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import require_regular

MOST_BYTES = 4 << 30  # unpacked; an hour of a digitizer at 100 kHz has 3 GB
DAMAGED = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(ValueError, KeyError, TypeError, SyntaxError, NotImplementedError, RuntimeError, MemoryError, OverflowError),
)
"""What zipfile, the unpackers and NumPy raise at an archive that is none, or is damaged; besides OSError."""


def read_npz(path: Path, name: str = "") -> dict[str, Any]:
    """Its arrays by name. name: what an error calls the file. BenchError where it cannot be read, nothing is unpickled."""
    where = name or str(path)
    try:
        require_regular(path)
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST_BYTES:
            raise BenchError(where, f"unpacks to {size:,} bytes, more than {MOST_BYTES:,}")
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
    except OSError as error:
        raise BenchError(where, f"cannot be read: {error.strerror or error}") from error
    except DAMAGED as error:
        raise BenchError(where, f"cannot be read: {str(error) or type(error).__name__}") from error
    if odd := sorted(key for key, one in found.items() if not isinstance(one, np.ndarray)):
        raise BenchError(where, f"holds {odd[0]}, which is no array")
    return found
