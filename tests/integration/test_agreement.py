"""The same scenario files on the simulation and on real SocketCAN with real processes under a virtual clock.

Both leave out how long a program computes. What else differs is written down in `v2g_bench.sim`; the latencies here may
differ by no more than that.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.campaign.scenario import OperatingPoint, Scenario, Timed
from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, EmiNoise, OverTemperature, StringVoltageDifference, ThermalGradient
from v2g_bench.kernel import images

pytestmark = [pytest.mark.simulated, pytest.mark.long]

PROJECT = Path(__file__).parents[2]
BOUND_S = 500.0
# The wire time of a frame (0.26 ms), the Modbus transit (0.1 ms each way), and the 2 ms mean of the current on both sides.
LATENCY_MS = 1.0

SCENARIOS = {
    "hot": ((OverTemperature(cell=17, to_c=45.5),), -3000.0, 0.15),
    "strings": ((StringVoltageDifference(to_mv=301),), 8000.0, 0.15),
    "at-the-limit": ((OverTemperature(cell=3, to_c=45.0), StringVoltageDifference(to_mv=300)), -3000.0, 0.3),
    "module": ((ThermalGradient(to_k=25, module=4),), -5000.0, 0.15),
    "silent": ((BmsSilence(),), 3000.0, 0.7),
    "noise": ((EmiNoise(loss_pct=30, flip_pct=20),), -3000.0, 2.5),
    "noise-and-hot": ((EmiNoise(loss_pct=30, flip_pct=20), OverTemperature(cell=17, to_c=46.0)), -3000.0, 0.2),
}


def missing():
    """Why the kernel cannot be tried here, or None."""
    if "V2G_KERNEL" in os.environ:
        return "this runs in a user-mode kernel already"
    try:
        images.virtual_clock_image()
    except BenchError as error:
        return str(error)
    return None


def replay(folder, files, *prefix, rig):
    """Scenario -> (verdict, latency in ms or None) of one run over these files."""
    command = [*prefix, sys.executable, "-m", "pytest", f"--rig={rig}", "--no-qualify", "--seed=1", "-q"]
    command += ["-p", "no:cacheprovider", f"--reports={folder}", *(f"--scenario={path}" for path in files)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=BOUND_S)
    runs = sorted(folder.glob("*/results.json"))
    assert len(runs) == 1, done.stdout + done.stderr
    results = json.loads(runs[0].read_text("utf-8"))
    found = {}
    for test in next(one["tests"] for one in results["requirements"] if one["id"] == "SCN-01"):
        name = re.search(r"\[(.*)\]", test["nodeid"])[1]
        reported = re.search(r"time to isolation, about (\d+\.\d+) ms", test["log"])
        found[name] = (test["verdict"], float(reported[1]) if reported else None)
    return found


@pytest.mark.timeout(2 * BOUND_S)
@pytest.mark.skipif((why := missing()) is not None, reason=str(why))
def test_simulation_and_time_travel_agree(tmp_path):
    files = []
    for place, (name, (faults, power_w, clear_s)) in enumerate(SCENARIOS.items()):
        timed = tuple(Timed(0.01 + 0.0037 * number, fault) for number, fault in enumerate(faults))
        scenario = Scenario(
            name, OperatingPoint(place + 1, 50.0, 25.0, power_w), timed, clear_s, round(clear_s + 0.3, 6)
        )
        files.append(tmp_path / f"{name}.toml")
        files[-1].write_text(scenario.to_toml(), "utf-8")
    kernel = (sys.executable, "-m", "v2g_bench.commands.main", "kernel", "--time-travel", "--timeout", "400", "--")
    simulated = replay(tmp_path / "sim", files, rig="sim")
    travelled = replay(tmp_path / "vcan0", files, *kernel, rig="vcan0")
    assert set(simulated) == set(travelled) == set(SCENARIOS)
    print(json.dumps({name: (simulated[name], travelled[name]) for name in SCENARIOS}, indent=1))
    assert {verdict for verdict, _ in simulated.values()} == {verdict for verdict, _ in travelled.values()} == {"PASS"}
    for name, (_, one_ms) in simulated.items():
        other_ms = travelled[name][1]
        assert (one_ms is None) == (other_ms is None), name
        if one_ms is not None:
            assert abs(one_ms - other_ms) <= LATENCY_MS, f"{name}: {one_ms} ms simulated, {other_ms} ms in time travel"
    assert sum(one_ms is not None for _, one_ms in simulated.values()) >= 4
