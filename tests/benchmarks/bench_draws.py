"""How surely a run finds a controller that is blind in a fifth of what is drawn. Figures, not a test.

    .venv/bin/python tests/benchmarks/bench_draws.py [--seeds 1000] [--share 0.2]
    .venv/bin/python tests/benchmarks/bench_draws.py --suite [--seeds 20]

For each seed and dimension a window of that share is laid somewhere, by chance. Without --suite it is only asked whether any
draw of the emergency shutdown's tests lies in it. With --suite a controller that does not trip inside the window is certified
by these tests on --rig=sim: first as a default run, and, if that finds nothing, with the trials of the certification profile.
A test stops at the first trial that fails, and no report is drawn; the rest is as a user runs it.
"""

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from v2g_bench.draws.dimensions import Dimension, Made, drawn
from v2g_bench.fixtures import session
from v2g_bench.fixtures.trials import Trial, Trials
from v2g_bench.qualification.defects import controllers as controllers
from v2g_bench.reports.model import run as model
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.anything import Anything
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig

SUITE = "tests/conformance/safety/test_emergency_shutdown.py"
TESTS = {"hot": "test_hot_cell_isolates", "strings": "test_diverging_strings_isolate"}
DIRECTIONS = ("discharging", "charging")
DEFAULT, CERTIFICATION = 5, 59
COMMANDED_S = 0.08  # what the phase of a trial adds to the time since the last command, in the middle
CORE = "v2g_bench.qualification.defects.controllers:blind_where_{}_from_{:g}_to_{:g}"
Window = tuple[float, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--share", type=float, default=0.2, help="of each dimension in which the controller is blind")
    parser.add_argument("--suite", action="store_true", help="by the suite itself")
    parser.add_argument("--only", nargs="*", default=NAMES, choices=[*NAMES], help="these dimensions")
    options = parser.parse_args()
    worlds = dimensions()
    seeds = range(1, 1 + (options.seeds or (20 if options.suite else 1000)))
    found = by_suite if options.suite else by_draws
    print(f"{'blind in a window of':22} {'default run':>14} {'certification':>14}   ({len(seeds)} seeds)")
    for name in options.only:
        trials = [found(worlds, name, window(worlds, name, seed, options.share), seed) for seed in seeds]
        shares = [sum(n <= most for n in trials) / len(seeds) for most in (DEFAULT, CERTIFICATION)]
        print(f"{name:22} {shares[0]:14.1%} {shares[1]:14.1%}", flush=True)


def dimensions() -> dict[str, dict[str, Dimension | Made]]:
    """What the tests draw, by danger, on the simulated rig."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SimRig(load_rig("sim"), Path(folder), 1, note=lambda text: None) as parts,
    ):
        anything = Anything(parts, Session(parts).bench.power)
        return {
            "hot": {"fault": anything.hot_cell(45), **anything.operating_point("charging")},
            "strings": {"fault": anything.diverging_strings(300), **anything.operating_point("charging")},
        }


# Name in the controllers' windows -> its dimension among the tests' own, and the factor between the two.
NAMES: dict[str, tuple[str, str, float]] = {
    "power_w": ("power_w", "w", 1.0),
    "soc_pct": ("soc_pct", "", 1.0),
    "pack_c": ("pack_c", "", 1.0),
    "since_command_s": ("since_command_s", "", 1.0),
    "to_c": ("fault", "to_c", 1.0),
    "to_mv": ("fault", "to_v", 1e3),
}


def dangers(name: str) -> list[str]:
    """The tests that can meet a window of this quantity."""
    return {"to_c": ["hot"], "to_mv": ["strings"]}.get(name, list(TESTS))


def window(worlds: dict[str, dict[str, Dimension | Made]], name: str, seed: int, share: float) -> Window:
    """The ends of a window that takes this share of the draws of a quantity."""
    outer, inner, per = NAMES[name]
    dimension = worlds[dangers(name)[0]][outer]
    dimension = dimension.of[inner] if isinstance(dimension, Made) else dimension
    start = random.Random(f"{name} {seed}").uniform(0.0, 1.0 - share)
    ends = sorted(per * dimension.at(min(part, 1 - 1e-9)) for part in (start, start + share))
    shift = COMMANDED_S if name == "since_command_s" else 0.0
    return ends[0] + shift, ends[1] + shift


def by_draws(worlds: dict[str, dict[str, Dimension | Made]], name: str, ends: Window, seed: int) -> int:
    """The first trial of any of the tests whose draw lies in the window; one more than a certification has for none."""
    outer, inner, _ = NAMES[name]
    for place in range(CERTIFICATION):
        for danger in dangers(name):
            for direction in DIRECTIONS:
                key = f"{seed} {SUITE}::{TESTS[danger]}[{direction}]"
                value = drawn({outer: worlds[danger][outer]}, key, place)[outer]
                value = value if not inner else getattr(value, {"to_v": "to_mv"}.get(inner, inner), value)
                shift = COMMANDED_S if name == "since_command_s" else 0.0
                if ends[0] <= abs(value) + shift <= ends[1]:
                    return place + 1
    return CERTIFICATION + 1


def by_suite(worlds: dict[str, dict[str, Dimension | Made]], name: str, ends: Window, seed: int) -> int:
    """How many trials of a measurement a run must have for the suite to say FAIL; one more than a certification for none."""
    for trials in (DEFAULT, CERTIFICATION):
        verdicts = certified(CORE.format(name, *ends), [TESTS[danger] for danger in dangers(name)], seed, trials)
        print(
            f"  {name} {ends[0]:g} to {ends[1]:g}, seed {seed}, {trials} trials: {verdicts}",
            file=sys.stderr,
            flush=True,
        )
        if "FAIL" in verdicts:
            return trials
    return CERTIFICATION + 1


def certified(core: str, tests: list[str], seed: int, trials: int) -> list[str]:
    """The verdicts of these tests on a simulation with this controller, until one fails."""
    with tempfile.TemporaryDirectory(prefix="v2g-draws-") as folder:
        rig = Path(folder) / "sim.toml"
        text = Path(load_rig("sim").path).read_text("utf-8")
        command = json.dumps(["v2g-daemon", "--config", "{config}", "--core", core])
        rig.write_text(text.replace("[dut]", f"[dut]\ncommand = {command}", 1), "utf-8")
        words = [
            f"--rig={rig}",
            f"--reports={folder}",
            f"--seed={seed}",
            f"--trials={trials}",
            "--no-qualify",
            "-q",
            "-x",
        ]
        words += ["-p", "no:cacheprovider", "-k", " or ".join(tests), SUITE]
        process = multiprocessing.get_context("fork").Process(target=_run, args=(words,))
        process.start()
        process.join()
        (results,) = Path(folder).glob("*/results.json")
        found = json.loads(results.read_text("utf-8"))
        return [test["verdict"] for one in found["requirements"] for test in one["tests"]]


def _run(words: list[str]) -> None:
    sound: Callable[[Trials], Iterator[Trial]] = Trials.__iter__

    def until_one_fails(self: Trials) -> Iterator[Trial]:
        for trial in sound(self):
            yield trial
            if trial.judged is not None and trial.judged.latency.failed:
                self.close()
                return

    Trials.__iter__ = until_one_fails  # type: ignore[method-assign]
    session.write_report = lambda run, folder: model.dump(run, folder / session.RESULTS)  # type: ignore[assignment]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os._exit(int(pytest.main(words)))


if __name__ == "__main__":
    main()
