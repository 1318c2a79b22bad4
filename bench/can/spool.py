"""Rows on their way through the disk: what is written out after all is known need not wait in memory.

>>> import tempfile
>>> with Disk(Path(tempfile.gettempdir())) as disk:
...     rows = Spool(disk, np.dtype("<u4"))
...     for _ in range(3):
...         rows.add(np.arange(4))
...     [part.tolist() for part in rows.parts(5)]
[[0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3]]
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Disk:
    """A file without a name in `folder`, for any number of spools; it ends with its process. OSError if it refuses."""

    def __init__(self, folder: Path) -> None:
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by `close`

    def close(self) -> None:
        """Give the room back."""
        self.file.close()

    def __enter__(self) -> "Disk":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Spool:
    """Rows of one kind. In memory are 100 bytes for each `add`, so add many at once."""

    def __init__(self, disk: Disk, dtype: np.dtype[Any]) -> None:
        self.dtype, self._file = dtype, disk.file
        self._places: list[tuple[int, int]] = []

    def add(self, rows: NDArray[Any]) -> None:
        """Keep these after those from before."""
        if len(rows):
            self._places.append((self._file.seek(0, 2), len(rows)))
            self._file.write(np.ascontiguousarray(rows, self.dtype).view(np.uint8).data)

    def parts(self, count: int) -> Iterator[NDArray[Any]]:
        """All rows in order, in parts of at least `count` but for the last; as often as one likes.

        A part is invalid when the next one is requested: they share their memory.
        """
        groups: list[list[tuple[int, int]]] = [[]]
        for one in self._places:
            if sum(rows for _, rows in groups[-1]) >= count:
                groups.append([])
            groups[-1].append(one)
        room = np.empty(max(sum(rows for _, rows in group) for group in groups), self.dtype)
        for group in groups:
            filled = 0
            for place, rows in group:
                self._file.seek(place)
                self._file.readinto(room[filled : filled + rows].view(np.uint8).data)
                filled += rows
            if filled:
                yield room[:filled]
