"""The words of a report: grade marks, numbers with their uncertainty, and text that shows what it holds.

>>> measured(23.41, 0.31, "ms")
'23.41 ms ± 0.31 ms'
>>> printable("red: \\x1b[31mhot\\x1b[0m, bell: \\x07")
'red: hot, bell: <U+0007>'
"""

import math
import re
import unicodedata

from v2g_bench.reports.model.run import Run
from v2g_bench.reports.render.scope import DEVELOPERS_RUN, PARTIAL, partial

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")
# What the fonts inside the Typst wheel can draw (found by compiling every character as PDF/A-3a, Typst 0.15).
_DRAWABLE_HEX = (
    "20-7e a0-ac ae-2ff 37a-37f 384-38a 38e-3a1 3a3-482 48a-4ff 1e00-1eff 2000-200a 2010-2027 2030-2040 2044-2052 "
    "2070-2071 2074-208e 20a0-20bf 2100-211e 2122-2122 2126-2151 2190-23ff 2460-262f 2713-2718 fffd-fffd"
)
_DRAWABLE = re.sub("[0-9a-f]+", lambda end: rf"\U{end[0]:0>8}", _DRAWABLE_HEX).replace(" ", "")
_UNDRAWABLE = re.compile(rf"[^\n{_DRAWABLE}]")


def certifiable(run: Run) -> bool:
    """Whether a human may issue it at all: hardware grade, real clock, no emulated instrument, run complete, and no
    developer's run.
    """
    emulated = any(instrument.emulated for instrument in run.instruments)
    return run.evidence == "hardware" and run.clock == "real" and run.complete and not emulated and not run.developers


def grade_mark(run: Run) -> str:
    """The mark of the evidence grade, for every page."""
    if run.evidence != "hardware":
        return f"{run.evidence.upper()} - no hardware was measured"
    if run.clock == "virtual":
        return "HARDWARE GRADE ON A VIRTUAL CLOCK - no real time was measured"
    if any(instrument.emulated for instrument in run.instruments):
        return "HARDWARE GRADE WITH EMULATED INSTRUMENTS - not all of it was measured"
    return "HARDWARE - measured in real time"


def certified_mark(run: Run) -> str:
    """NOT CERTIFIED for anything that could not be issued; else UNISSUED, because only a person issues a report."""
    if run.issue and certifiable(run):
        return f"ISSUED as {run.issue.number}, {run.issue.date}"
    return "UNISSUED" if certifiable(run) else "NOT CERTIFIED"


def page_mark(run: Run) -> str:
    """Grade, certification, scope and completeness in one line."""
    marks = [grade_mark(run), certified_mark(run), *([PARTIAL] if partial(run) else [])]
    marks += [] if run.complete else ["INCOMPLETE RUN"]
    marks += [DEVELOPERS_RUN] if run.developers else []
    return "  ·  ".join(marks)


def issue_line(run: Run) -> str:
    """The text of the signature field."""
    if run.issue and certifiable(run):
        replaced = f" It replaces report {run.issue.supersedes}." if run.issue.supersedes else ""
        return f"Issued as report {run.issue.number} on {run.issue.date} by {run.issue.signer}.{replaced}"
    if certifiable(run):
        return "Not issued. A person whom the laboratory has authorised signs and dates it here to issue it."
    return "This report cannot be issued: only a complete run on real hardware, in real time, can."


def what_it_is_not(run: Run) -> list[str]:
    """Sentences for the first page: what a reader must not take this report for."""
    lines = []
    if run.developers:
        lines.append(
            "It is no certificate: a developer's run (--dev), whose exit status is that of the tests which ran."
        )
    if not run.complete:
        lines.append(f"The run is incomplete: {run.incomplete_reason or 'it did not reach its end'}.")
    if run.evidence != "hardware":
        lines.append(
            f"NOT CERTIFIED. {run.evidence}: no hardware was measured. It shows how the controller behaves "
            "against models of the vehicle, the inverter and the grid, not how a product behaves."
        )
    elif not certifiable(run):
        lines.append(f"NOT CERTIFIED. {grade_mark(run).capitalize()}.")
    if run.clock == "virtual":
        lines.append(
            "Times are of a virtual clock: they show the order and the waiting times that the software asks "
            "for, not how fast a machine computes."
        )
    if run.dirty:
        lines.append("The bench ran from a source tree with changes that were not committed.")
    if run.issue and certifiable(run):
        lines.append("It is not a certificate of the product. It may not be reproduced except in full.")
    else:
        lines.append(
            "It is not a certificate. It is test data for a laboratory; only a person authorised to do so issues a "
            "report."
        )
    lines.append("The results relate only to the items tested, in the versions and with the settings listed here.")
    return lines


