"""BLF files: written so that they can be read at any moment, and read piece by piece, whatever their size.

A file whose writer was stopped at any byte gives every frame up to its last whole `flush`. Each flush also writes into the
header how many frames that are: a file that gives fewer was damaged or cut off afterwards, and that is an error.

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
_APPLICATION, _OURS = 8, 5  # where a header says which application wrote the file, and what python-can writes there
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

    None for an empty capture. BenchError if it cannot be read from its beginning; and, after all frames that can be read,
    if there have been more.
    """
    done, pending, broken = 0, [np.zeros(0, RECORD)], None
    try:
        for records in _records(path):
            pending.append(records)
            if sum(map(len, pending)) >= CHUNK:
                whole = np.concatenate(pending)
                pending = [whole[len(whole) // CHUNK * CHUNK :]]
                for first in range(0, len(whole) - len(pending[0]), CHUNK):
                    yield Columns.from_records(whole[first : first + CHUNK], done)
                    done += CHUNK
    except Exception as error:  # noqa: BLE001  told after what was read before it
        broken = error
    if len(rest := np.concatenate(pending)):
        yield Columns.from_records(rest, done)
    if broken is not None:
        frames, why = done + len(rest), broken or type(broken).__name__
        what = (
            f"is damaged or cut off, {frames} frames can be read: {why}" if frames else f"cannot be read as BLF: {why}"
        )
        raise BenchError(str(path), what, "take it from the run's bundle, or from where it was copied") from broken


def _records(path: Path) -> Iterator[NDArray[Any]]:
    """The frames of one container after the other; a killed writer's last one as far as it goes."""
    if (head := _head(path)) is None:
        return
    done = 0
    try:
        for records in _fast(path, ours=head[_APPLICATION] == _OURS):
            yield records
            done += len(records)
    except OtherObjectError:
        yield from _slow(path, done)


def _fast(path: Path, *, ours: bool) -> Iterator[NDArray[Any]]:
    """OtherObjectError at what is not from python-can's writer; ValueError where frames that were flushed are missing."""
    with BLFReader(path) as reader:  # it reads the header
        # Before the first flush the header counts what was in memory alone.
        flushed = reader.object_count if reader.file_size > FILE_HEADER_SIZE else 0
        found, broken = 0, None
        try:
            for records in _containers(reader, ours=ours):
                found += len(records)
                yield records
        except OtherObjectError:
            raise
        except Exception as error:  # noqa: BLE001  behind the last flush it is what a killed writer has left
            broken = error
        if found < flushed:
            raise ValueError(f"its header counts {flushed}") from broken


def _containers(reader: BLFReader, *, ours: bool) -> Iterator[NDArray[Any]]:
    """The frames of each. ours: nothing but containers has been written."""
    file, tail = reader.file, b""
    while len(head := file.read(_OBJECT.size)) == _OBJECT.size:
        signature, _, _, size, kind = _OBJECT.unpack(head)
        if signature != b"LOBJ" or (ours and kind != LOG_CONTAINER):
            raise ValueError("an object does not begin where it should")
        content = file.read(size - _OBJECT.size)
        if len(content) < min(size - _OBJECT.size, LOG_CONTAINER_STRUCT.size):
            return  # a killed writer was here
        file.read(size % 4)
        if kind != LOG_CONTAINER or content[:2] not in (_STORED, _DEFLATED):
            raise ValueError("a container is packed in a way of its own") if ours else OtherObjectError
        data, whole = _unpacked(content)
        if ours and not whole and len(content) == size - _OBJECT.size:
            raise ValueError("a container does not end where it should")
        try:
            records, used = records_of(tail + data, reader.start_timestamp)
        except OtherObjectError:
            if whole:
                raise
            raise ValueError("a container is broken") from None
        tail = (tail + data)[used:]
        yield records


def _unpacked(content: bytes) -> tuple[bytes, bool]:
    """What is in a container, and whether it is whole by its checksum, or its size where it is not packed."""
    packed = content[LOG_CONTAINER_STRUCT.size :]
    if content[:2] == _STORED:
        return packed, len(packed) == LOG_CONTAINER_STRUCT.unpack_from(content)[1]
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(packed)
    return data, unpacking.eof and not unpacking.unused_data


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


def _head(path: Path) -> bytes | None:
    """The file's header; None for a file whose writer was killed before it was whole; ValueError for no BLF file."""
    with path.open("rb") as file:
        head = file.read(FILE_HEADER_SIZE)
    if not b"LOGG".startswith(head[:4]):
        raise ValueError("it does not begin as one")
    return head if len(head) == FILE_HEADER_SIZE else None


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
