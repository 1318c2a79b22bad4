"""All comparisons of one test."""

from v2g_bench.rig.measuring.said.account import Account
from v2g_bench.rig.measuring.said.answers import (
    compare_acceptances,
    compare_overrides,
    compare_refusals,
    compare_status,
)
from v2g_bench.rig.measuring.said.codes import compare_codes
from v2g_bench.rig.measuring.said.notebook import Notebook
from v2g_bench.rig.measuring.said.power import compare_current, compare_power
from v2g_bench.rig.measuring.said.reports import Reports
from v2g_bench.rig.measuring.said.sheet import Sheet
from v2g_bench.rig.measuring.said.trip import compare_trip
from v2g_bench.rig.parts.protocol import Parts

KNOWN_S = 55.0  # a capture keeps a minute: of a longer test its end is compared
RULES = (
    compare_power,
    compare_current,
    compare_trip,
    compare_codes,
    compare_status,
    compare_acceptances,
    compare_refusals,
    compare_overrides,
)


def compared(account: Account) -> Sheet:
    """What every rule found."""
    sheet = Sheet()
    for rule in RULES:
        rule(account, sheet)
    return sheet


def account_of(parts: Parts, notebook: Notebook, shown_s: float, omitted: int) -> Account:
    """The test up to now. What the controller sent before its last start of the test's beginning is not part of it."""
    now_s = parts.clock.now_s()
    parts.dut.controller.log.since_mark()  # whose gaps count
    first_start_s = notebook.starts_s[0] if notebook.starts_s else notebook.began_s
    from_s = max(first_start_s, now_s - KNOWN_S)
    return Account(
        rig=parts.loaded.rig,
        reports=Reports(parts.bus.db, parts.bus.capture.frames(since_s=from_s)),
        lines=notebook.log.lines(now_s),
        from_s=from_s,
        to_s=now_s,
        shown_s=shown_s,
        starts_s=tuple(notebook.starts_s),
        commands=tuple(notebook.commands),
        powers=tuple(notebook.powers),
        faults=tuple(notebook.faults),
        changes=tuple(notebook.changes),
        omitted=omitted,
        lost="; ".join(parts.dut.controller.log.gaps[notebook.gaps_before :]),
    )