def number(value: float, places: int) -> str:
    """`value` with that many decimal places and a real minus sign; what rounds to zero has none."""
    return f"{value:z.{places}f}".replace("-", "−")


def places_for(expanded: float | None, value: float | None = None) -> int:
    """Decimal places so that U shows two significant digits; without U, four significant digits of the value."""
    size, digits = (expanded, 2) if expanded else (value, 4)
    if not size or not math.isfinite(size):
        return 2
    return min(9, max(0, digits - 1 - math.floor(math.log10(abs(size)))))


def measured(value: float | None, expanded: float | None, unit: str) -> str:
    """`23.41 ms ± 0.31 ms`; a dash where nothing was measured."""
    if value is None:
        return "—"
    places = places_for(expanded, value)
    text = f"{number(value, places)} {unit}".rstrip()
    return text if expanded is None else f"{text} ± {number(expanded, places)} {unit}".rstrip()


def probability(value: float | None) -> str:
    """A conformance probability (0..1) in per cent, never rounded up to certainty."""
    if value is None or not math.isfinite(value):
        return "—"
    if value > 0.9999:
        return "> 99.99 %"
    return "< 0.01 %" if value < 0.0001 else f"{100 * value:.2f} %"


def significant(value: float, digits: int = 3) -> str:
    """A budget number: `digits` significant digits, in powers of ten far from one; ∞ for what is infinite.

    >>> significant(1000.0), significant(6.73e-6), significant(-0.025)
    ('1000', '6.73·10⁻⁶', '−0.025')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{value:.{places}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa}·10{str(int(power)).translate(_RAISED)}"
    return text.replace("-", "−")


def freedom(dof: float) -> str:
    """Degrees of freedom; from a million on they make no difference to k any more.

    >>> freedom(4.0), freedom(215.3), freedom(5.7e8), freedom(math.inf)
    ('4', '215', '10⁶ or more', '∞')
    """
    if math.isinf(dof):
        return "∞"
    return "10⁶ or more" if dof > 1e6 else f"{dof:.0f}"


def typeset(text: str) -> str:
    """A machine's text as print has it: ≤ and ≥, a real minus before a digit, no break before a per cent sign.

    >>> typeset("limit <= 50 ms   -3060 to -2940 W")
    'limit ≤ 50 ms · −3060 to −2940 W'
    """
    text = re.sub(r" {3,}", " · ", text.strip()).replace("<=", "≤").replace(">=", "≥")
    text = re.sub(r"(?<=\d) (?=%)", "\u00a0", text)
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)


def printable(text: str) -> str:
    """`text` with colour codes taken out and every other character that would not show, or would reorder its
    neighbours, written as <U+XXXX>. Line feeds stay; tabs become spaces.
    """
    text = _COLOUR_CODES.sub("", text).replace("\r\n", "\n").expandtabs(4)
    if text.replace("\n", "").replace("\u00a0", "").isprintable():
        return text
    return "".join(c if c == "\n" or (c.isprintable() or c == "\u00a0") else _named(c) for c in text)


def drawable(text: str) -> str:
    """`printable` text within the characters that the PDF's fonts hold; others as <U+XXXX>."""
    text = printable(text)
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    return _UNDRAWABLE.sub(lambda found: _named(found[0]), text)


def slug(text: str) -> str:
    """A name for an anchor or a CSS class: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def anchor(number: int, requirement: str) -> str:
    """The requirement's anchor in the page and in the PDF; number: its position in the run, from 1."""
    return f"req-{number}-{slug(requirement)}"


def _named(character: str) -> str:
    return f"<U+{ord(character):04X}>"
