"""What a calculation writes, as plain data: the evidence grade `modelled`, below `simulated`. Nothing was measured.

`results.json` holds this and nothing else is needed to make the pages again. Such a folder has a manifest as a run has, and
can never be issued.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import model_validator

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import ANYTHING
from v2g_bench.inputs.text import json_of, read_text
from v2g_bench.reports.model.verdicts import worst

MODELLED: Final = "modelled"
MARK: Final = "MODELLED - a calculation, nothing was measured here"
RESULTS, HTML, PDF, MANIFEST, SUMS = "results.json", "report.html", "report.pdf", "manifest.json", "SHA256SUMS"
Real = Annotated[float, ANYTHING]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class Line(Checked):
    """One line of a figure: x and y of one length; low and high: its 95 % interval, or empty."""

    name: str
    x: tuple[Real, ...]
    y: tuple[Real, ...]
    low: tuple[Real, ...] = ()
    high: tuple[Real, ...] = ()
    beside: bool = False  # dashed
    group: str = ""  # lines of one group have one colour


class Level(Checked):
    """A limit in a figure, from one x to another."""

    text: str
    y: Real
    from_x: Real
    to_x: Real


class Heat(Checked):
    """Cells of a plane: hours[row][column] at y[row] and x[column]; frames: (name, x low, x high, y low, y high)."""

    x: tuple[Real, ...]
    y: tuple[Real, ...]
    hours: tuple[tuple[Real, ...], ...]
    frames: tuple[tuple[str, Real, Real, Real, Real], ...] = ()


class Figure(Checked):
    """A figure: lines with levels, or a plane of cells."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...] = ()
    levels: tuple[Level, ...] = ()
    heat: Heat | None = None


class Sheet(Checked):
    """A table of words; numbers: the columns that hold figures."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[Annotated[int, ANYTHING], ...] = ()
    note: str = ""


class Section(Checked):
    """A part of the report, from its heading to the next."""

    title: str
    text: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Figure, ...] = ()


class Judged(Checked):
    """One question with its verdict. counts: whether it is part of the whole verdict, or stands beside it."""

    name: str
    verdict: Verdict
    sentence: str
    counts: bool = True


class Modelled(Checked):
    """A calculation. whose_logic: what page 1 says of whom the verdict is about; made: when, UTC; values: all figures."""

    schema_version: Literal[1] = 1
    evidence: Literal["modelled"] = MODELLED
    kind: str
    title: str
    report_id: str
    made: str
    bench_version: str
    verdict: Verdict
    sentence: str
    whose_logic: str
    facts: tuple[tuple[str, str], ...]
    verdicts: tuple[Judged, ...]
    assumptions: tuple[str, ...]
    is_not: tuple[str, ...]
    sections: tuple[Section, ...]
    values: dict[str, Any]

    @model_validator(mode="after")
    def _no_better(self) -> "Modelled":
        if self.verdict != (whole := whole_verdict(self.verdicts)):
            raise ValueError(f"the verdict says {self.verdict}, its parts say {whole}")
        return self


def whole_verdict(parts: tuple[Judged, ...]) -> str:
    """The worst of those that count; INCONCLUSIVE where none does."""
    return worst(one.verdict for one in parts if one.counts)


def dumped(document: Modelled) -> bytes:
    """results.json: the same bytes for the same document."""
    return (json.dumps(document.model_dump(mode="json"), indent=1, ensure_ascii=True) + "\n").encode()


def is_modelled(folder: Path) -> bool:
    """Whether the results in a folder say that they are a calculation's."""
    try:
        data = json_of(read_text(folder / RESULTS), RESULTS)
    except BenchError:
        return False
    return isinstance(data, dict) and data.get("evidence") == MODELLED


def load(folder: Path) -> Modelled:
    """The document of a folder; BenchError names the key that does not fit."""
    where = str(folder / RESULTS)
    return validated(Modelled, json_of(read_text(folder / RESULTS), where), where)


def lists(document: Modelled, files: dict[str, tuple[int, str]]) -> list[tuple[str, bytes]]:
    """manifest.json and SHA256SUMS. files: name -> (size, SHA-256) of each other file."""
    roles = {RESULTS: "results", HTML: "report", PDF: "report"}
    entries = [
        {"path": name, "role": roles.get(name, "series"), "size": size, "sha256": digest}
        for name, (size, digest) in sorted(files.items())
    ]
    manifest = {
        "schema": 1,
        "report": document.report_id,
        "verdict": document.verdict,
        "evidence": document.evidence,
        "made": document.made,
        "files": entries,
    }
    content = (json.dumps(manifest, indent=1, ensure_ascii=True) + "\n").encode()
    sums = {name: digest for name, (_, digest) in files.items()} | {MANIFEST: hashlib.sha256(content).hexdigest()}
    return [
        (MANIFEST, content),
        (SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()),
    ]


def refuse_modelled(folder: Path) -> None:
    """BenchError where the folder is a calculation's: it can never be issued."""
    if is_modelled(folder):
        raise BenchError(
            str(folder), "cannot be issued: its evidence is modelled, nothing was measured", "no option does"
        )
