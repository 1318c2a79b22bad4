"""The report's appendix: every figure that a source gives for a law, beside what is computed here."""

from collections.abc import Sequence
from functools import cache

from v2g_bench.life.audit import VOTERS
from v2g_bench.pack.ageing.law import Bounds
from v2g_bench.pack.ageing.laws import LAWS, MISSING, may_ever_vote
from v2g_bench.pack.ageing.validation import Row, table
from v2g_bench.reports.model.modelled import Section, Sheet

_TEXT = (
    "Figures of papers, standards and of other programs, computed again with the laws as this report used them. That they "
    "agree shows that the laws are those of their sources, not that a battery follows them."
)


@cache
def validation() -> Section:
    """The validation table of this version; computed once in a process, in about a second."""
    checked = section(table())
    return checked.model_copy(update={"text": (*checked.text, *_voters()), "sheets": (*checked.sheets, _known())})


def _voters() -> list[str]:
    """What the known ranges allow, for each chemistry that a pack may have."""
    found = []
    for chemistry in ("NMC", "LFP", "NCA", "LMO"):
        cells = {law.facts.cell for law in LAWS.values() if law.chemistry == chemistry and may_ever_vote(law)}
        laws = f"{len(cells) or 'no'} independently fitted law{'s' * (len(cells) > 1)}"
        enough = (
            "" if len(cells) >= VOTERS else ": with this version no verdict can rest on ageing, it stays INCONCLUSIVE"
        )
        found.append(f"{chemistry}: {laws} can ever vote, {VOTERS} are needed{enough}.")
    return found


def _known() -> Sheet:
    """What the sources at hand state of each law's tests, and what to know of it."""
    rows: list[tuple[str, ...]] = []
    for law in LAWS.values():
        fitted = law.facts.fitted
        ranges = (fitted.calendar_c, fitted.cycling_c, fitted.depth, fitted.c_rate)
        rows.append((law.facts.title, *map(_range, ranges), "; ".join(law.facts.notes)))
    return Sheet(
        title="What the laws were fitted to",
        head=("Law", "at rest, °C", "in cycles, °C", "depth", "C-rate", "To know"),
        rows=tuple(rows),
        numbers=(1, 2, 3, 4),
        note="Unknown: no source at hand states it, and all damage there counts as outside the range.",
    )


def _range(bounds: Bounds | None) -> str:
    if bounds is None:
        return "unknown"
    return f"{bounds.low:.3g}" if bounds.low == bounds.high else f"{bounds.low:.3g} to {bounds.high:.3g}"


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
