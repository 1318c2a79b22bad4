"""The subcommand `v2g-bench campaign`: its arguments, its progress, and what it prints and leaves.

v2g-bench campaign shutdown --trials 20000 --workers 2
v2g-bench campaign my.toml --core v2g_bench.qualification.defects.controllers:hot_cell_in_70_ms --out /tmp/late
"""

import argparse
import json
import math
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import SEED, WORKERS, Within
from v2g_bench.inputs.text import read_text

if TYPE_CHECKING:
    from v2g_bench.campaign.run import Campaign, PointResult

SCENARIOS = Within(1, 10_000_000)

MOST_SHRUNK = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Give `campaign` its arguments."""
    parser.add_argument("file", metavar="FILE", help="a campaign file, or one of: benign, fallbacks, shutdown")
    parser.add_argument(
        "--trials",
        type=SCENARIOS.whole_text,
        default=None,
        metavar="N",
        help="how many scenarios (default: the file's)",
    )
    parser.add_argument(
        "--seed", type=SEED.whole_text, default=None, metavar="N", help="another campaign of the same file"
    )
    parser.add_argument(
        "--workers",
        type=WORKERS.whole_text,
        default=1,
        metavar="N",
        help="processes on this machine (default 1)",
    )
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="run on the workers of this Dask scheduler")
    parser.add_argument("--no-shrink", action="store_true", help="write no small scenario files for failures")
    parser.add_argument("--rig", default="sim", metavar="NAME|PATH", help="a simulated rig (default: sim)")
    parser.add_argument(
        "--core", default="", metavar="FILE:FACTORY", help="a controller core in place of the reference"
    )
    parser.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="default: reports/campaign-NAME-SEED-TRIALS"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 when every invariant held in every scenario, 1 when one did not."""
    from v2g_bench.campaign.plan import campaign_path, parse_campaign
    from v2g_bench.campaign.run import Campaign, Job, results_sha256

    path = campaign_path(options.file)
    text = read_text(path)
    campaign = parse_campaign(text, str(path))
    core = _absolute(options.core)
    seed = campaign.seed if options.seed is None else options.seed
    job = Job(text, options.trials or campaign.trials, seed, options.rig, core)
    folder = options.out or Path("reports") / f"campaign-{campaign.name}-{job.seed}-{job.trials}"
    work = Campaign(job, folder)
    resumed = len(work.done())
    began = time.monotonic()
    table, cpu_s, ran, uncopied = _with_progress(work, options)
    took_s = time.monotonic() - began
    rows = table.to_pylist()
    summary = summary_of(rows) | {"campaign": campaign.name, "seed": job.seed, "core": core or "reference"}
    summary["sha256"] = results_sha256(table)
    _leave(folder, rows, summary)
    print(_sentence(summary, resumed, ran, cpu_s, took_s))
    if uncopied:
        print(f"slow: this core cannot be copied ({uncopied}), so each scenario brought it to its power separately")
    failures = [row for row in rows if row["failed"]]
    for scenario, message in [] if options.no_shrink else _shrunk(job, failures, folder):
        print(f"FAIL  {message}\n      pytest --rig=sim --scenario={scenario}")
    print(f"{folder / 'results.parquet'}   {folder / 'report.html'}")
    return 1 if failures else 0


