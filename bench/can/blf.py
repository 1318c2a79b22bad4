"""BLF files: written so that they can be read at any moment, and read piece by piece, whatever their size.

A file whose writer was stopped at any byte gives every frame up to its last whole `flush`.

    file = BlfFile(path); file.write(message); file.flush()
    for columns in read_blf(path): ...
"""

import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import can
import numpy as np
from can.io import BLFReader, BLFWriter
from can.io.blf import FILE_HEADER_SIZE, LOG_CONTAINER, LOG_CONTAINER_STRUCT
from numpy.typing import NDArray

from v2g_bench.can import wire
from v2g_bench.can.blfobjects import OtherObjectError, records_of
from v2g_bench.can.columns import RECORD, Columns, FrameStore
from v2g_bench.errors import BenchError

CHUNK = 65_536  # frames that are in memory at once while a file is read
_OBJECT = struct.Struct("<4sHHLL")  # signature, header size, header version, object size, kind
_STORED, _DEFLATED = b"\0\0", b"\2\0"


class BlfFile:
    """A BLF file of one bus, channel 1, that is being written."""

    def __init__(self, path: Path) -> None:
        try:
            self._writer = BLFWriter(path)
            self._writer.file.flush()  # never a file without its header
        except OSError as error:
            raise BenchError(str(path), f"cannot be written: {error.strerror}") from error

    def write(self, message: can.Message) -> None:
        """Add one frame, stamped on the wall clock; OSError if the disk refuses."""
        # Channels of this bench have names, and BLF wants numbers: one bus, one file, channel 1.
        message.channel = None
        first = self._writer.start_timestamp is None
        self._writer.on_message_received(message)
        if first:
            self._write_header()

    def flush(self) -> None:
        """Whatever was written is in the file from now on, also for who reads it after a kill; OSError as `write`."""
        self._writer._flush()  # python-can has no public way to write a container before it is full
        self._write_header()

    def close(self) -> None:
        """Flush, and close the file."""
        self._writer.stop()

    def _write_header(self) -> None:
        """It has the time of the first frame, which all stamps count from; python-can writes it at the end alone."""
        file = self._writer.file
        end = max(FILE_HEADER_SIZE, file.tell())
        file.seek(0)
        self._writer._write_header(end)
        file.seek(end)
        file.flush()


def read_blf(path: Path) -> Iterator[Columns]:
    """All frames of a BLF file in parts of at most CHUNK, also of one whose writer was killed; stamps on the wall clock.

    None for an empty capture. BenchError if it cannot be read from its beginning.
    """
    done, pending = 0, [np.zeros(0, RECORD)]
    try:
        for records in _records(path):
            pending.append(records)
            if sum(map(len, pending)) >= CHUNK:
                whole = np.concatenate(pending)
                pending = [whole[len(whole) // CHUNK * CHUNK :]]
                for first in range(0, len(whole) - len(pending[0]), CHUNK):
                    yield Columns.from_records(whole[first : first + CHUNK], done)
                    done += CHUNK
    except Exception as error:
        if not done + sum(map(len, pending)):
            raise BenchError(str(path), f"cannot be read as BLF: {error or type(error).__name__}") from error
    if len(rest := np.concatenate(pending)):
        yield Columns.from_records(rest, done)


def _records(path: Path) -> Iterator[NDArray[Any]]:
    """The frames of one container after the other; a killed writer's last one as far as it goes."""
    if not _begun(path):
        return
    done = 0
    try:
        for records in _fast(path):
            yield records
            done += len(records)
    except OtherObjectError:
        yield from _slow(path, done)


def _fast(path: Path) -> Iterator[NDArray[Any]]:
    """OtherObjectError at what is not from python-can's writer."""
    with BLFReader(path) as reader:  # it reads the header
        file, tail = reader.file, b""
        while len(head := file.read(_OBJECT.size)) == _OBJECT.size:
            signature, _, _, size, kind = _OBJECT.unpack(head)
            if signature != b"LOBJ":
                raise ValueError("an object does not begin where it should")
            content = file.read(size - _OBJECT.size)
            if len(content) < min(size - _OBJECT.size, LOG_CONTAINER_STRUCT.size):
                return  # a killed writer was here
            file.read(size % 4)
            if kind != LOG_CONTAINER or content[:2] not in (_STORED, _DEFLATED):
                raise OtherObjectError
            packed = content[LOG_CONTAINER_STRUCT.size :]
            data = tail + (packed if content[:2] == _STORED else zlib.decompressobj().decompress(packed))
            records, used = records_of(data, reader.start_timestamp)
            tail = data[used:]
            yield records


def _slow(path: Path, skip: int) -> Iterator[NDArray[Any]]:
    """The frames after the first `skip`, by python-can."""
    store, broken = FrameStore(), None
    with BLFReader(path) as reader:
        try:
            for message in itertools.islice(reader, skip, None):
                data = bytes(message.data)
                store.append(message.timestamp, -1, message.arbitration_id, flags_of(message), message.dlc, data)
                if store.end == CHUNK:
                    yield store.since(float("-inf")).records()
                    store = FrameStore()
        except Exception as error:  # noqa: BLE001  raised after what was read before it
            broken = error
    yield store.since(float("-inf")).records()
    if broken is not None:
        raise broken


def _begun(path: Path) -> bool:
    """False for a file whose writer was killed before its header was whole; ValueError for no BLF file."""
    with path.open("rb") as file:
        head = file.read(FILE_HEADER_SIZE)
    if not b"LOGG".startswith(head[:4]):
        raise ValueError("it does not begin as one")
    return len(head) == FILE_HEADER_SIZE


def flags_of(message: can.Message) -> int:
    """The flags of `wire` of a message."""
    return (
        (wire.EXTENDED if message.is_extended_id else 0)
        | (wire.REMOTE if message.is_remote_frame else 0)
        | (wire.ERROR if message.is_error_frame else 0)
        | (wire.FD if message.is_fd else 0)
        | (wire.BRS if message.bitrate_switch else 0)
        | (wire.ESI if message.error_state_indicator else 0)
        | (0 if message.is_rx else wire.ECHO)
    )
