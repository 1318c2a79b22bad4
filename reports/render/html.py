"""The report as one HTML file: style, figures and the few lines of script are inside, and nothing comes from a network.

The tables and the details work without the script. Text of the run is escaped by the template engine; figures are drawn
by `figure`, which escapes its own words. A content security policy forbids every other script and every request.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from v2g_bench.reports.render.samples import WARN_BYTES, embed
from v2g_bench.reports.render.view import View
from v2g_bench.reports.render.words import printable

VENDOR = "v2g_bench.reports.render.vendor"


def render_html(shown: View, folder: Path | None = None) -> bytes:
    """The page of a run as worded in `shown` (see `view.view`); UTF-8, the same bytes for the same words.

    folder: the run folder; with it the page holds the waveforms' samples, to be zoomed into.
    """
    raw, size = embed(shown, folder) if folder is not None else ({}, 0)
    style, script = _resource("report.css"), _resource("report.js")
    licence = ""
    if raw:
        style = _resource("uPlot.min.css", VENDOR) + style
        script = _resource("uPlot.iife.min.js", VENDOR) + "\n" + _resource("zoom.js") + script
        licence = _resource("LICENSE.uPlot", VENDOR)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _template().render(
        d=_printable(shown),
        raw=raw,
        raw_mb=f"{size / 1e6:.0f}" if size > WARN_BYTES else "",
        licence=licence,
        style=style,
        script=script,
        script_digest=digest,
    )
    return page.encode("utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["css"] = _css_string
    environment.filters["svg"] = Markup
    return environment.from_string(_resource("report.j2"))


def _resource(name: str, room: str = "v2g_bench.reports.render") -> str:
    return files(room).joinpath(name).read_text("utf-8")


def _css_string(text: str) -> Markup:
    """`text` inside a CSS string: everything but letters, digits and spaces as a code point escape,
    with the space that ends it."""
    return Markup(re.sub(r"[^A-Za-z0-9 ]", lambda match: f"\\{ord(match.group()):06x} ", text))


def _printable(item: object) -> object:
    """`item` with every string free of characters that do not show; drawn figures are left alone."""
    if isinstance(item, str):
        return item if item.startswith("<svg ") else printable(item)
    if isinstance(item, list):
        return [_printable(each) for each in item]
    if isinstance(item, dict):
        return {name: _printable(each) for name, each in item.items()}
    return item
