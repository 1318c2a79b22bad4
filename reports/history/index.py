"""The history of a rig: an index over its run folders, and what it shows.

The run folders are the truth; the index is SQLite (write-ahead log, one file, `.history.sqlite` beside the run folders)
and can be deleted at any time. `refresh` reads what is new or changed: a folder counts by the time and size of its
results.json. A run that cannot be read is kept in the index with the reason, never omitted silently.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.run import Run, load
from v2g_bench.reports.write import RESULTS

INDEX = ".history.sqlite"
VERSION = 1  # of the tables; another one is thrown away and rebuilt

_TABLES = """
CREATE TABLE run (id INTEGER PRIMARY KEY, folder TEXT UNIQUE NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,
  started TEXT NOT NULL DEFAULT '', rig TEXT NOT NULL DEFAULT '', evidence TEXT NOT NULL DEFAULT '',
  verdict TEXT NOT NULL DEFAULT '', complete INTEGER NOT NULL DEFAULT 0, controller TEXT NOT NULL DEFAULT '',
  bench TEXT NOT NULL DEFAULT '', problem TEXT NOT NULL DEFAULT '');
CREATE INDEX run_by_start ON run (rig, started);
CREATE TABLE name (id INTEGER PRIMARY KEY, requirement TEXT NOT NULL, nodeid TEXT NOT NULL, measurement TEXT NOT NULL,
  unit TEXT NOT NULL, UNIQUE (requirement, nodeid, measurement, unit));
CREATE TABLE result (name INTEGER NOT NULL, run INTEGER NOT NULL, verdict TEXT NOT NULL, value REAL, expanded REAL,
  low REAL, high REAL, reason TEXT NOT NULL DEFAULT '', PRIMARY KEY (name, run)) WITHOUT ROWID;
CREATE INDEX result_by_run ON result (run);
"""


class Point(NamedTuple):  # a year of nights has a million of them
    """One result in one run. value, expanded (U) and limits in the series' unit; None where there is none."""

    folder: str
    started: str
    controller: str
    complete: bool
    verdict: str
    value: float | None
    expanded: float | None
    low: float | None
    high: float | None
    reason: str

    @property
    def margin(self) -> float | None:
        """How far inside its nearest limit the value lies, with U taken off; negative beyond."""
        if self.value is None:
            return None
        room = [self.high - self.value] if self.high is not None else []
        room += [self.value - self.low] if self.low is not None else []
        return min(room) - (self.expanded or 0.0) if room else None


class RunLine(NamedTuple):
    """One run. bench: its commit or version."""

    folder: str
    started: str
    controller: str
    bench: str
    evidence: str
    verdict: str
    complete: bool


class Series(NamedTuple):
    """One measurement (or, with an empty name, one test's verdict) over the runs of a rig, the oldest first."""

    requirement: str
    nodeid: str
    measurement: str
    unit: str
    points: list[Point]


