"""The subcommands `v2g-bench qualify` and `v2g-bench calibrate`: their arguments, and what they print.

v2g-bench qualify --rig=virtual --trials 5
v2g-bench qualify --rig=sim --defects
v2g-bench calibrate --rig=virtual --pulses 100
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from v2g_bench.commands.defects.command import configure as configure_defects
from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import SEED, TRIALS, Within

DELAY_MS = Within(0, 1000)  # of the responder


def configure_qualify(parser: argparse.ArgumentParser) -> None:
    """Give `qualify` its arguments."""
    parser.add_argument("--rig", default="virtual", metavar="NAME|PATH")
    parser.add_argument("--rig-strict", action="store_true", help="an error where the rig's CAN interface is not there")
    parser.add_argument(
        "--trials", type=TRIALS.whole_text, default=5, metavar="N", help="valid trials per delay (default 5)"
    )
    parser.add_argument("--delays", type=_delays, default=None, metavar="MS,MS...", help="delays of the responder, ms")
    parser.add_argument(
        "--seed", type=SEED.whole_text, default=None, metavar="N", help="of order and phases (default: random)"
    )
    parser.add_argument(
        "--truth",
        choices=("plant", "mark"),
        default=None,
        help="what to compare with: the emulated world's record, or a step of the sync line's mark (with real parts)",
    )
    parser.add_argument("--keep", type=Path, default=None, metavar="DIR", help="keep capture and logs in this folder")
    configure_defects(parser)
    parser.add_argument(
        "--check", action="store_true", help="do not qualify: check that the last result is still valid"
    )
    parser.set_defaults(run=run_qualify)


def configure_calibrate(parser: argparse.ArgumentParser) -> None:
    """Give `calibrate` its arguments."""
    parser.add_argument("--rig", default="virtual", metavar="NAME|PATH")
    parser.add_argument("--rig-strict", action="store_true", help="an error where the rig's CAN interface is not there")
    parser.add_argument(
        "--pulses",
        type=TRIALS.whole_text,
        default=100,
        metavar="N",
        help="common edges to measure (default 100)",
    )
    parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="where the record goes")
    parser.set_defaults(run=run_calibrate)


def run_qualify(options: argparse.Namespace) -> int:
    """0 when the bench is qualified, 1 when it is not."""
    if options.defects:
        from v2g_bench.commands.defects.command import run_defects

        return run_defects(options)
    from v2g_bench.qualification.result import fresh
    from v2g_bench.qualification.run import DELAYS_MS, QualificationPlan, qualify
    from v2g_bench.rig.file.load import load_rig

    loaded = load_rig(options.rig)
    if options.check:
        found = fresh(loaded)
        print(found if isinstance(found, str) else f"{found.verdict} of {found.date}: {found.text}")
        return int(isinstance(found, str))
    seed = time.time_ns() % 2**31 if options.seed is None else options.seed
    plan = QualificationPlan(options.trials, options.delays or DELAYS_MS, seed, options.rig_strict, options.truth)
    print(f"rig {loaded.rig.name}: {plan.wanted} trials at {len(plan.delays_ms)} delays, seed {seed}", flush=True)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="v2g-qualify-")))
        _make(folder)
        result = qualify(
            loaded,
            plan,
            folder,
            note=lambda text: print(f"note: {text}", flush=True),
            show=_show,
            temporary=options.keep is None,
        )
    path = result.save()
    print(_table(result.rows))
    print(*result.floor, sep="\n")
    print(f"truth: {result.truth}")
    print(f"{result.verdict}  {result.text}\nseed {seed}, {result.duration_s:.0f} s, kept in {path}")
    return 0 if result.verdict == "PASS" else 1


def run_calibrate(options: argparse.Namespace) -> int:
    """0 when the record is written."""
    from v2g_bench.qualification.trigger import calibrate
    from v2g_bench.rig.file.load import load_rig
    from v2g_bench.rig.parts.trigger_timing import timing_path

    loaded = load_rig(options.rig)
    path = options.out or timing_path(loaded)
    with tempfile.TemporaryDirectory(prefix="v2g-calibrate-") as folder:
        record = calibrate(
            loaded, options.pulses, Path(folder), strict=options.rig_strict, now=datetime.now(UTC), note=print
        )
    record.save(path)
    print(f"{record}\nwritten to {path}")
    return 0


def _delays(text: str) -> list[float]:
    return [DELAY_MS.real_text(part) for part in text.split(",")]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(str(folder), f"cannot be made: {error.strerror}") from None


def _show(valid: int, wanted: int, outcome: object) -> None:
    """One line per trial."""
    from v2g_bench.qualification.score import Outcome

    assert isinstance(outcome, Outcome)
    if outcome.void:
        message = f"void: {outcome.void}"
    elif outcome.error_ms is None:
        message = outcome.note or "nothing measured"
    else:
        message = (
            f"{outcome.measured_ms:.3f} ms ± {outcome.expanded_ms:.3f} ms, {1e3 * outcome.error_ms:+.0f} us from true"
        )
    wrong = f"   WRONG: {outcome.wrong}" if outcome.wrong else ""
    print(f"{valid:4}/{wanted}  {outcome.delay_ms:5g} ms  {outcome.verdict:12} {message}{wrong}", flush=True)


def _table(rows: object) -> str:
    """Rows of column title to text, in columns."""
    assert isinstance(rows, tuple)
    titles = list(rows[0])
    lines = [titles, *([row[title] for title in titles] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(titles))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