def summary_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts of what happened; latencies of those shutdowns that were due."""
    latencies = sorted(row["latency_ms"] for row in rows if not math.isnan(row["latency_ms"]))
    return {
        "scenarios": len(rows),
        "failed": sum(bool(row["failed"]) for row in rows),
        "by_invariant": dict(Counter(name for row in rows for name in row["failed"].split())),
        "first": {name: row["said"] for row in reversed(rows) for name in row["failed"].split()},
        "shutdown_due": sum(row["due"] for row in rows),
        "tripped": sum(row["tripped"] for row in rows),
        "simulated_s": round(sum(row["end_s"] for row in rows), 3),
        "latency_ms": {
            "count": len(latencies),
            "median": latencies[len(latencies) // 2] if latencies else None,
            "slowest": latencies[-1] if latencies else None,
        },
    }


def _with_progress(work: "Campaign", options: argparse.Namespace) -> tuple[Any, float, int, str]:
    """The results, the CPU seconds they took, how many scenarios ran now, and why they were not copied (else "")."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    spent, ran, failed, uncopied = 0.0, 0, 0, ""
    before = sum(len(work.plan.members(place)) for place in work.done())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scenarios", total=work.plan.trials, completed=before)

        def show(result: "PointResult") -> None:
            nonlocal spent, ran, failed, uncopied
            uncopied = uncopied or result.uncopied
            spent, ran = spent + result.cpu_s, ran + len(result.rows)
            failed += sum(bool(row["failed"]) for row in result.rows)
            progress.update(task, advance=len(result.rows), description=f"scenarios, {failed} failed")

        table = work.run(options.workers, options.scheduler, show)
    return table, spent, ran, uncopied


def _leave(folder: Path, rows: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    from v2g_bench.campaign.coverage import svg
    from v2g_bench.campaign.page import page

    title = (
        f"{summary['campaign']}, seed {summary['seed']}: {summary['scenarios']} scenarios, {summary['failed']} failed"
    )
    try:
        (folder / "coverage.svg").write_text(svg(rows, title), "utf-8")
        (folder / "report.html").write_text(page(rows, summary), "utf-8")
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise BenchError(str(folder), f"cannot be written: {error.strerror}") from None


def _sentence(summary: dict[str, Any], resumed: int, ran: int, cpu_s: float, took_s: float) -> str:
    latency = summary["latency_ms"]
    lines = [
        f"{summary['scenarios']} scenarios of {summary['campaign']}, seed {summary['seed']}, core {summary['core']}: "
        f"{summary['failed']} failed",
        f"shutdown due in {summary['shutdown_due']}, tripped in {summary['tripped']}"
        + (
            f"; latency median {latency['median']:.2f} ms, slowest {latency['slowest']:.2f} ms"
            if latency["count"]
            else ""
        ),
    ]
    if summary["by_invariant"]:
        lines.append(", ".join(f"{name} {count}" for name, count in sorted(summary["by_invariant"].items())))
    if ran:
        lines.append(
            f"{ran} run now in {took_s:.1f} s: {60 * ran / took_s:.0f} a minute, {1e3 * cpu_s / ran:.2f} ms CPU each"
        )
    if resumed:
        lines.append(f"{resumed} stands were done before")
    return "\n".join([*lines, f"results SHA-256 {summary['sha256']}"])


def _shrunk(job: Any, failures: list[dict[str, Any]], folder: Path) -> list[tuple[Path, str]]:
    """A small scenario file for the first failure of each set of invariants, at most MOST_SHRUNK."""
    from v2g_bench.campaign.prepared_world import play
    from v2g_bench.campaign.run import opened
    from v2g_bench.campaign.scenario import Scenario
    from v2g_bench.campaign.shrink import shrink

    plan, setup, judge = opened(job)

    def fails(scenario: Scenario) -> set[str]:
        return {one.invariant for one in judge.judge(play(setup, scenario))}

    files = []
    kinds = {row["failed"]: row for row in reversed(failures)}
    for row in list(reversed(kinds.values()))[:MOST_SHRUNK]:
        small = shrink(plan.scenario(row["index"]), fails)
        path = folder / "failures" / f"{small.name}.toml"
        path.parent.mkdir(exist_ok=True)
        message = "; ".join(map(str, judge.judge(play(setup, small))))
        path.write_text(f"# {message}\n{small.to_toml()}", "utf-8")
        files.append((path, f"{row['name']}: {message}"))
    return files


def _absolute(core: str) -> str:
    """FILE:FACTORY with the file's full path, so that a worker elsewhere on this machine finds it."""
    name, colon, factory = core.rpartition(":")
    return f"{Path(name).resolve()}:{factory}" if colon and name.endswith(".py") else core
