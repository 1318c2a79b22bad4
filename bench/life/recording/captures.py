"""Recordings that lie in captures of a bus: BLF or MF4 with a DBC, MF4 with signals of its own, a run folder of the bench.

Of each message at most one frame a second is decoded: a battery's life is lost in minutes.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from v2g_bench.can.blf import read_blf
from v2g_bench.errors import BenchError
from v2g_bench.inputs.folder import require_plain
from v2g_bench.life.recording.table import Column, Table, read_csv, read_parquet

MAIN = "main.parquet"
THINNED = "of each message one frame a second was decoded"
_EXPORT = "pip install v2g-bench[export]"


def read(path: Path, dbc: Path | None = None) -> Table:
    """What a recording holds, by the ending of its name: .csv, .parquet, .mf4, .blf, or a run folder. BenchError."""
    if path.is_dir():
        return _run(path)
    if not path.exists():
        raise BenchError(str(path), "no such file")
    kind = path.suffix.lower()
    if kind == ".blf":
        return _blf(path, dbc)
    if kind in (".mf4", ".mdf"):
        return _mf4(path, dbc)
    if dbc is not None:
        raise BenchError("--dbc", f"{path.name} is no capture of a bus", "leave it out")
    if kind in (".parquet", ".pq"):
        return read_parquet(path)
    if kind in (".csv", ".tsv", ".txt"):
        return read_csv(path)
    raise BenchError(
        str(path), f"is of no kind that is read here: {kind or 'no ending'}", ".csv .parquet .mf4 .blf, or a run"
    )


def _run(folder: Path) -> Table:
    require_plain(folder)
    if not (folder / MAIN).is_file():
        hint = f"v2g-bench export {folder}" if (folder / "main.blf").is_file() else "is it a run folder?"
        raise BenchError(str(folder / MAIN), "is not here", hint)
    table = read_parquet(folder / MAIN)
    return Table(
        table.where, table.columns, table.line, (*table.notes, "the BMS's signals of a run, as its bus carried them")
    )


def _blf(path: Path, dbc: Path | None) -> Table:
    if dbc is None:
        raise BenchError(
            str(path), "holds frames, and nothing says what is in them", "give the database: --dbc FILE.dbc"
        )
    database = _database(dbc)
    messages = {message.frame_id: message for message in database.messages}
    at: dict[int, list[Any]] = {}
    last: dict[int, int] = {}
    for columns in read_blf(path):
        for identifier in np.unique(columns.frame_id).tolist():
            if identifier not in messages:
                continue
            frames = columns.of(identifier, messages[identifier].is_extended_frame)
            second = np.floor(frames.timestamp_s).astype(np.int64)
            first = np.flatnonzero(np.diff(second, prepend=last.get(identifier, -1)))
            if len(second):
                last[identifier] = int(second[-1])
            for place in first.tolist():
                data = frames.data[place, : frames.length[place]].tobytes()
                at.setdefault(identifier, []).append((float(frames.timestamp_s[place]), data))
    found: dict[str, Column] = {}
    for identifier, thinned in at.items():
        message = messages[identifier]
        for name, column in _decoded(message, thinned).items():
            twice = sum(signal.name == name for other in at for signal in messages[other].signals) > 1
            full = f"{message.name}.{name}" if twice else name  # neither of two is taken unasked
            found[full] = replace(column, name=full)
    if not found:
        raise BenchError(str(path), f"holds no message of {dbc.name}", "is it the database of this bus?")
    return Table(str(path), found, lambda row: f"frame {row + 1} of its message", (THINNED,))


def _decoded(message: Any, frames: list[tuple[float, bytes]]) -> dict[str, Column]:
    values: dict[str, list[float]] = {signal.name: [] for signal in message.signals}
    at_s: dict[str, list[float]] = {name: [] for name in values}
    for stamp_s, data in frames:
        try:
            decoded = message.decode(data, decode_choices=False, allow_truncated=True)
        except Exception:  # noqa: BLE001  cantools has many ways to refuse a frame of another length
            continue
        for name, value in decoded.items():
            values[name].append(float(value))
            at_s[name].append(stamp_s)
    units = {signal.name: signal.unit or "" for signal in message.signals}
    return {
        name: Column(name, np.array(each), units[name], np.array(at_s[name])) for name, each in values.items() if each
    }


def _database(dbc: Path) -> Any:
    import cantools

    try:
        return cantools.database.load_file(dbc)
    except OSError as error:
        raise BenchError(str(dbc), f"cannot be read: {error.strerror}") from None
    except Exception as error:  # noqa: BLE001  each of its parsers has errors of its own
        raise BenchError(str(dbc), f"is no CAN database: {error}") from None


def _mf4(path: Path, dbc: Path | None) -> Table:
    try:
        from asammdf import MDF
    except ImportError:
        raise BenchError(str(path), "asammdf is not installed", _EXPORT) from None
    try:
        with MDF(path) as file:
            if dbc is not None:
                _database(dbc)
                return _signals(path, file.extract_bus_logging({"CAN": [(str(dbc), 0)]}))
            return _signals(path, file)
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001  whatever asammdf makes of a damaged file
        raise BenchError(str(path), f"cannot be read as MF4: {type(error).__name__}: {error}", "is it whole?") from None


def _signals(path: Path, file: Any) -> Table:
    columns: dict[str, Column] = {}
    for name, places in file.channels_db.items():
        group, index = places[0]
        if file.groups[group].channels[index].channel_type in (2, 3):  # the time itself
            continue
        signal = file.get(name, group=group, index=index, ignore_invalidation_bits=False)
        if signal.samples.dtype.kind not in "iufb" or not len(signal) or signal.samples.ndim > 1:
            continue
        keep = np.flatnonzero(np.diff(np.floor(signal.timestamps), prepend=-1.0))
        stamps, values = signal.timestamps[keep], signal.samples[keep].astype(float)
        columns[name] = Column(name, values, (signal.unit or "").strip(), stamps.astype(float))
    if not columns:
        raise BenchError(str(path), "holds no signal with numbers", "of a capture of frames: give --dbc FILE.dbc")
    return Table(str(path), columns, lambda row: f"sample {row + 1} of its signal", (THINNED,))
