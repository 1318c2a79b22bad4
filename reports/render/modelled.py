"""The pages of a calculation, PDF/A-3a by Typst and one HTML file: from results.json alone."""

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import typst
from markupsafe import Markup

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.modelled import MARK, Modelled, dumped
from v2g_bench.reports.model.moment import moment_of
from v2g_bench.reports.render.pdf import STANDARD, _date, _drawable
from v2g_bench.reports.render.plane import plane_svg
from v2g_bench.reports.render.words import printable

_ROOM = "v2g_bench.reports.render"
SHORT, LINE = 18, 95  # characters of a cell that is not broken, and of a line


def _shown(document: Modelled) -> dict[str, Any]:
    """The document for a template: its figures drawn, its values left out, a class name beside each verdict."""
    shown = document.model_dump(mode="json", exclude={"values"})
    for section, drawn in zip(document.sections, shown["sections"], strict=True):
        for sheet in drawn["sheets"]:
            sheet["widths"] = _widths(sheet)
        drawn["figures"] = [{"svg": plane_svg(figure), "title": figure.title} for figure in section.figures]
    shown["mark"], shown["css"] = MARK, document.verdict.lower()
    for one in shown["verdicts"]:
        one["css"] = one["verdict"].lower()
    shown["results_sha256"] = hashlib.sha256(dumped(document)).hexdigest()
    return shown


def _widths(sheet: dict[str, Any]) -> list[int]:
    """The share of each column in the width, by its longest text; 0 for figures and short words, which take what they need."""
    longest = [max(map(len, column)) for column in zip(sheet["head"], *sheet["rows"], strict=True)]
    short = [place in sheet["numbers"] or length <= SHORT for place, length in enumerate(longest)]
    if all(short) and sum(longest) < LINE:  # nothing fills the line
        short[0] = False
    return [0 if one else min(length, 60) + 4 for one, length in zip(short, longest, strict=True)]


def render_pdf(document: Modelled) -> bytes:
    """The PDF, with results.json attached. BenchError if Typst refuses."""
    made = moment_of(document.made, "results.json: made")
    try:
        pdf = typst.compile(
            files(_ROOM).joinpath("modelled.typ").read_bytes(),
            format="pdf",
            pdf_standards=STANDARD,
            ignore_system_fonts=True,
            timestamp=made,
            sys_inputs={
                "data": json.dumps(_drawable(_shown(document)) | {"date": _date(made)}),
                "results": dumped(document).decode(),
            },
        )
    except typst.TypstError as error:
        raise BenchError("report.pdf", f"Typst refuses it: {error.message}", "; ".join(error.hints)) from error
    if not isinstance(pdf, bytes):
        raise BenchError("report.pdf", "Typst gave no document")
    return pdf


def render_html(document: Modelled) -> bytes:
    """The page for a browser; style and figures are inside, there is no script."""
    style = files(_ROOM).joinpath("report.css").read_text("utf-8")
    return _template().render(d=_printed(_shown(document)), style=style).encode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["svg"] = Markup
    return environment.from_string(files(_ROOM).joinpath("modelled.j2").read_text("utf-8"))


def _printed(item: Any) -> Any:
    if isinstance(item, str):
        return item if item.startswith("<svg ") else printable(item)
    if isinstance(item, list):
        return [_printed(each) for each in item]
    return {name: _printed(each) for name, each in item.items()} if isinstance(item, dict) else item
