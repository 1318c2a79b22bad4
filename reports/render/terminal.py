"""The end of a run on a terminal: one line for each requirement, then what the run was and where its report is.

On a narrow terminal the limit and the trials go into a second line. Text of the run is never read as markup.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from v2g_bench.reports.model.run import Requirement, Run
from v2g_bench.reports.model.verdicts import PASS, VERDICTS
from v2g_bench.reports.render import words
from v2g_bench.reports.render.scope import by_verdict, headline, tone, verdict_sentence
from v2g_bench.reports.render.statements import requirement_result, requirement_statement, trials_text

STYLES = {
    "PASS": "green",
    "FAIL": "bold white on red",
    "ERROR": "bold white on magenta",
    "INCONCLUSIVE": "bold black on yellow",
    "NOT TESTED": "cyan",
    "NOT APPLICABLE": "dim",
}
_FIGURE_WIDTH = 28  # a longer statement is a sentence
_LEAST_WIDTH = 50  # of a table: id, verdict, and words beside them


def verdict_table(run: Run, report: Path | None = None, asked: Collection[str] | None = None) -> RenderableType:
    """A rich renderable of the run; `report` is the file that the last line points to.

    asked: the requirements that the run was confined to, None for all; a line has what was asked for, and what a test has
    shown of others.
    """
    return _VerdictTable(run, report, asked)


class _VerdictTable:
    def __init__(self, run: Run, report: Path | None, asked: Collection[str] | None) -> None:
        self._run, self._report = run, report
        self._shown = [one for _, one in by_verdict(run) if asked is None or one.id in asked or one.tests]
        self._beside = [one for one in run.requirements if one not in self._shown]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._run.requirements:
            yield Text(" no requirement was tested", style=STYLES["INCONCLUSIVE"])
        elif options.max_width < _LEAST_WIDTH:
            yield from self._stacked()
        else:
            yield self._table(options.max_width)
        if self._beside:
            yield Text(f" {_not_selected(self._beside)}", style=STYLES["NOT TESTED"])
        yield from self._foot()

    def _stacked(self) -> Iterator[Text]:
        """Where no table has room: each requirement in lines of its own, which the terminal may break."""
        for one in self._shown:
            yield Text.assemble((f" {_one_line(one.id)}", "bold"), " ", (one.verdict, STYLES[one.verdict]))
            yield Text(f"   {_one_line(one.title)}")
            if details := ", ".join(part for part in _parts(one) if part):
                yield Text(f"   {details}")

    def _table(self, width: int) -> Table:
        requirements = self._shown
        tails = _tails(requirements)
        fixed = 1 + max(cell_len(r.id) for r in requirements) + 2 + max(cell_len(r.verdict) for r in requirements) + 2
        title = max(cell_len(r.title) for r in requirements) + 2
        room = width - fixed - title
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(no_wrap=True)
        wide = room >= max(cell_len(tail) for tail in tails)
        if wide:
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for requirement, tail in zip(requirements, tails, strict=True):
            verdict = Text(requirement.verdict, style=STYLES[requirement.verdict])
            name = Text(" " + _one_line(requirement.id), style="bold")
            if wide:
                table.add_row(name, Text(_one_line(requirement.title)), verdict, Text(tail))
            else:
                details = ", ".join(part for part in _parts(requirement) if part)
                table.add_row(name, verdict, Text(f"{_one_line(requirement.title)}\n{details}".rstrip()))
        return table

    def _foot(self) -> Iterator[Text]:
        run = self._run
        dut = f"{run.controller.name} {run.controller.version}".strip()
        foot = Text(" ", no_wrap=False)
        foot.append(f"{run.evidence}, controller {_one_line(dut)}, ")
        foot.append(words.certified_mark(run), style="" if words.certifiable(run) else "bold yellow")
        foot.append("   run: ")
        foot.append(headline(run), style=STYLES[tone(run)])
        yield foot
        yield Text(f" {verdict_sentence(run, untested=not self._beside)}")
        for deviation in run.deviations:
            yield Text(f" DEVIATION: {_one_line(deviation)}", style="yellow")
        if run.evidence != "hardware" or not words.certifiable(run):
            yield Text(f" {words.grade_mark(run)}", style="yellow")
        if not run.complete:
            yield Text(f" INCOMPLETE RUN: {_one_line(run.incomplete_reason)}", style=STYLES["ERROR"])
        for mark in run.marks:
            yield Text(f" {_one_line(mark)}", style="yellow")
        if self._report is not None:
            yield Text(f" report: {self._report}", overflow="fold")


def _not_selected(requirements: list[Requirement]) -> str:
    """One line for all that the run was not confined to."""
    count = Counter(one.verdict for one in requirements)
    verdicts = ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict])
    return f"not selected by --req: {len(requirements)} requirements ({verdicts}); the report lists them"


def _parts(requirement: Requirement) -> tuple[str, str, str]:
    """Result, its limit and trials. A sentence (the reason of a failure) stands alone; a figure has its limit."""
    statement, result = _one_line(requirement_statement(requirement)), requirement_result(requirement)
    trials = [trial for test in requirement.tests for m in test.measurements for trial in m.trials]
    if result.observed:
        return f"{result.text}: {_one_line(result.about.partition('; ')[0])}", "", ""
    if not trials or (requirement.verdict != PASS and cell_len(statement) > _FIGURE_WIDTH):
        return statement, "", ""
    limit = result.limit or requirement.limit
    return _one_line(result.text), f"limit {_one_line(limit)}" if limit else "", trials_text(trials)


def _tails(requirements: list[Requirement]) -> list[str]:
    """Statement, limit and trials, each in its column; what has a statement alone runs on."""
    parts = [_parts(requirement) for requirement in requirements]
    columned = [part for part in parts if part[1] or part[2]]
    first = max((cell_len(part[0]) for part in columned), default=0)
    second = max((cell_len(part[1]) for part in columned), default=0)

    def line(part: tuple[str, str, str]) -> str:
        if not (part[1] or part[2]):
            return part[0]
        statement = part[0] + " " * (first - cell_len(part[0]))
        return f"{statement}   {part[1]}{' ' * (second - cell_len(part[1]))}   {part[2]}".rstrip()

    return [line(part) for part in parts]


def _one_line(text: str) -> str:
    return " ".join(words.printable(text).split())
