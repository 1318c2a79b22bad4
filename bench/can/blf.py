"""BLF files: written so that they can be read at any moment, and read piece by piece, whatever their size.

A file that somebody stopped writing at any byte gives every frame up to its last whole `flush`.

    file = BlfFile(path); file.write(message); file.flush()
    for columns in read_blf(path): ...
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import can
from can.io import BLFReader, BLFWriter
from can.io.blf import FILE_HEADER_SIZE

from v2g_bench.can import wire
from v2g_bench.can.columns import Columns, FrameStore
from v2g_bench.errors import BenchError

CHUNK = 65_536  # frames that are in memory at once while a file is read


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
    store, first = FrameStore(), 0
    try:
        if not _begun(path):
            return
        with BLFReader(path) as reader:
            for message in reader:
                if store.end == CHUNK:
                    yield _numbered(store, first)
                    store, first = FrameStore(), first + CHUNK
                _take(store, message)
    except Exception as error:  # a struct that is not whole is where a killed writer was
        if not isinstance(error, struct.error) and not first + store.end:
            raise BenchError(str(path), f"cannot be read as BLF: {error or type(error).__name__}") from error
    if store.end:
        yield _numbered(store, first)


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


def _take(store: FrameStore, message: can.Message) -> None:
    data = bytes(message.data)
    store.append(message.timestamp, -1, message.arbitration_id, flags_of(message), message.dlc, data)


def _numbered(store: FrameStore, first: int) -> Columns:
    columns = store.since(float("-inf"))
    return replace(columns, index=columns.index + first)
