"""All generations of a log since a mark: what was written before it was rotated, and what came after.

A file is held open, so that a generation that was renamed or deleted is still read to its end. `logrotate` renames a file and
begins another, or copies it and empties it (copytruncate); a copy is read on from where the file had been read. What cannot be
shown to be whole is a *gap*, in words: an absence in such a log proves nothing.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

SHOWN_BYTES = 256  # so many bytes before a place show whether a file still holds what was read of it
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4")
State = tuple[int, int, int, int]


class Generation:
    """One file, open: what it holds from a place on."""

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        """OSError: it cannot be read, or is no file."""
        self._number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        found = os.fstat(self._number)
        if not stat.S_ISREG(found.st_mode):
            code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
            raise OSError(code, os.strerror(code) if code == errno.EISDIR else "Not a regular file")
        self.id = found.st_dev, found.st_ino
        self.start = self.place = found.st_size if from_end else 0
        self._before = self._at(max(0, self.place - SHOWN_BYTES), self.place)
        self.head = self._at(0, min(self.place, SHOWN_BYTES))

    def __del__(self) -> None:
        if (number := getattr(self, "_number", None)) is not None:
            os.close(number)

    def more(self) -> bytes | None:
        """What was written since; None where what was read before is no longer there."""
        if self._at(self.place - len(self._before), self.place) != self._before:
            return None
        new = self._at(self.place, os.fstat(self._number).st_size)
        self._before = (self._before + new)[-SHOWN_BYTES:]
        self.place += len(new)
        if len(self.head) < SHOWN_BYTES:
            self.head = self._at(0, min(self.place, SHOWN_BYTES))
        return new

    def begun_again(self) -> bytes:
        """What it holds since it was emptied. Who does not append leaves zeros in front."""
        self.start, self.place, self._before, self.head = 0, 0, b"", b""
        return (self.more() or b"").lstrip(b"\0")

    def rest_in(self, path: Path) -> bytes:
        """What a copy of it holds beyond what was read of it; all of what is no copy."""
        whole = Generation(path).more() or b""
        return whole[self.place :] if self.head and whole.startswith(self.head) else whole

    def _at(self, begin: int, end: int) -> bytes:
        parts = b""
        while begin + len(parts) < end and (
            part := os.pread(self._number, end - begin - len(parts), begin + len(parts))
        ):
            parts += part
        return parts


class Generations:
    """Of the log at this path, from now on. `content` grows with each `look`, `gaps` with what may be lost."""

    def __init__(self, path: Path) -> None:
        """OSError: as of `look`."""
        self._path = path
        self.content = b""
        self.gaps: list[str] = []
        self.count = 1  # generations that were read
        self._packed = 0
        self._held: list[Generation] = []
        self._linked = path.is_symlink()
        self._known = set(dict(self._family()))
        if path.exists():
            self._held.append(Generation(path, from_end=True))

    @property
    def looked(self) -> tuple[int, int]:
        """First and last place of what was read of the latest one."""
        return (self._held[-1].start, self._held[-1].place) if self._held else (0, 0)

    def look(self) -> None:
        """Read what was written since the last look. OSError: the log cannot be read."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            found = None  # between two generations, or not there yet: those that are held may still grow
        for held in self._held[:-1]:
            self.content += held.more() or b""
        if self._held and (new := self._held[-1].more()) is not None:
            self.content += new
        elif self._held:
            self._emptied(self._held[-1])
        if found is not None and (not self._held or (found.st_dev, found.st_ino) != self._held[-1].id):
            if self._held:
                self._replaced()
                self.count += 1
            self._held.append(Generation(self._path))
            self.content += self._held[-1].more() or b""

    def _emptied(self, held: Generation) -> None:
        """The file was truncated: what was written between the last look and that is in a copy, if anywhere."""
        copies = [path.name for path in self._new(held) if path.suffix not in PACKED]
        kept = f"after a copy to {', '.join(copies)}" if copies else "without a copy of it"
        self.gaps.append(f"{self._path.name} was emptied {kept}: lines that were written meanwhile may be lost")
        self.content += held.begun_again()
        self.count += 1

    def _replaced(self) -> None:
        """Another file has the name: those between the two are read as well, if they can be found."""
        beside = {(found.st_dev, found.st_ino) for _, found in self._files()}
        away = [held for held in self._held if held.id not in beside]
        packed = [path.name for path in self._new(self._held[-1]) if path.suffix in PACKED]
        self._packed += len(packed)
        if self._linked or len(away) != self._packed:
            how = f"{', '.join(packed)}: packed" if packed else "the one before is no longer beside it"
            self.gaps.append(f"{self._path.name} was begun again ({how}): one between the two would not be seen")

    def _new(self, last: Generation) -> Iterator[Path]:
        """Files of the log's family that were not there before, read; of a copy of the last one what is new in it."""
        held = {one.id for one in self._held} | {_id(self._path)}
        for state, path in sorted(self._family(), key=lambda one: one[0][2]):
            if state in self._known or state[:2] in held:
                continue
            self._known.add(state)
            if path.suffix not in PACKED:
                try:
                    self.content += last.rest_in(path)
                except OSError as error:
                    self.gaps.append(f"{path.name} cannot be read: {error.strerror}")
            yield path

    def _family(self) -> Iterator[tuple[State, Path]]:
        """Its older generations, by the names that are usual: v2g.log.1, v2g.log-20261130, v2g-1.log."""
        name, stem, suffix = map(re.escape, (self._path.name, self._path.stem, self._path.suffix))
        packed = "|".join(map(re.escape, PACKED))
        like = re.compile(rf"{name}[-._].+|{stem}[-._]\d[-._\dT]*{suffix}({packed})?")
        for path, found in self._files():
            if like.fullmatch(path.name):
                yield (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size), path

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            for entry in os.scandir(self._path.parent):
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry.path), entry.stat(follow_symlinks=False)
        except OSError:  # it is gone, or may not be listed: then nothing of it is found
            return


def _id(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
