"""Bus logging as MDF 4.10, as asammdf, CANoe or python-can read it, written piece by piece."""

import io
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from v2g_bench.can import wire
from v2g_bench.can.columns import RECORD, Columns
from v2g_bench.can.spool import Disk, Spool
from v2g_bench.errors import BenchError

EXTRA = 'pip install "v2g-bench[export]"'
_FD_LENGTHS = np.array([*range(9), 12, 16, 20, 24, 32, 48, 64])
_NAMES = ("BusChannel", "ID", "IDE", "DLC", "DataLength", "DataBytes", "Dir", "EDL", "BRS", "ESI")
_TYPES = ("<u1", "<u4", "<u1", "<u1", "<u1", "(64,)u1", "<u1", "<u1", "<u1", "<u1")
_DATA_ONLY = ("DataBytes", "EDL", "BRS", "ESI")
_DATA = "CAN_DataFrame"
_RARE = {wire.ERROR: "CAN_ErrorFrame", wire.REMOTE: "CAN_RemoteFrame"}
_PART = 65_536


class Mf4File:
    """An MF4 file that is being made in `folder`: `add` what comes, in order, then `save`.

    Data frames first, then those error and remote frames that there are: one group for each, times from the first
    frame of all. What has been added waits on the disk. BenchError where asammdf is missing, OSError where the disk
    refuses.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from asammdf import MDF
        except ImportError:
            raise BenchError(str(folder), "asammdf is not installed", EXTRA) from None
        with ExitStack() as opened:
            self._mdf = MDF(version="4.10", temporary_folder=str(folder))
            opened.callback(self._mdf.close)  # as a context it would print what goes wrong, and say nothing
            disk = opened.enter_context(Disk(folder))
            self.close: Callable[[], None] = opened.pop_all().close
        self._rare = {kind: Spool(disk, RECORD) for kind in _RARE}
        self._start_s: float | None = None
        self._groups: dict[str, int] = {}

    def add(self, columns: Columns) -> None:
        """Frames that come after those from before; stamps on the wall clock."""
        if self._start_s is None and len(columns):
            self._start_s = float(columns.timestamp_s[0])
        kinds = columns.flags & (wire.ERROR | wire.REMOTE)
        self._write(columns[kinds == 0], _DATA)
        for kind, spool in self._rare.items():
            spool.add(columns[kinds == kind].records())

    def save(self, path: Path) -> None:
        """Write the file."""
        if _DATA not in self._groups:
            self._write(Columns.from_records(np.zeros(0, RECORD), 0), _DATA, always=True)
        for kind, spool in self._rare.items():
            for records in spool.parts(_PART):
                self._write(Columns.from_records(records, 0), _RARE[kind])
        self._mdf.header.start_time = datetime.fromtimestamp(self._start_s or 0.0, UTC)
        with redirect_stdout(io.StringIO()):  # asammdf prints its speed there when it takes more than ten seconds
            self._mdf.save(path, overwrite=True, compression=2)

    def _write(self, frames: Columns, name: str, *, always: bool = False) -> None:
        if not len(frames) and not always:
            return
        samples, times_s = _records(frames, name), frames.timestamp_s - (self._start_s or 0.0)
        if name in self._groups:
            self._mdf.extend(self._groups[name], [(times_s, None), (samples, None)])
            return
        from asammdf import Signal
        from asammdf.blocks.v4_blocks import SourceInformation
        from asammdf.blocks.v4_constants import BUS_TYPE_CAN, SOURCE_BUS

        source = SourceInformation(source_type=SOURCE_BUS, bus_type=BUS_TYPE_CAN)
        self._groups[name] = self._mdf.append(Signal(samples, times_s, name=name, source=source))


def _records(frames: Columns, name: str) -> NDArray[Any]:
    """The frames as the ASAM standard lays a bus event out."""
    chosen = [place for place, field in enumerate(_NAMES) if name != _RARE[wire.REMOTE] or field not in _DATA_ONLY]
    records = np.zeros(len(frames), np.dtype([(f"{name}.{_NAMES[place]}", _TYPES[place]) for place in chosen]))
    values: dict[str, NDArray[Any]] = {
        "BusChannel": np.ones(len(frames), np.uint8),
        "ID": frames.frame_id,
        "IDE": _flag(frames, wire.EXTENDED),
        "DLC": np.searchsorted(_FD_LENGTHS, frames.length),
        "DataLength": frames.length,
        "DataBytes": frames.data,
        "Dir": _flag(frames, wire.ECHO),
        "EDL": _flag(frames, wire.FD),
        "BRS": _flag(frames, wire.BRS),
        "ESI": _flag(frames, wire.ESI),
    }
    for place in chosen:
        records[f"{name}.{_NAMES[place]}"] = values[_NAMES[place]]
    return records


def _flag(frames: Columns, flag: int) -> NDArray[Any]:
    return np.asarray((frames.flags & flag) != 0, np.uint8)
