"""Whatever becomes of a run, the current is zero within the stated time: by the emulated world's own record of it."""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import ALWAYS, TAG, Run, acts, certify, launcher, own_suite, rig_file, started_by, wait_for
from launcher import Forked

from v2g_bench.can.blf import read_blf
from v2g_bench.can.columns import Columns
from v2g_bench.can.export import export_run
from v2g_bench.clock import wall_offset_ns
from v2g_bench.reports.model import run as model
from v2g_bench.rig.safety.envelope import REST_A

pytestmark = pytest.mark.timeout(300)

HOT = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates[discharging]"
SAFE_S = 2.0  # [safety] safe_within_s
GONE_S = 20.0
SEED = 20261123


@dataclass(frozen=True)
class Truth:
    """What the emulated world wrote of itself: times (bench clock), currents, and whether it came to its end."""

    times_s: list[float]
    currents_a: list[float]
    ended: bool

    @classmethod
    def of(cls, folder: Path | None) -> "Truth":
        path = folder / "truth.csv" if folder else None
        if path is None or not path.exists():
            return cls([], [], True)
        rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
        whole = [row for row in rows if len(row) == 4]
        ended = bool(whole) and whole[-1][3] == "end"
        return cls([float(row[0]) for row in whole], [float(row[1]) for row in whole], ended)

    def flows(self) -> bool:
        """Whether current flows by the latest line."""
        return bool(self.currents_a) and abs(self.currents_a[-1]) > REST_A

    def last_flow_s(self) -> float:
        """When current last flowed; -inf for never."""
        return max(
            (at for at, amps in zip(self.times_s, self.currents_a, strict=True) if abs(amps) > REST_A), default=-1e9
        )


def truth_rig(folder: Path, **safety: Any) -> Path:
    return rig_file(folder, {"record_truth": True} | {f"safety.{key}": value for key, value in safety.items()})


@dataclass(frozen=True)
class Killed:
    """One run that is to be killed."""

    process: Forked
    reports: Path

    def folder(self) -> Path | None:
        return next(iter(self.reports.glob("*-*T*")), None) if self.reports.exists() else None

    def event(self, name: str) -> bool:
        folder = self.folder()
        path = folder / "events.jsonl" if folder else None
        return path is not None and path.exists() and f'"event": "{name}"' in path.read_text()

    def truth(self) -> Truth:
        return Truth.of(self.folder())

    def left(self) -> dict[int, str]:
        return {pid: words for pid, words in started_by(f"{TAG}={self.reports}").items() if pid != self.process.pid}


LONG = "V2G_LONG" in os.environ  # .ci/long: at every moment below; else at every second one

