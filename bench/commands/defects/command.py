"""`v2g-bench qualify --defects`: runs the catalogue, prints the matrix, keeps it as evidence beside the qualification."""

import argparse
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v2g_bench.errors import BenchError
from v2g_bench.fixtures.suite import SUITE
from v2g_bench.inputs.ranges import TRIALS, WORKERS

if TYPE_CHECKING:
    from v2g_bench.commands.defects.run import Found

SIMULATED_SEEDS = 3
MARKS = {"killed": "X", "partly": "/", "passed": "o", "other": "?", "campaign": "C", "survived": "!", "rejected": "!"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `qualify` that are about defects."""
    parser.add_argument("--defects", action="store_true", help="seeded defects: show that the bench finds each of them")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="defects with this word in their name"
    )
    parser.add_argument(
        "--workers",
        type=WORKERS.whole_text,
        default=2,
        metavar="N",
        help="defects at a time on a simulation (default 2)",
    )
    parser.add_argument(
        "--seeds",
        type=TRIALS.whole_text,
        default=None,
        metavar="N",
        help="seeds that each broken controller is tried with (default: 3 on a simulation, 1 elsewhere)",
    )
    parser.add_argument("--suite", type=Path, default=None, metavar="DIR", help="the conformance tests")


def run_defects(options: argparse.Namespace) -> int:
    """0 when every defect was found by its check, for its reason, and the unbroken controller passed; else 1."""
    from v2g_bench.commands.defects.run import Bench, chosen, matrix, run_all
    from v2g_bench.qualification.result import this_bench

    suite = options.suite or SUITE
    if not suite.is_dir():
        raise BenchError(str(suite), "there are no conformance tests here", "name their folder with --suite")
    bench = Bench(options.rig, suite, seed=1 if options.seed is None else options.seed)
    bench = replace(bench, seeds=options.seeds or (SIMULATED_SEEDS if bench.simulated else 1))
    defects = chosen(bench, options.only)
    if not defects:
        raise BenchError("--only", f"no defect has {' or '.join(options.only)} in its name")
    print(f"rig {options.rig}: {len(defects)} defects, each against the suite under {bench.seeds} seeds", flush=True)
    began_s = time.monotonic()
    found = run_all(bench, defects, max(1, options.workers), _show)
    result = matrix(found) | {
        "rig": options.rig,
        "seed": bench.seed,
        "seeds": bench.seeds,
        "trials": max((max(bench.trials, one.trials) for one in defects), default=bench.trials),
        "date": _now(),
        "made_by": this_bench(),
    }
    path = _keep(result, options.rig)
    print("\n" + table(found))
    print(
        f"{result['verdict']}  {result['killed']} of {result['count'] - result['near_misses_passed']} defects found, "
        f"{result['near_misses_passed']} near misses passed"
    )
    print(f"{time.monotonic() - began_s:.0f} s with {options.workers} at a time")
    for title, key in (
        ("found under some seeds alone", "partly"),
        ("found by a campaign over the core alone, so not by the suite", "by_a_campaign_alone"),
        ("survivors", "survivors"),
        ("found for another reason", "for_another_reason"),
        ("rejected", "rejected"),
    ):
        if result[key]:
            names = [f"{name} ({text})" for name, text in result[key].items()] if key == "partly" else result[key]
            print(f"{title}: {', '.join(names)}")
    print(f"kept in {path}")
    return 0 if result["verdict"] == "PASS" else 1


def table(found: "list[Found]") -> str:
    """Defect by check: X found by its check, o passed as it has to, F failed as well, ! a hole, ? another reason."""
    checks = sorted({one.check for one in found if one.kind != "control"})
    wide = max(len(one.name) for one in found)
    lines = [f"{'':{wide}}  {'  '.join(checks)}"]
    for one in found:
        if one.kind == "control":
            continue
        cells = [_cell(one, check).center(len(check)) for check in checks]
        lines.append(f"{one.name:{wide}}  {'  '.join(cells)}".rstrip())
    return "\n".join(
        [
            *lines,
            "X found by its check   / under some seeds   o near miss, passed   F failed as well   ? another reason   "
            "C by a campaign alone   ! hole",
        ]
    )


def _cell(one: "Found", check: str) -> str:
    if check == one.check:
        return MARKS[one.outcome]
    return "F" if one.tested.get(check, "PASS") not in ("PASS", "held") else ""


def _show(one: "Found") -> None:
    print(f"{one.outcome:9} {one.check:18} {one.name:44} {one.message[:110]}", flush=True)


def _keep(result: dict[str, Any], rig: str) -> Path:
    """Beside the qualifications; whoever certifies takes it from there into the run folder (`evidence`)."""
    from v2g_bench.rig.file.state_folder import state_folder

    path = state_folder() / f"defects-{Path(rig).stem}.json"
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        part.replace(path)
    except OSError as error:
        raise BenchError(str(path), f"cannot be written: {error.strerror}") from None
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
