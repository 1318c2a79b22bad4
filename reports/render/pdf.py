"""The report as PDF/A-3a by Typst: tagged, with results.json and the list of the evidence attached.

The same run and folder give the same bytes.

No text of the run becomes Typst markup: the template `report.typ` reads one JSON object and prints its strings. Fonts
are those inside the Typst wheel, so the document looks the same everywhere; a character that they lack is printed as
<U+XXXX>.
"""

import json
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import typst

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.moment import moment_of
from v2g_bench.reports.model.run import Run, dumps
from v2g_bench.reports.render.view import View
from v2g_bench.reports.render.words import drawable, printable

STANDARD: Final = "a-3a"
LINE_WIDTH = 108  # characters of a log that fit between the margins
LOG_LINES = 90


def render_pdf(run: Run, shown: View, evidence: list[Any] | None = None) -> bytes:
    """The PDF of `run` as worded in `shown` (see `view.view`); BenchError if Typst refuses.

    evidence: the manifest's entries of everything but the report itself, which cannot hold its own digest.
    """
    started = moment_of(run.started, "results.json: started")
    data = {**_drawable(_paged(shown)), "bench": drawable(run.bench_version), "date": _date(started)}
    template = files("v2g_bench.reports.render").joinpath("report.typ").read_bytes()
    try:
        pdf = typst.compile(
            template,
            format="pdf",
            pdf_standards=STANDARD,
            ignore_system_fonts=True,
            timestamp=started,
            sys_inputs={
                "data": json.dumps(data),
                "results": dumps(run).decode(),
                "evidence": json.dumps({"schema": 1, "files": evidence or []}, indent=1) + "\n",
            },
        )
    except typst.TypstError as error:
        hints = "; ".join(error.hints)
        raise BenchError("report.pdf", f"Typst refuses the document: {error.message}", hints) from error
    if not isinstance(pdf, bytes):
        raise BenchError("report.pdf", "Typst gave no document")
    return pdf


def _paged(shown: View) -> View:
    """`shown` with the logs and the rig file cut to what a page can hold; the whole is attached, in results.json."""
    requirements = [
        {**r, "tests": [{**test, "log": _lines(test["log"], LOG_LINES)} for test in r["tests"]]}
        for r in shown["requirements"]
    ]
    return {**shown, "requirements": requirements, "rig_file": _lines(shown["rig_file"], 2000)}


def _lines(text: str, most: int) -> str:
    """`text` in lines of at most LINE_WIDTH characters; of more than `most` lines, the beginning and the end."""
    wrapped: list[str] = []
    for line in printable(text).split("\n"):
        wrapped.append(line[:LINE_WIDTH])
        rest, step = line[LINE_WIDTH:], LINE_WIDTH - 2
        wrapped += [f"↳ {rest[at : at + step]}" for at in range(0, len(rest), step)]
    if len(wrapped) > most:
        omitted = f"[{len(wrapped) - most} lines left out here; the attached results.json holds them all]"
        wrapped = [*wrapped[: most // 3], omitted, *wrapped[-(most - most // 3) :]]
    return "\n".join(wrapped)


def _date(moment: datetime) -> dict[str, int]:
    names = ("year", "month", "day", "hour", "minute", "second")
    return {name: getattr(moment, name) for name in names}


def _drawable(item: Any) -> Any:
    """`item` with every string within the fonts' characters."""
    if isinstance(item, str):
        return drawable(item)
    if isinstance(item, list):
        return [_drawable(each) for each in item]
    if isinstance(item, dict):
        return {name: _drawable(each) for name, each in item.items()}
    return item
