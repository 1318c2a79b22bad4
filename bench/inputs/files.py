"""How the controller reads and replaces files: regular ones alone, at once, and never more than it has room for.

A FIFO without a writer would hold up whoever opens it, a device may answer for ever, and a file of some GB is none that
anybody wrote for a controller.
"""

import errno
import os
import stat
from pathlib import Path

SETTINGS_MAX = 1_000_000  # bytes; what people write by hand is far below


def present(path: Path) -> bool:
    """Whether anything exists there; what cannot be examined counts as existing, so that reading reports the reason."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def read_bytes(path: Path, max_bytes: int = SETTINGS_MAX) -> bytes:
    """All of a regular file. Raises: OSError, also for what is no regular file or holds more than `max_bytes`."""
    _require_regular(path, path.stat())  # before it is opened: to open a device or a FIFO can do something
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(fd, "rb", buffering=0) as file:
        _require_regular(path, os.fstat(fd))
        parts, size = [], 0
        while part := file.read(min(1 << 20, max_bytes + 1 - size)):
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise OSError(errno.EFBIG, f"it is larger than {max_bytes} bytes", str(path))
    return b"".join(parts)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """`read_bytes` as text with its newlines as they are. Raises: OSError, UnicodeDecodeError."""
    return read_bytes(path).decode(encoding)


def require_regular(path: Path) -> None:
    """Raises: OSError when nothing exists there, or no regular file."""
    _require_regular(path, path.stat())


def replace_text(path: Path, text: str) -> None:
    """Replace the file as a whole, through to the disk. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(fd)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # without it a power cut may bring the old file back
    finally:
        os.close(folder)


def _require_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
