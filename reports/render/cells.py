"""States x dangers as a picture: which of them the run has shown to the controller, and what came of each.

A field holds what was found there: the time to isolation, or that nothing flowed. An empty one was not shown in this run; a
dash stands where the two cannot be shown together.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from v2g_bench.reports.model.run import Cell, Run
from v2g_bench.reports.model.verdicts import ERROR, FAIL, INCONCLUSIVE, NOT_TESTED, PASS
from v2g_bench.reports.render.figure import FONTS, GRID, INK
from v2g_bench.reports.render.words import printable, slug

FILLS = {PASS: "#e3f3ea", FAIL: "#b3261e", ERROR: "#6d3b8e", INCONCLUSIVE: "#fdeec3", NOT_TESTED: "#dcecf7"}
WHITE_ON = (FAIL, ERROR)
WORDS = {FAIL: "FAIL", ERROR: "error", INCONCLUSIVE: "unclear", NOT_TESTED: "not tested"}
WIDTH, LEFT, TOP, ROW, TEXT = 720, 150, 34, 19, 11.0


def danger_matrix(run: Run) -> list[dict[str, Any]]:
    """The picture with its sentences, as the only item; nothing where the run has shown no such cell."""
    cells = [cell for requirement in run.requirements for test in requirement.tests for cell in test.cells]
    if not cells:
        return []
    shown = [cell for cell in cells if cell.verdict]
    counts = ", ".join(
        f"{count} {verdict}"
        for verdict in (FAIL, ERROR, INCONCLUSIVE, NOT_TESTED, PASS)
        if (count := sum(cell.verdict == verdict for cell in shown))
    )
    sentence = f"{len(shown)} of {len(cells)} states with a danger in them were shown in this run: {counts or 'none'}."
    rest = [[c.danger, c.state, c.world, c.verdict, c.reason] for c in shown if c.verdict != PASS]
    figure = {
        "svg": matrix_svg(cells, sentence),
        "name": "Danger in every state",
        "alt": sentence,
        "large": True,
        "waveform": "",
        "problem": "",
    }
    columns = ["Danger", "State", "Shown at", "Verdict", "Why"]
    return [{"figure": figure, "sentence": sentence, "columns": columns, "rows": rest}]


def matrix_svg(cells: Sequence[Cell], sentence: str) -> str:
    """One row for each state, one column for each danger, both in the order of the cells."""
    states, dangers = _in_order(cell.state for cell in cells), _in_order(cell.danger for cell in cells)
    found = {(cell.state, cell.danger): cell for cell in cells}
    wide, height = (WIDTH - LEFT) / len(dangers), TOP + ROW * len(states) + 4
    parts = [_text(LEFT + wide * (place + 0.5), TOP - 8, danger) for place, danger in enumerate(dangers)]
    for row, state in enumerate(states):
        y = TOP + ROW * row
        parts.append(_text(LEFT - 8, y + 13, state, anchor="end"))
        parts += [
            _field(LEFT + wide * place, y, wide, found.get((state, danger))) for place, danger in enumerate(dangers)
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="{FONTS}" font-size="{TEXT}"><title>{escape(printable(sentence))}</title>{"".join(parts)}</svg>'
    )


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _field(x: float, y: float, wide: float, cell: Cell | None) -> str:
    verdict = cell.verdict if cell else ""
    style = f'class="cell {slug(verdict)}" fill="{FILLS[verdict]}"' if verdict in FILLS else 'class="cell" fill="none"'
    box = f'<rect x="{x:.1f}" y="{y}" width="{wide - 2:.1f}" height="{ROW - 2}" rx="2" stroke="{GRID}" {style}/>'
    words = WORDS.get(verdict, cell.result if cell else "–")
    return box + (_text(x + wide / 2 - 1, y + 12.5, words, white=verdict in WHITE_ON) if words else "")


def _text(x: float, y: float, words: str, *, anchor: str = "middle", white: bool = False) -> str:
    fill = ' class="on-dark" fill="#ffffff"' if white else f' fill="{INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{fill}>{escape(printable(words))}</text>'
