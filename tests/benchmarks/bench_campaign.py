"""How many shutdown scenarios a campaign does in a minute, and where the time of one goes. Figures, not a test.

    .venv/bin/python tests/benchmarks/bench_campaign.py [--trials 400] [--beside virtual]

CPU time of this process, the best of five rounds: what a busy machine adds is left out as far as that goes. --beside plays
the first scenarios on a rig in real time as well (`pytest --scenario`), in the same run, and gives the ratio.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from v2g_bench.campaign.plan import CampaignPlan, campaign_path, parse_campaign
from v2g_bench.campaign.prepared_world import PreparedWorld, at
from v2g_bench.campaign.run import Job, opened, row_of

ROUNDS = 5
CORES = 2
BESIDE = 20  # scenarios in real time


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--beside", metavar="RIG", help="an emulated rig that plays the first of them in real time")
    options = parser.parse_args()
    trials = options.trials
    text = campaign_path("shutdown").read_text("utf-8")
    plan, setup, judge = opened(Job(text, trials, 1))
    began = time.process_time()
    prepared_worlds = [PreparedWorld(setup, plan.operating_point(place)) for place in range(plan.operating_points)]
    for place, prepared in enumerate(prepared_worlds):
        prepared.copy(max(at(plan.scenario(index)) for index in plan.members(place)))
    operating_points = time.process_time() - began
    parts = dict.fromkeys(("generate", "copy", "play and copy", "judge and digest"), float("inf"))
    gc.disable()
    for _ in range(ROUNDS):
        for name, spent in one_round(plan, prepared_worlds, judge).items():
            parts[name] = min(parts[name], spent)
    for name, spent in parts.items():
        print(f"{name:18} {1e3 * spent / trials:7.2f} ms a scenario")
    full = parse_campaign(text, "shutdown").per_stand
    per_stand = operating_points / plan.operating_points
    print(f"{'stand':18} {1e3 * per_stand / full:7.2f} ms a scenario ({1e3 * per_stand:.0f} ms for {full})")
    whole = (parts["generate"] + parts["play and copy"] + parts["judge and digest"]) / trials + per_stand / full
    simulated = sum(plan.scenario(index).end_s for index in range(trials)) / trials
    print(
        f"{'whole':18} {1e3 * whole:7.2f} ms a scenario of {simulated:.3f} s: {simulated / whole:.0f} times real time"
    )
    print(f"{CORES} cores would do {CORES * 60 / whole:.0f} a minute")
    if options.beside:
        real_s = in_real_time(plan, options.beside)
        ratio = real_s / whole
        print(
            f"{'on ' + options.beside:18} {real_s:7.2f} s a scenario in real time: {ratio:.0f} times as long as on one core "
            f"here, {CORES * ratio:.0f} times as long as on {CORES}"
        )


def in_real_time(plan: CampaignPlan, rig: str) -> float:
    """Seconds from beginning to end of one scenario on that rig, the median of the first; the rig is open already."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index in range(min(BESIDE, plan.trials)):
            files.append(Path(folder, f"{index}.toml"))
            files[-1].write_text(plan.scenario(index).to_toml(), "utf-8")
        command = [sys.executable, "-m", "pytest", f"--rig={rig}", "--no-qualify", "-q", f"--reports={folder}/runs"]
        subprocess.run([*command, *(f"--scenario={path}" for path in files)], check=True, capture_output=True)
        (reported,) = Path(folder, "runs").glob("*/events.jsonl")
        events = [json.loads(line) for line in reported.read_text("utf-8").splitlines()]
    at = {(one["event"], one["test"]): one["bench_s"] for one in events if "test" in one}
    return statistics.median(
        at["test finished", test] - s for (event, test), s in at.items() if event == "test started"
    )


def one_round(plan: CampaignPlan, prepared_worlds: list[PreparedWorld], judge: object) -> dict[str, float]:
    """CPU seconds of each part over all scenarios."""
    spent = dict.fromkeys(("generate", "copy", "play and copy", "judge and digest"), 0.0)
    clock = time.process_time
    for place, prepared in enumerate(prepared_worlds):
        for index in plan.members(place):
            begin = clock()
            scenario = plan.scenario(index)
            made = clock()
            prepared.copy(at(scenario))
            copied = clock()
            scenario_run = prepared.play(scenario)
            over = clock()
            row_of(index, scenario_run, judge)  # type: ignore[arg-type]
            spent["generate"] += made - begin
            spent["copy"] += copied - made
            spent["play and copy"] += over - copied
            spent["judge and digest"] += clock() - over
    gc.collect()
    return spent


if __name__ == "__main__":
    main()
