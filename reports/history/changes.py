"""What changed between two runs of a rig: the verdict of every test, and alarms that were not there before.

A changed verdict has one of four causes, as far as the runs show:

| kind        |                                                                                                       |
| ----------- | ----------------------------------------------------------------------------------------------------- |
| version     | between PASS and FAIL, and the controller is another version: look at the controller                  |
| flip        | between PASS and FAIL at the same version: the controller, or the test, does not do the same each time |
| rig         | to or from ERROR, INCONCLUSIVE or NOT TESTED: the rig was sick or could not tell; it says nothing of the |
|             | controller |
| suite       | the test is new, was not run, or applies now where it did not                                         |
"""

from dataclasses import dataclass

from v2g_bench.errors import BenchError
from v2g_bench.reports.history.index import History, Point, RunLine, Series
from v2g_bench.reports.history.trend import RUNS, TrendSummary, summarize
from v2g_bench.reports.model.verdicts import FAIL, PASS, UNDECIDED

GONE = "not run"


@dataclass(frozen=True)
class Change:
    """One test, or one new alarm (`kind` "alarm": `now` is its sentence)."""

    kind: str
    requirement: str
    test: str
    before: str
    now: str
    reason: str = ""

    def __str__(self) -> str:
        name = f"{self.requirement:9} {self.test}"
        if self.kind == "alarm":
            return f"{'alarm':9} {name}: {self.now}"
        message = f"  ({self.reason})" if self.reason else ""
        return f"{self.kind:9} {name}: {self.before} -> {self.now}{message}"


def changes(history: History, rig: str, within: int, since: str = "") -> tuple[list[Change], RunLine, RunLine | None]:
    """The changes between the last run of a rig and the one before it, or the one in the folder `since`; and both runs.

    BenchError if there is no such run.
    """
    runs = history.runs(rig)
    if not runs:
        raise BenchError(f"history of rig {rig}", "there is no run of it")
    now, before = runs[-1], runs[-2] if len(runs) > 1 else None
    if since:
        before = next((run for run in runs[:-1] if run.folder == since), None)
        if before is None:
            raise BenchError("--since", f"no earlier run of rig {rig} is called {since}", f"the last: {now.folder}")
    if before is None:
        return [], now, None
    found = []
    for series in history.series(rig, last=RUNS):
        points = {point.folder: point for point in series.points}
        if series.measurement:
            found += _alarm(series, within, now.folder)
        else:
            found += _verdict(series, points.get(before.folder), points.get(now.folder))
    return found, now, before


def _verdict(series: Series, before: Point | None, now: Point | None) -> list[Change]:
    if before is None or now is None:
        if before is None and now is None:
            return []
        was, is_ = (before.verdict if before else GONE), (now.verdict if now else GONE)
        return [Change("suite", series.requirement, _short(series), was, is_, now.reason if now else "")]
    if before.verdict == now.verdict:
        return []
    change = Change(_kind(before, now), series.requirement, _short(series), before.verdict, now.verdict, now.reason)
    return [change]


def _kind(before: Point, now: Point) -> str:
    pair = {before.verdict, now.verdict}
    if pair & {*UNDECIDED}:
        return "rig"
    if pair != {PASS, FAIL}:
        return "suite"
    return "flip" if before.controller == now.controller else "version"


def _alarm(series: Series, within: int, folder: str) -> list[Change]:
    """An alarm that the last run raised. An older one was reported before."""
    if not series.points or series.points[-1].folder != folder:
        return []
    summary = summarize(series, within)
    if not summary.alarm or (len(series.points) > 1 and _alarmed_before(series, within, summary)):
        return []
    return [Change("alarm", series.requirement, f"{_short(series)} {series.measurement}", "", summary.alarm)]


def _alarmed_before(series: Series, within: int, summary: TrendSummary) -> bool:
    """Of the same kind: a drift does not raise a new alarm every night because a figure in it has changed."""
    before = summarize(series._replace(points=series.points[:-1]), within).alarm
    return before.partition(":")[0] == summary.alarm.partition(":")[0]


def _short(series: Series) -> str:
    return series.nodeid.rpartition("::")[2]
