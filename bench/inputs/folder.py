"""What lies in a folder that somebody else may have written, looked at before anything of it is opened.

A FIFO without a writer holds up whoever opens it, a device may answer for ever, and a file of some TB leaves no memory.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from v2g_bench.errors import BenchError

HINT = "remove it: a run folder holds regular files alone"
DEPTH = 16  # folders in each other; a run has two
LARGEST = 1 << 31  # bytes of a file that is read whole
STREAMED = {".blf", ".mf4", ".parquet", ".pcapng"}  # read piece by piece: of any size
_KINDS = {
    stat.S_IFIFO: "is a FIFO",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
}


def odd_entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Whatever cannot be read like a file: its name in the folder and what is wrong with it, in the order of the names.

    A link to a regular file is none: whether it may be there is another question. OSError where the folder is none.
    """
    left = [(folder, 1)]
    while left:
        here, depth = left.pop()
        try:
            entries = sorted(here.iterdir())
        except OSError as error:
            if here == folder:
                raise
            yield here.relative_to(folder).as_posix(), f"cannot be read: {error.strerror}"
            continue
        for path in entries:
            name = path.relative_to(folder).as_posix()
            try:
                if path.is_symlink() and path.is_dir():
                    yield name, "is a link to another folder"
                    continue
                found = path.stat()
            except OSError as error:
                yield name, f"cannot be read: {error.strerror}"
                continue
            if not stat.S_ISDIR(found.st_mode):
                if what := _odd(path, found):
                    yield name, what
            elif depth >= DEPTH:
                yield name, f"lies deeper than {DEPTH} folders"
            else:
                left.append((path, depth + 1))


def require_plain(folder: Path) -> None:
    """BenchError that names the first odd entry of a folder that is there, and how many there are."""
    if folder.is_dir() and (odd := list(odd_entries(folder))):
        name, what = odd[0]
        more = f"; {len(odd)} such entries in all" if len(odd) > 1 else ""
        raise BenchError(str(folder / name), what + more, HINT)


def _odd(path: Path, found: os.stat_result) -> str:
    """What is wrong with what is no folder; "" for nothing."""
    if not stat.S_ISREG(found.st_mode):
        return _KINDS.get(stat.S_IFMT(found.st_mode), "is not a regular file")
    if found.st_size > LARGEST and path.suffix.lower() not in STREAMED:
        return f"has {found.st_size:,} bytes, more than {LARGEST:,}"
    return ""
