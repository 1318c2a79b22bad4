"""A run's captures in the forms that other tools read: MF4 (bus logging) and Parquet (decoded signals), after the run.

BLF is what is written during the run, and stays the evidence; these are made from it, at any time and as often as
one likes: `v2g-bench export RUN`. Both need the packages of the extra `export`.

    main.mf4       every frame, with identifier, flags and stamp (wall clock), as asammdf, CANoe or python-can reads it
    main.parquet   one row for each value of a role: timestamp_s (wall clock, s), role, value, unit, sound (checksum fits)

A capture of any size is converted in parts, in bounded memory. Intermediate data is on the disk of the run folder,
in WORK, and takes about as much as the two files and 80 bytes a frame.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from v2g_bench.can.blf import read_blf
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.mf4 import Mf4File
from v2g_bench.can.parquet import ParquetFile
from v2g_bench.errors import BenchError
from v2g_bench.inputs.folder import require_plain
from v2g_bench.inputs.text import read_json

WORK = ".export"  # one export of a run at a time: the next one clears what a killed one left


def export_run(folder: Path) -> list[Path]:
    """Write MF4 and Parquet for every BLF file of a run folder, in the same folder; their paths.

    BenchError for a folder without capture, a capture that cannot be read, or where a package is missing.
    """
    require_plain(folder)
    captures = sorted(folder.glob("*.blf"))
    if not captures:
        raise BenchError(str(folder), "holds no capture (*.blf)", "is it a run folder?")
    database = database_of(folder)
    written = []
    for path in captures:
        with _work(folder, path) as work:
            written += _export(path, database, work)
    return written


def database_of(folder: Path) -> BusDatabase | None:
    """The database as the run kept it; None where it was killed before that."""
    dbc, roles = folder / "database" / "bus.dbc", folder / "database" / "roles.json"
    if not dbc.is_file() or not roles.is_file():
        return None
    return BusDatabase.load(dbc, read_json(roles))


def _export(capture: Path, database: BusDatabase | None, work: Path) -> list[Path]:
    """The files of one capture, put in their places when they are whole."""
    with ExitStack() as opened:
        made: dict[Path, Mf4File | ParquetFile] = {}
        made[capture.with_suffix(".mf4")] = opened.enter_context(closing(Mf4File(work)))
        if database is not None:
            made[capture.with_suffix(".parquet")] = opened.enter_context(closing(ParquetFile(work, database)))
        for columns in read_blf(capture):
            for one in made.values():
                one.add(columns)
        for path, one in made.items():
            one.save(work / path.name)
            (work / path.name).replace(path)
    return list(made)


@contextmanager
def _work(folder: Path, capture: Path) -> Iterator[Path]:
    """A folder for unfinished files; half a file would look like a whole run. Every error becomes a BenchError."""
    work = folder / WORK
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        yield work
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(str(capture), f"cannot be exported: {error}", "is the disk full?") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
