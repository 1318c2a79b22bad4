"""What a recording's file holds, column by column, before anybody knows what a column is.

Text stays text until its meaning is known, so that an error names the line of the file that it is about.
"""

import csv
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import require_regular

Floats = NDArray[np.float64]

LARGEST = 2_000_000_000  # bytes: a year of ten columns at one second is 2 GB of text
_ZONE = re.compile(r"T.*[+-]\d")
ABSENT = ("", "nan", "na", "n/a", "null", "none", "-", "--")  # how files write that there is no value


@dataclass(frozen=True)
class Column:
    """One column. values: float64, NaN where there is none; unit: as the file states it beside the name, "" where it does not.

    at_s: the column's own times (s) in a capture, None where its rows are those of the table; said: for what could not be
    read as a number, its row and its text.
    """

    name: str
    values: Floats
    unit: str = ""
    at_s: Floats | None = None
    said: tuple[int, str] | None = None


@dataclass(frozen=True)
class Table:
    """All columns of one file. line: where a row stands there, for an error; notes: what reading has assumed."""

    where: str
    columns: dict[str, Column]
    line: Callable[[int], str]
    notes: tuple[str, ...] = field(default=())

    def error(self, row: int, what: str, hint: str) -> BenchError:
        """An error at a row of the file."""
        return BenchError(f"{self.where}: {self.line(row)}", what, hint)


def read_csv(path: Path) -> Table:
    """A CSV file with one line of names; lines before it that begin with # are skipped. BenchError with the line."""
    from pyarrow import ArrowInvalid
    from pyarrow import csv as arrow

    text = _bytes(path)
    skipped, head, delimiter = _head(path, text)
    try:
        names = next(csv.reader([head], delimiter=delimiter))
    except csv.Error as error:  # a carriage return alone, as old spreadsheets end lines; a NUL; no end of a name
        what = f"is no line of names: {error}"
        raise BenchError(
            f"{path}: line {skipped + 1}", what, "save it as text whose lines end with LF or CR LF"
        ) from None
    names = [name.strip() or f"column {place}" for place, name in enumerate(names, 1)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BenchError(f"{path}: line {skipped + 1}", f"two columns are called {twice!r}", "rename one of them")

    def bad_row(row: Any) -> str:
        bad.append((row.number, row.actual_columns))
        return "error"

    bad: list[tuple[int, int]] = []
    body = text.split(b"\n", skipped + 1)[skipped + 1] if text.count(b"\n") > skipped else b""
    if not body.strip():
        raise BenchError(str(path), "has a line of names and no rows", "is it the whole file?")
    options = arrow.ConvertOptions(column_types=dict.fromkeys(names, "string"), strings_can_be_null=False)
    try:
        rows = arrow.read_csv(
            io.BytesIO(body),
            read_options=arrow.ReadOptions(column_names=names, use_threads=False, block_size=1 << 24),
            parse_options=arrow.ParseOptions(delimiter=delimiter, invalid_row_handler=bad_row),
            convert_options=options,
        )
    except ArrowInvalid as error:
        if bad and bad[0][0] is not None:
            line, count = bad[0][0] + skipped + 1, bad[0][1]
            what = f"has {count} fields, the line of names has {len(names)}"
            raise BenchError(
                f"{path}: line {line}", what, "was the file cut off, or is the delimiter another?"
            ) from None
        raise BenchError(str(path), f"cannot be read as CSV: {error}", "text in UTF-8, one line of names") from None
    notes = []
    comma = delimiter == ";"
    columns = {name: _numbers(name, rows.column(name), comma=comma) for name in names}
    if comma:
        notes.append("fields are separated by ';', and ',' is the decimal sign")
    return Table(str(path), columns, lambda row: f"line {_line(body, row) + skipped + 1}", tuple(notes))


def read_parquet(path: Path) -> Table:
    """A Parquet file with a column for each quantity, or the bench's own with a row for each value of a role."""
    from pyarrow import ArrowException, parquet

    _require(path)
    try:
        rows = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise BenchError(str(path), f"cannot be read as Parquet: {error}", "is it whole?") from None
    if {"stamp_s", "role", "value"} <= set(rows.column_names):
        return by_role(path, rows)
    columns = {name: _numbers(name, rows.column(name), comma=False) for name in rows.column_names}
    return Table(str(path), columns, lambda row: f"row {row + 1}")


def by_role(path: Path, rows: Any) -> Table:
    """The columns of the bench's own file, each with its own times; values whose checksum did not fit are left out."""
    roles = rows.column("role").combine_chunks()
    roles = roles.dictionary_decode() if hasattr(roles, "dictionary_decode") else roles
    names = np.asarray(roles.to_pylist(), dtype=object)
    at_s, values = rows.column("stamp_s").to_numpy(), rows.column("value").to_numpy()
    sound = rows.column("sound").to_numpy() if "sound" in rows.column_names else np.ones(len(at_s), bool)
    units = rows.column("unit").to_pylist() if "unit" in rows.column_names else [""] * len(at_s)
    columns = {}
    for name in dict.fromkeys(names.tolist()):
        mine = np.flatnonzero((names == name) & sound)
        if len(mine):
            columns[name] = Column(name, values[mine].astype(float), units[mine[0]] or "", at_s[mine].astype(float))
    left_out = int((~sound).sum())
    notes = (f"{left_out} values whose checksum did not fit are left out",) if left_out else ()
    return Table(str(path), columns, lambda row: f"row {row + 1} of its signal", notes)


def _bytes(path: Path) -> bytes:
    _require(path)
    text = path.read_bytes()
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BenchError(str(path), "is UTF-16", "save it as UTF-8")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise BenchError(f"{path}: line {line}", "is not UTF-8 text", "save it as UTF-8") from None
    return text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def _require(path: Path) -> None:
    try:
        require_regular(path)
        size = path.stat().st_size
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error.strerror or error}") from None
    if size > LARGEST:
        raise BenchError(str(path), f"has {size:,} bytes, more than {LARGEST:,}", "write it as Parquet, or thin it")


