"""A run's captures in the forms that other tools read: MF4 (bus logging) and Parquet (decoded signals), after the run.

BLF is what is written while the run goes on, and stays the evidence; these are made from it, at any time and as often as
one likes: `v2g-bench export RUN`. Both need the packages of the extra `export`.

    main.mf4       every frame, with identifier, flags and stamp (wall clock), as asammdf, CANoe or python-can read it
    main.parquet   one row for each value of a role: stamp_s (wall clock, s), role, value, unit, sound (checksum fits)
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import can
import numpy as np
from numpy.typing import NDArray

from v2g_bench.can import wire
from v2g_bench.can.columns import Columns, FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.trace import raw_counts, values_of
from v2g_bench.errors import BenchError

EXTRA = 'pip install "v2g-bench[export]"'
_FD_LENGTHS = np.array([*range(9), 12, 16, 20, 24, 32, 48, 64])
_NAMES = ("BusChannel", "ID", "IDE", "DLC", "DataLength", "DataBytes", "Dir", "EDL", "BRS", "ESI")
_TYPES = ("<u1", "<u4", "<u1", "<u1", "<u1", "(64,)u1", "<u1", "<u1", "<u1", "<u1")


def export_run(folder: Path) -> list[Path]:
    """Write MF4 and Parquet beside every BLF file of a run folder; their paths.

    BenchError for a folder without capture, a capture that cannot be read, or where a package is missing.
    """
    captures = sorted(folder.glob("*.blf"))
    if not captures:
        raise BenchError(str(folder), "holds no capture (*.blf)", "is it a run folder?")
    database = database_of(folder)
    written = []
    for path in captures:
        columns = read_blf(path)
        written.append(_whole(path.with_suffix(".mf4"), partial(write_mf4, columns)))
        if database is not None:
            written.append(_whole(path.with_suffix(".parquet"), partial(write_parquet, columns, database)))
    return written


def _whole(path: Path, write: Callable[[Path], None]) -> Path:
    """The file, or a BenchError and no file: half of one would look like a whole run."""
    try:
        write(path)
    except BenchError:
        raise
    except Exception as error:
        path.unlink(missing_ok=True)
        raise BenchError(str(path), f"cannot be written: {error}", "is the disk full?") from error
    return path


def database_of(folder: Path) -> BusDatabase | None:
    """The database as the run kept it; None where it was killed before that."""
    dbc, roles = folder / "database" / "bus.dbc", folder / "database" / "roles.json"
    if not dbc.is_file() or not roles.is_file():
        return None
    return BusDatabase.load(dbc, json.loads(roles.read_text(encoding="utf-8")))


def read_blf(path: Path) -> Columns:
    """All frames of a BLF file, also of one whose writer was killed; stamps on the wall clock. BenchError if none can be."""
    store = FrameStore()
    try:
        with can.BLFReader(path) as reader:
            for message in reader:
                flags = (
                    (wire.EXTENDED if message.is_extended_id else 0)
                    | (wire.REMOTE if message.is_remote_frame else 0)
                    | (wire.ERROR if message.is_error_frame else 0)
                    | (wire.FD if message.is_fd else 0)
                    | (wire.BRS if message.bitrate_switch else 0)
                    | (wire.ESI if message.error_state_indicator else 0)
                    | (0 if message.is_rx else wire.ECHO)
                )
                data = bytes(message.data)
                store.append(message.timestamp, -1, message.arbitration_id, flags, message.dlc, data)
    except Exception as error:
        if not store.end:
            raise BenchError(str(path), f"cannot be read as BLF: {error or type(error).__name__}") from error
    return store.since(float("-inf"))


def write_mf4(columns: Columns, path: Path) -> None:
    """Every frame as MDF 4.10 bus logging; BenchError where asammdf is missing."""
    try:
        from asammdf import MDF, Signal
        from asammdf.blocks.v4_blocks import SourceInformation
        from asammdf.blocks.v4_constants import BUS_TYPE_CAN, SOURCE_BUS
    except ImportError:
        raise BenchError(str(path), "asammdf is not installed", EXTRA) from None
    start_s = float(columns.stamp_s[0]) if len(columns) else 0.0
    with MDF(version="4.10") as mdf:
        mdf.header.start_time = datetime.fromtimestamp(start_s, UTC)
        kinds = columns.flags & (wire.ERROR | wire.REMOTE)
        for kind, name in ((0, "CAN_DataFrame"), (wire.ERROR, "CAN_ErrorFrame"), (wire.REMOTE, "CAN_RemoteFrame")):
            frames = columns[kinds == kind]
            if not len(frames) and kind:
                continue
            source = SourceInformation(source_type=SOURCE_BUS, bus_type=BUS_TYPE_CAN)
            samples = _mf4_records(frames, name)
            mdf.append(Signal(samples, frames.stamp_s - start_s, name=name, source=source))
        mdf.save(path, overwrite=True, compression=2)


def _mf4_records(frames: Columns, name: str) -> NDArray[Any]:
    """The frames as the ASAM standard lays a bus event out."""
    chosen = [place for place, field in enumerate(_NAMES) if name != "CAN_RemoteFrame" or field not in _DATA_ONLY]
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


_DATA_ONLY = ("DataBytes", "EDL", "BRS", "ESI")


def _flag(frames: Columns, flag: int) -> NDArray[Any]:
    return np.asarray((frames.flags & flag) != 0, np.uint8)


def write_parquet(columns: Columns, db: BusDatabase, path: Path) -> None:
    """One row for each value of a role, in the order of roles and then of time; BenchError where pyarrow is missing."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise BenchError(str(path), "pyarrow is not installed", EXTRA) from None
    schema = pa.schema(
        [
            ("stamp_s", pa.float64()),
            ("role", pa.dictionary(pa.int32(), pa.string())),
            ("value", pa.float64()),
            ("unit", pa.dictionary(pa.int32(), pa.string())),
            ("sound", pa.bool_()),
        ]
    )
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for spec in db.messages.values():
            frames = columns.of(spec.frame_id, spec.is_extended)
            frames = frames[frames.length >= spec.length]
            good = np.ones(len(frames), bool)
            if spec.e2e is not None:
                data_id, length = spec.e2e.data_id, spec.length
                good = np.array([check(row[:length].tobytes(), data_id) for row in frames.data], bool)
            for role in db.roles_of(spec.name):
                codec = db.codec(role)
                counts = raw_counts(codec, frames.data, spec.length)
                told = np.ones(len(counts), bool) if codec.not_available is None else counts != codec.not_available
                here = int(told.sum())
                rows = [
                    pa.array(frames.stamp_s[told]),
                    pa.DictionaryArray.from_arrays(np.zeros(here, np.int32), pa.array([role])),
                    pa.array(values_of(codec, counts[told])),
                    pa.DictionaryArray.from_arrays(np.zeros(here, np.int32), pa.array([db.unit(role)])),
                    pa.array(good[told]),
                ]
                if here:
                    writer.write_table(pa.Table.from_arrays(rows, schema=schema))