class History:
    """The index of one folder of run folders."""

    def __init__(self, folder: Path, index: Path | None = None) -> None:
        if not folder.is_dir():
            raise BenchError(str(folder), "no such folder of runs", "give the folder that holds the run folders")
        self.folder = folder
        try:
            self._db = _open(index or folder / INDEX)
        except sqlite3.Error as error:
            raise BenchError(
                str(index or folder / INDEX), f"cannot be used: {error}", "delete it; it is rebuilt"
            ) from error

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> list[str]:
        """Read new and changed folders, drop deleted ones; the folders that were read."""
        here = dict(_results(self.folder))
        known = {row[0]: row[1:] for row in self._db.execute("SELECT folder, mtime_ns, size FROM run")}
        changed = [name for name, stat in here.items() if known.get(name) != (stat.st_mtime_ns, stat.st_size)]
        with self._db:
            for name in [*changed, *(set(known) - set(here))]:
                self._forget(name)
            for name in sorted(changed):
                self._read(name, here[name].st_mtime_ns, here[name].st_size)
        return sorted(changed)

    def rigs(self) -> list[str]:
        """The rigs that there are runs of."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT rig FROM run WHERE rig != '' ORDER BY rig")]

    def runs(self, rig: str, last: int | None = None) -> list[RunLine]:
        """The runs of a rig, the oldest first. last: of that many, the newest."""
        rows = self._db.execute(
            "SELECT folder, started, controller, bench, evidence, verdict, complete FROM run WHERE rig = ? "
            "ORDER BY started DESC, id DESC LIMIT ?",
            (rig, -1 if last is None else last),
        )
        return [RunLine(*row)._replace(complete=bool(row[6])) for row in rows][::-1]

    def problems(self) -> list[tuple[str, str]]:
        """Folders that could not be read, and why."""
        return list(self._db.execute("SELECT folder, problem FROM run WHERE problem != '' ORDER BY folder"))

    def requirements(self, rigs: Iterable[str]) -> list[str]:
        """The ids of which a run of one of these rigs has a result."""
        query = (
            "SELECT DISTINCT requirement FROM name JOIN result ON result.name = name.id JOIN run ON run.id = result.run "
            "WHERE rig = ?"
        )
        return sorted({row[0] for rig in rigs for row in self._db.execute(query, (rig,))})

    def series(self, rig: str, requirement: str | None = None, last: int | None = None) -> Iterator[Series]:
        """Every series of a rig, in the order of its requirements. last: of that many runs, the newest."""
        runs = self._db.execute(
            "SELECT id, folder, started, controller, complete FROM run WHERE rig = ? ORDER BY started DESC, id DESC "
            "LIMIT ?",
            (rig, -1 if last is None else last),
        ).fetchall()
        about = {row[0]: row[1:] for row in runs}
        if not about:
            return
        names = self._db.execute(
            "SELECT id, requirement, nodeid, measurement, unit FROM name WHERE ?1 IS NULL OR requirement = ?1 "
            "ORDER BY requirement, nodeid, measurement",
            (requirement,),
        ).fetchall()
        for key, requirement_id, nodeid, measurement, unit in names:
            rows = self._db.execute(
                "SELECT run, verdict, value, expanded, low, high, reason FROM result WHERE name = ? AND run >= ?",
                (key, min(about)),
            )
            found = [(about[row[0]], row[1:]) for row in rows if row[0] in about]
            found.sort(key=lambda pair: (pair[0][1], pair[0][0]))
            points = [Point(run[0], run[1], run[2], bool(run[3]), *rest) for run, rest in found]
            if points:
                yield Series(requirement_id, nodeid, measurement, unit, points)

    def _forget(self, name: str) -> None:
        self._db.execute("DELETE FROM result WHERE run IN (SELECT id FROM run WHERE folder = ?)", (name,))
        self._db.execute("DELETE FROM run WHERE folder = ?", (name,))

    def _read(self, name: str, mtime_ns: int, size: int) -> None:
        """One run, or why it cannot be read: a damaged one costs the others nothing, whatever is wrong with it."""
        self._db.execute("SAVEPOINT one_run")
        try:
            self.add(name, load(self.folder / name / RESULTS), mtime_ns, size)
        except Exception as error:  # noqa: BLE001
            self._db.execute("ROLLBACK TO one_run")
            what = error if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
            problem = " ".join(str(what).split()).encode("utf-8", "replace").decode("utf-8")
            values = (name, mtime_ns, size, problem)
            self._db.execute("INSERT INTO run (folder, mtime_ns, size, problem) VALUES (?, ?, ?, ?)", values)
        finally:
            self._db.execute("RELEASE one_run")

    def add(self, name: str, run: Run, mtime_ns: int = 0, size: int = 0) -> None:
        """Put one run into the index; `refresh` does it for all that lie in the folder."""
        dut = run.controller
        controller = " ".join(part for part in (dut.name, dut.version, dut.sha256[:12]) if part)
        columns = "folder, mtime_ns, size, started, rig, evidence, verdict, complete, controller, bench"
        values = (name, mtime_ns, size, run.started, run.rig, run.evidence, run.verdict, run.complete, controller)
        cursor = self._db.execute(
            f"INSERT INTO run ({columns}) VALUES ({', '.join('?' * 10)})", (*values, run.commit or run.bench_version)
        )
        rows = [(self._name(*words), cursor.lastrowid, *rest) for words, rest in _rows(run)]
        self._db.executemany("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _name(self, *words: str) -> int:
        query = "SELECT id FROM name WHERE requirement = ? AND nodeid = ? AND measurement = ? AND unit = ?"
        row = self._db.execute(query, words).fetchone()
        if row is None:
            insert = "INSERT INTO name (requirement, nodeid, measurement, unit) VALUES (?, ?, ?, ?)"
            return int(self._db.execute(insert, words).lastrowid or 0)
        return int(row[0])


def _results(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The run folders by name, with what is known of their results; also of those whose results lead nowhere."""
    for path in sorted(folder.glob(f"*/{RESULTS}")):
        try:
            os.fsencode(path.parent.name).decode("utf-8")
            found = path.stat()
        except (OSError, UnicodeDecodeError):  # it has gone meanwhile; no name that an index can hold
            continue
        yield path.parent.name, found


def _rows(run: Run) -> Iterator[tuple[tuple[str, str, str, str], tuple[str | float | None, ...]]]:
    """Names and values of every result of a run: each test's verdict, and each of its measurements."""
    for requirement in run.requirements:
        for test in requirement.tests:
            reason = test.reason.splitlines()[0][:200] if test.reason else ""
            yield (requirement.id, test.nodeid, "", ""), (test.verdict, None, None, None, None, reason)
            for m in test.measurements:
                values = (m.verdict, m.value, m.expanded, m.limit_low, m.limit_high, "")
                yield (requirement.id, test.nodeid, m.name, m.unit), values


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30.0)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        with closing(db.cursor()) as cursor, db:
            names = cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                cursor.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES.split(";"):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {VERSION}")
    return db