def _head(path: Path, text: bytes) -> tuple[int, str, str]:
    """(lines before the line of names, that line, the delimiter)."""
    for skipped, raw in enumerate(text.split(b"\n", 200)[:200]):
        if raw.strip() and not raw.startswith(b"#"):
            head = raw.decode("utf-8")
            delimiter = max(",;\t", key=head.count)
            if not head.count(delimiter):
                raise BenchError(f"{path}: line {skipped + 1}", "has one column", "separate fields by , ; or a tab")
            return skipped, head, delimiter
    raise BenchError(str(path), "has no line of names", "is it the recording?")


def _line(body: bytes, row: int) -> int:
    """The line of a row (from 0) behind the line of names; empty lines are no rows. From 1."""
    for line, raw in enumerate(io.BytesIO(body), 1):
        if raw.strip():
            if row == 0:
                return line
            row -= 1
    return row


def _numbers(name: str, found: Any, *, comma: bool) -> Column:
    """A column of any type as numbers; a time with a date as seconds of the epoch, in UTC where it has no zone."""
    import pyarrow as pa
    from pyarrow import compute as pc

    kind = found.type
    if pa.types.is_timestamp(kind):
        values = found.cast(pa.timestamp("us", kind.tz)).cast(pa.int64()).to_numpy(zero_copy_only=False).astype(float)
        return Column(name, values / 1e6, "date")
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        try:
            return Column(name, np.asarray(found.cast(pa.float64()).to_numpy(), dtype=float))
        except (pa.ArrowException, TypeError, ValueError):
            return Column(name, np.full(len(found), np.nan), said=(0, f"of type {kind}"))
    text = pc.utf8_trim_whitespace(found.cast(pa.string()))
    empty = pc.fill_null(pc.is_in(pc.utf8_lower(text), value_set=pa.array(ABSENT)), True)
    text = pc.if_else(empty, None, text)
    plain = pc.replace_substring(text, ",", ".") if comma else text
    try:
        return Column(name, plain.cast(pa.float64()).to_numpy().astype(float))
    except pa.ArrowInvalid:
        return _dates(name, text) or _first_text(name, plain)


def _dates(name: str, text: Any) -> Column | None:
    """The column as dates, where all of it is: 2026-05-01T10:00:00Z, with a blank for the T, with or without zone."""
    if not any(sign in str(next((one for one in text.to_pylist() if one), "")) for sign in "-/"):
        return None
    stamps = ["NaT" if one is None else one.replace(" ", "T").removesuffix("Z") for one in text.to_pylist()]
    if any(_ZONE.search(one) for one in stamps):
        return _zoned(name, text)
    try:
        with warnings.catch_warnings(action="error"):  # numpy only warns of what it takes for a zone, and drops it
            values = np.array(stamps, dtype="datetime64[us]")
    except (ValueError, UserWarning):
        return _zoned(name, text)
    seconds = values.astype("int64") / 1e6
    return Column(name, np.where(np.isnat(values), np.nan, seconds), "date")


def _zoned(name: str, text: Any) -> Column | None:
    from datetime import UTC, datetime

    values = np.full(len(text), np.nan)
    for row, one in enumerate(text.to_pylist()):
        if one is not None:
            try:
                moment = datetime.fromisoformat(one)
            except ValueError:
                return Column(name, values, "date", said=(row, one)) if row else None
            values[row] = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return Column(name, values, "date")


def _first_text(name: str, text: Any) -> Column:
    values, said = np.full(len(text), np.nan), None
    for row, one in enumerate(text.to_pylist()):
        try:
            values[row] = np.nan if one is None else float(one)
        except ValueError:
            said = said or (row, one)
    return Column(name, values, said=said)
