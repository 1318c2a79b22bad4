"""The report's appendix: every figure that a source gives for a law, beside what is computed here."""

from collections.abc import Sequence
from functools import cache

from v2g_bench.pack.ageing.laws import LAWS, MISSING
from v2g_bench.pack.ageing.validation import Row, table
from v2g_bench.reports.model.modelled import Section, Sheet

_TEXT = (
    "Figures of papers, standards and of other programs, computed again with the laws as this report used them. That they "
    "agree shows that the laws are those of their sources, not that a battery follows them."
)


@cache
def validation() -> Section:
    """The validation table of this version; computed once in a process, in about a second."""
    return section(table())


def section(rows: Sequence[Row]) -> Section:
    """The rows as a section, those that do not agree named in its text."""
    missing = tuple(f"Not in the ensemble: {why}." for why in MISSING.values())
    apart = [f"{row.check.law}, {row.check.what}" for row in rows if not row.agrees]
    found = f"{len(rows) - len(apart)} of {len(rows)} figures agree." + (f" Not: {'; '.join(apart)}." if apart else "")
    sheet = Sheet(
        title="",
        head=("Law", "Figure", "Unit", "Its source", "Computed", "May differ by", "Source"),
        rows=tuple(_row(row) for row in rows),
        numbers=(3, 4, 5),
    )
    return Section(title="Appendix: the laws against their sources", text=(_TEXT, found, *missing), sheets=(sheet,))


def _row(row: Row) -> tuple[str, ...]:
    check = row.check
    title = LAWS[check.law].facts.title if check.law in LAWS else check.law
    figures = (f"{value:.7g}" for value in (check.expected, row.computed, check.tolerance))
    return (title, check.what, check.unit, *figures, check.source)
