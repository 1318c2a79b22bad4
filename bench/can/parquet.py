"""Decoded signals as Parquet, written piece by piece: one row for each value of a role."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.columns import Columns
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import check
from v2g_bench.can.mf4 import EXTRA
from v2g_bench.can.spool import Disk, Spool
from v2g_bench.can.trace import have_values, raw_counts, values_of
from v2g_bench.errors import BenchError

ROWS = 65_536  # that are in memory at once, and in a row group


class ParquetFile:
    """A Parquet file that is being made in `folder`: `add` what comes, in order, then `save`.

    Its rows are in the order of roles and then of time; until `save` the frames of each message wait on the disk.
    BenchError where pyarrow is missing, OSError where the disk refuses.
    """

    def __init__(self, folder: Path, db: BusDatabase) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise BenchError(str(folder), "pyarrow is not installed", EXTRA) from None
        self._db, self._pa, self._writer = db, pa, parquet.ParquetWriter
        disk = Disk(folder)
        self.close = disk.close
        self._frames: dict[str, tuple[MessageSpec, Spool]] = {}
        for name, spec in db.messages.items():
            row = np.dtype([("stamp_s", "<f8"), ("sound", "?"), ("data", "u1", (spec.length,))])
            self._frames[name] = spec, Spool(disk, row)

    def add(self, columns: Columns) -> None:
        """Frames that come after those from before; stamps on the wall clock."""
        for spec, spool in self._frames.values():
            frames = columns.carrying(spec)
            frames = frames[frames.length >= spec.length]
            rows = np.empty(len(frames), spool.dtype)
            rows["stamp_s"], rows["sound"] = frames.timestamp_s, True
            rows["data"] = frames.data[:, : spec.length]
            if spec.e2e is not None:
                data_id = spec.e2e.data_id
                rows["sound"] = [check(row.tobytes(), data_id) for row in rows["data"]]
            spool.add(rows)

    def save(self, path: Path) -> None:
        """Write the file."""
        pa = self._pa
        kinds = pa.dictionary(pa.int32(), pa.string())
        names = {"stamp_s": pa.float64(), "role": kinds, "value": pa.float64(), "unit": kinds, "sound": pa.bool_()}
        schema = pa.schema(list(names.items()))
        with self._frugal(), self._writer(path, schema, compression="zstd") as writer:
            for name in self._frames:
                for role in self._db.roles_of(name):
                    for timestamp_s, values, sound in self._values(name, self._db.codec(role)):
                        unit = self._same(self._db.unit(role), len(values))
                        output = [timestamp_s, self._same(role, len(values)), values, unit, sound]
                        writer.write_table(pa.Table.from_arrays([pa.array(one) for one in output], schema=schema))

    @contextmanager
    def _frugal(self) -> Iterator[None]:
        """Arrow's own allocator keeps what was freed: 60 MB more for a file of any size."""
        before = self._pa.default_memory_pool()
        self._pa.set_memory_pool(self._pa.system_memory_pool())
        try:
            yield
        finally:
            self._pa.set_memory_pool(before)

    def _same(self, text: str, rows: int) -> Any:
        """A column with the same value in every row."""
        return self._pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), self._pa.array([text]))

    def _values(self, name: str, codec: SignalCodec) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
        """(stamp_s, value, sound) of the frames that have a value of this role."""
        spec, spool = self._frames[name]
        for rows in spool.parts(ROWS):
            counts = raw_counts(codec, rows["data"], spec.length)
            output = have_values(codec, counts)
            if output.any():
                yield rows["stamp_s"][output], values_of(codec, counts[output]), rows["sound"][output]