# Where a run is killed: how the moment is known, the longest wait after it (s), and how often.
STAGES: dict[str, tuple[Callable[[Killed], Any], float, int]] = {
    "starting, qualification check": (lambda run: True, 0.3, 2),
    "opening": (lambda run: run.folder(), 2.0, 5),
    "preparing": (lambda run: run.event("test started"), 2.0, 2),
    "injection and trial": (lambda run: run.truth().flows(), 0.8, 7),
    "after a trial": (lambda run: run.event("trial"), 0.4, 2),
    "closing, report": (lambda run: run.event("test finished") or run.event("run ended"), 0.8, 2),
}


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a short name, which sockets want; what still runs with it at the end is killed."""
    folder = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield folder
    for pid in started_by(f"TMPDIR={folder}"):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)


@pytest.fixture
def begin(tmp_path: Path, temporary: Path) -> Iterator[Callable[[Path, int], Killed]]:
    """Begins runs, each with a number; whatever still runs at the end is killed."""
    runs: list[Killed] = []

    def begin(rig: Path, number: int) -> Killed:
        reports, words = tmp_path / f"run{number}", tmp_path / f"words{number}.txt"
        env = os.environ | {TAG: str(reports), "COLUMNS": "200", "TMPDIR": str(temporary)}
        process = launcher().start([f"--rig={rig}", f"--reports={reports}", *ALWAYS, HOT], words, env)
        runs.append(Killed(process, reports))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.send_signal(signal.SIGKILL)


def test_a_run_that_is_killed_at_any_moment_leaves_no_current_and_nothing_else(begin, temporary, tmp_path):
    """kill -9 of pytest at 10 or 20 moments from a seed; the world's own record says when the current was gone."""
    chance, rig, under_power, number = random.Random(SEED), truth_rig(tmp_path), 0, 0
    for stage, (reached, most_s, times) in STAGES.items():
        for _ in range(times if LONG else (times + 1) // 2):
            number += 1
            moment = f"{number}: {stage}"
            began_s, run = time.monotonic(), begin(rig, number)
            wait_for(moment, lambda run=run, reached=reached: reached(run) or run.process.poll() is not None)
            until_s = time.monotonic() + chance.uniform(0.0, most_s)
            while time.monotonic() < until_s:
                time.sleep(0.002)
            under_power += run.truth().flows()
            killed_s = time.monotonic()
            run.process.send_signal(signal.SIGKILL)
            run.process.wait()
            dead_s = time.monotonic()
            assert_gone(run, moment)
            truth = run.truth()
            assert truth.ended, f"{moment}: the world did not live to its own end"
            assert not truth.flows(), moment
            assert truth.last_flow_s() < killed_s + SAFE_S, f"{moment}: {truth.last_flow_s() - killed_s:.2f} s"
            assert not list(temporary.iterdir()), f"{moment}: temporary folders are left"
            assert_incomplete(run, moment)
            if stage == "injection and trial":
                assert_evidence(run, dead_s, moment)
            after_s = max(0.0, truth.last_flow_s() - killed_s)
            print(f"{moment}: killed after {killed_s - began_s:.2f} s, current gone {after_s:.3f} s later")
    assert number >= (20 if LONG else 10)
    assert under_power >= (5 if LONG else 3), "too few of the moments had any current to bring to zero"


def assert_gone(run: Killed, moment: str) -> None:
    """What it had started ends, within the bound."""
    until_s = time.monotonic() + GONE_S
    while left := run.left():
        assert time.monotonic() < until_s, f"{moment}: not ended within {GONE_S:g} s: {left}"
        time.sleep(0.02)


def assert_incomplete(run: Killed, moment: str) -> None:
    """What it left says that it is not whole; unless the report was there already."""
    folder = run.folder()
    if folder is None or not (folder / "results.json").exists():
        return  # killed before the run began
    results = model.load(folder / "results.json")
    if run.event("run ended"):
        return
    assert not results.complete, moment
    assert results.verdict != "PASS", moment
    assert results.incomplete_reason, moment


def assert_evidence(run: Killed, dead_s: float, moment: str) -> None:
    """Capture and exchanges are there but for the last second, and can be read by other tools."""
    folder = run.folder()
    assert folder is not None
    timestamps_s = Columns.joined(list(read_blf(folder / "main.blf"))).timestamp_s - wall_offset_ns() / 1e9
    assert dead_s - 1.0 < timestamps_s[-1], f"{moment}: the capture ends {dead_s - timestamps_s[-1]:.2f} s before"
    assert float(np.diff(timestamps_s).max()) < 0.5, f"{moment}: the capture has a gap"
    *_, last = (folder / "exchanges.jsonl").read_text().splitlines()
    assert dead_s - 5.0 < json.loads(last)["at_s"] < dead_s
    assert {path.suffix for path in export_run(folder)} == {".mf4", ".parquet"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Begins certifications; whatever still runs at the end is killed."""
    runs: list[Run] = []

    def start(rig: Path, *select: str) -> Run:
        runs.append(Run(tmp_path, rig, list(select), "--trials=50"))
        return runs[-1]

    yield start
    for run in runs:
        for pid in [*run.children(), run.process.pid]:
            if pid != run.process.pid or run.process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        run.process.wait()


def test_a_bench_that_hangs_is_made_safe_and_says_so_when_it_goes_on(start, tmp_path):
    run = start(truth_rig(tmp_path, heartbeat_s=1.0), HOT)
    wait_for("current", lambda: Truth.of(run.folder()).flows())
    os.kill(run.process.pid, signal.SIGSTOP)
    stopped_s = time.monotonic()
    folder = run.folder()
    assert folder is not None
    wait_for("the supervisor's act", lambda: acts(folder))
    assert Truth.of(folder).last_flow_s() < stopped_s + 1.0 + SAFE_S
    os.kill(run.process.pid, signal.SIGCONT)
    done = run.end(60.0)
    assert acts(folder)[0]["why"] == "the bench has given no sign of life for 1 s"
    assert "supervisor: made the rig safe: the bench has given no sign of life" in done.out
    assert done.status != 0
    assert done.verdict("SAF-01") == "ERROR"
    assert not run.children()


@pytest.mark.parametrize(
    ("method", "why"),
    [("signal", "the rig is closed"), ("thread", "the bench has ended without closing the rig")],
)
def test_a_timeout_skips_no_teardown_or_the_supervisor_does_it(start, tmp_path, method, why):
    """pytest-timeout's thread method ends the process on the spot: then the supervisor is the teardown."""
    suite = own_suite(
        tmp_path,
        f"""
        @pytest.mark.timeout(6, method="{method}")
        @pytest.mark.req("OWN-01")
        def test_hangs(bench):
            with bench.at_power(-3000):
                time.sleep(100)
        """,
    )
    run = start(truth_rig(tmp_path), suite, "--timeout-method=thread")
    done = run.end(60.0)
    wait_for("the end of all", lambda: not run.children(), GONE_S)
    assert done.status != 0
    assert acts(done.folder)[-1]["why"] == why, done.out
    truth = Truth.of(done.folder)
    assert truth.ended
    assert not truth.flows()
    assert acts(done.folder)[-1]["safe"]
    if method == "signal":
        assert done.verdict("OWN-01") == "ERROR"
        assert acts(done.folder)[0]["why"].endswith("test_hangs: ERROR")


def test_the_pack_itself_is_watched_and_what_a_stimulus_shows_is_not(tmp_path):
    """A sensor may say whatever a test wants; a cell that truly gets hot ends the run."""
    suite = own_suite(
        tmp_path,
        """
        @pytest.mark.req("OWN-01")
        @pytest.mark.parametrize("to_c", [70.0, 125.0])
        def test_stimulus(bench, judge, to_c):
            with bench.at_power(-3000), bench.inject(OverTemperature(cell=17, to_c=to_c)):
                bench.wait_until(lambda: False, 2.0)
            judge.holds("it went on", True)

        @pytest.mark.req("OWN-01")
        def test_hot(bench, judge):
            with bench.at_power(-3000):
                bench._parts.world.plant.client.heat_cell(cell=17, power_w=1e6)
                bench.wait_until(lambda: False, 5.0)
            judge.holds("nobody noticed", True)

        @pytest.mark.req("OWN-01")
        def test_never_begun(bench, judge):
            judge.holds("it went on", True)
        """,
    )
    done = certify(tmp_path, truth_rig(tmp_path), [suite])
    found = {test.nodeid.rpartition("::")[2]: (test.verdict, test.reason) for test in done.requirement("OWN-01").tests}
    assert [found[f"test_stimulus[{to_c}]"][0] for to_c in (70.0, 125.0)] == ["PASS", "PASS"], found
    assert found["test_hot"][0] == "ERROR"
    (act,) = [
        act for act in acts(done.folder) if "is beyond the rig's 60 °C ([safety] max_cell_temperature_c)" in act["why"]
    ]
    assert act["safe"]
    assert "current -0.00 A by the emulated world" in act["text"]
    assert f"supervisor: made the rig safe: {act['why']}" in found["test_hot"][1]
    assert "test_never_begun" not in found
    assert not Truth.of(done.folder).flows()


def test_a_world_that_stands_still_ends_the_run_with_its_cause(start, tmp_path):
    run = start(truth_rig(tmp_path), HOT)
    wait_for("current", lambda: Truth.of(run.folder()).flows())
    (world,) = [pid for pid, words in run.children().items() if "v2g_bench.plant.process" in words]
    os.kill(world, signal.SIGSTOP)
    done = run.end(90.0)
    assert done.status != 0
    assert done.verdict("SAF-01") == "ERROR"
    causes = ("no sound frame of the BMS for 1 s", "no credible value for 1 s: cell temperature (cell_temperature_max)")
    assert any(cause in acts(done.folder)[0]["why"] for cause in causes)  # both bounds end within one tick
    assert not acts(done.folder)[0]["safe"]
    assert not run.children()


def test_a_bus_that_is_lost_ends_the_run_with_its_cause(start, tmp_path):
    run = start(truth_rig(tmp_path), HOT)
    wait_for("current", lambda: Truth.of(run.folder()).flows())
    (hub,) = [pid for pid, words in run.children().items() if "v2g_bench.can.hub" in words]
    os.kill(hub, signal.SIGKILL)
    done = run.end(60.0)
    assert done.status != 0
    assert done.verdict("SAF-01") == "ERROR"
    assert acts(done.folder)[0]["why"].startswith("the bus is lost")
    assert not run.children()


def test_an_instrument_or_an_inverter_that_is_lost_ends_its_test_with_the_cause_and_no_current(tmp_path):
    """Three losses at power; after each the pack is brought to rest, by the contactors where the inverter cannot."""
    suite = own_suite(
        tmp_path,
        """
        def sick(bench, part, **defects):
            bench._parts.world.plant.client.set_defects(part, **defects)

        @pytest.mark.req("OWN-01")
        def test_meter(bench):
            with bench.at_power(-3000):
                sick(bench, "meters.ac_power", hang=True)
                bench.readings.ac_power()

        @pytest.mark.req("OWN-01")
        def test_garbage(bench):
            with bench.at_power(-3000):
                sick(bench, "inverter", faults=[{"kind": "garbage"}])
                bench.readings.inverter_power()

        @pytest.mark.req("OWN-01")
        def test_silence(bench):
            with bench.at_power(-3000):
                sick(bench, "inverter", faults=[{"kind": "silence"}])
                bench.readings.inverter_power()
        """,
    )
    done = certify(tmp_path, truth_rig(tmp_path), [suite])
    found = {test.nodeid.rpartition("::")[2]: (test.verdict, test.reason) for test in done.requirement("OWN-01").tests}
    for name, cause in (
        ("meter", "meters.ac_power"),
        ("garbage", "inverter 127.0.0.1:"),
        ("silence", "no answer within"),
    ):
        verdict, reason = found[f"test_{name}"]
        assert verdict == "ERROR"
        assert cause in reason
        made = [act for act in acts(done.folder) if f"test_{name}: ERROR" in act["why"]]
        assert made, f"{name}: nobody made the rig safe"
        assert made[-1]["safe"], made
        assert made[-1]["full"] == (name != "meter")
    truth = Truth.of(done.folder)
    assert truth.ended
    assert not truth.flows()
    exchanges = (done.folder / "exchanges.jsonl").read_text()
    assert '"dir": "!"' in exchanges
    assert '"text": "deadbeef' in exchanges
