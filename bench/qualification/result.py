"""The result of a qualification: kept as JSON with its date, and asked for before a certification.

It lies in `$XDG_STATE_HOME/v2g-bench/qualification/RIG.json` (by default below ~/.local/state), one file per rig name.
It counts for one rig file, one machine and one version of the bench, and for a day.
"""

import hashlib
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from v2g_bench import __version__
from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import Seed, Within, require_ranges
from v2g_bench.inputs.text import json_of
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.qualification.score import Outcome, Score
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.file.state_folder import state_folder

SCHEMA = 2
MAX_AGE_H = 24.0


@dataclass(frozen=True)
class QualificationResult:
    """What the bench measured of itself. date: ISO 8601, UTC, of its beginning; stamps: the source of the frames' timestamps.

    truth: what the measured latencies were compared with; rows: the table, one mapping of column title to text per
    delay, the last for all; floor: a sentence per quantity; bench: version, commit and machine; outcomes: every trial,
    void ones too.
    """

    rig: str
    rig_sha256: str
    date: str
    duration_s: Annotated[float, Within(0, 1e9)]
    seed: Seed
    stamps: str
    truth: str
    bench: Mapping[str, str]
    verdict: str
    text: str
    rows: tuple[Mapping[str, str], ...]
    floor: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    schema: Annotated[int, Within(1, 1000)] = SCHEMA

    @classmethod
    def of(cls, score: Score, **known: Any) -> "QualificationResult":
        """The result of a score with what is known beside it."""
        rows = (*(row.as_text() for row in score.rows), score.total.as_text())
        return cls(verdict=str(score.verdict), text=score.text, rows=rows, **known)

    def for_report(self) -> dict[str, Any]:
        """The fields of `reports.model.Qualification`: date, verdict, text, rows."""
        text = ". ".join([f"{self.text}; truth: {self.truth}", *self.floor])
        return {"date": self.date, "verdict": self.verdict, "text": text, "rows": [dict(row) for row in self.rows]}

    def age_h(self, now: datetime) -> float:
        """Hours since it was taken."""
        return (now - datetime.fromisoformat(self.date)).total_seconds() / 3600.0

    def save(self, folder: Path | None = None) -> Path:
        """Write it, all or nothing, in place of the rig's last one; BenchError if the disk refuses."""
        path = (folder or state_folder()) / f"{self.rig}.json"
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(_plain(self), indent=1) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise BenchError(str(path), f"cannot be written: {error.strerror}") from None
        return path


def read(path: Path) -> QualificationResult:
    """A stored result; BenchError if the file is not one of this version's."""
    try:
        data = json_of(path.read_bytes(), str(path), "run v2g-bench qualify again")
        if data.get("schema") != SCHEMA:
            raise ValueError(f"schema {data.get('schema')}, not {SCHEMA}")
        names = {field.name for field in fields(QualificationResult)}
        if set(data) != names:
            raise ValueError(f"unexpected or missing keys: {', '.join(sorted(set(data) ^ names))}")
        data["outcomes"] = tuple(Outcome(**one) for one in data["outcomes"])
        data["rows"], data["floor"] = tuple(data["rows"]), tuple(data["floor"])
        Verdict(data["verdict"])
        if datetime.fromisoformat(data["date"]).tzinfo is None:
            raise ValueError("its date has no time zone")
        result = QualificationResult(**data)
    except OSError as error:
        raise BenchError(str(path), f"cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BenchError(str(path), f"is not a qualification: {error}", "run v2g-bench qualify again") from None
    for record in (result, *result.outcomes):
        require_ranges(record, str(path))
    return result


def fresh(
    loaded: LoadedRig,
    now: datetime | None = None,
    max_age_h: float = MAX_AGE_H,
    *,
    stamps: str | None = None,
    folder: Path | None = None,
) -> QualificationResult | str:
    """The rig's qualification if it may be relied on now; otherwise why not, and what to do.

    stamps: the source of the frames' timestamps in the run that asks (`OpenRig.stamp(0.0).source`); None: not compared.
    """
    path = (folder or state_folder()) / f"{loaded.rig.name}.json"
    hint = f"run: v2g-bench qualify --rig={loaded.argument}"
    if not path.exists():
        return f"rig {loaded.rig.name} has not been qualified; {hint}"
    try:
        result = read(path)
    except BenchError as error:
        return " ".join(str(error).split())
    age_h = result.age_h(now or datetime.now(UTC))
    bench, here = result.bench, this_bench()
    reasons = [
        (not 0 <= age_h <= max_age_h, f"is {age_h:.1f} h old, more than {max_age_h:g} h"),
        (age_h < 0, f"is of {result.date}, after now"),
        (result.rig_sha256 != rig_hash(loaded), "is of another rig file"),
        (bench.get("machine") != here["machine"], f"is of another machine: {bench.get('machine')}"),
        (bench.get("version") != here["version"], f"is of version {bench.get('version')} of the bench"),
        (stamps is not None and result.stamps != stamps, f"is of a run with other timestamps: {result.stamps}"),
        (result.verdict != Verdict.PASS, f"ended {result.verdict}: {result.text}"),
    ]
    message = [text for wrong, text in reasons if wrong]
    return f"the qualification of rig {loaded.rig.name} {message[-1]}; {hint}" if message else result


def rig_hash(loaded: LoadedRig) -> str:
    """SHA-256 of the rig file."""
    return hashlib.sha256(loaded.text.encode()).hexdigest()


def this_bench() -> dict[str, str]:
    """Version and commit of the bench, and the machine that it runs on."""
    machine = (
        f"{platform.node()}, {platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPUs"
    )
    return {"version": __version__, "commit": _commit(), "machine": machine}


def _plain(thing: object) -> Any:
    """Dataclasses, mappings, sequences and numbers (numpy's, too) as JSON takes them; None for what is not finite."""
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if is_dataclass(thing) and not isinstance(thing, type):
        return {field.name: _plain(getattr(thing, field.name)) for field in fields(thing)}
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(item) for item in thing]
    return thing


def _commit() -> str:
    """The checkout's commit, with + where the tree differs from it; "" outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    outputs = []
    for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if done.returncode:
            return ""
        outputs.append(done.stdout.strip())
    return outputs[0] + ("+" if outputs[1] else "")
