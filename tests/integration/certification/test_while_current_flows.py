"""Each process of a rig is killed, stopped and starved, and the machine with it, while current flows.

Whatever becomes of it: the current is zero within the bound, by the emulated world's own record; no verdict accuses or praises
a controller for what was done to the bench; the run comes to its end with its cause, and leaves no process. Each case prints
a line of the table: the act, the time to zero, the verdict, the cause.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import Certified, Run, acts, own_suite, rig_file, wait_for
from test_always_safe import SAFE_S, Truth

pytestmark = pytest.mark.timeout(300)

# What marks the command line of each process; the bench itself is the run's own.
PARTS = {
    "controller": "v2g-daemon",
    "plant": "v2g_bench.plant.process",
    "hub": "v2g_bench.can.hub",
    "gateway": "v2g_bench.gateway.process",
    "supervisor": "v2g_bench.rig.safety.supervisor",
    "stall monitor": "v2g_bench.metrology.stall",
}
GONE_S, END_S = 20.0, 240.0
HEARTBEAT_S = 2.0  # [safety] heartbeat_s of these rigs
HELD_S = 13.0  # at power after the act: longer than any bound within which somebody must notice
HOGS = 2 * (os.cpu_count() or 1)
MORE = 64 * 1024  # bytes of address space that a starved process may still take

SUITE = f"""
@pytest.mark.req("OWN-01")
def test_flows(bench, trials):
    \"\"\"Power for a while, then a hot cell.\"\"\"
    for trial in trials:
        with bench.at_power(-3000):
            bench.wait_until(lambda: False, {HELD_S})
            with bench.recording() as trace, bench.inject(OverTemperature(cell=17, to_c=46.0)) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)
"""


def killed(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def stopped(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def disk_full(pid: int) -> None:
    """No file grows any more: what it writes is refused, as on a full disk."""
    _limit(pid, resource.RLIMIT_FSIZE, 0)


def no_memory(pid: int) -> None:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    _limit(pid, resource.RLIMIT_AS, pages * resource.getpagesize() + MORE)


def no_descriptors(pid: int) -> None:
    _limit(pid, resource.RLIMIT_NOFILE, len(os.listdir(f"/proc/{pid}/fd")))


def _limit(pid: int, which: int, soft: int) -> None:
    _, hard = resource.prlimit(pid, which)
    resource.prlimit(pid, which, (soft, hard))


@dataclass(frozen=True)
class Case:
    """An act on one part. verdicts: of which one the test must have; zero_s: the current has ended by then, None where what
    was done endangers nothing and the test goes on; why: words of the cause, in what the run says."""

    part: str
    act: Callable[[int], None]
    verdicts: tuple[str, ...]
    zero_s: float | None
    why: str = ""
    rig: str = "virtual"
    long: bool = False

    def __str__(self) -> str:
        return f"{self.part} {self.act.__name__}".replace(" ", "-")


GATEWAY = {"rig": "gateway"}
NOTICED_S = HEARTBEAT_S + SAFE_S
LOST = ("ERROR", "INCONCLUSIVE")
ANY = ("PASS", *LOST)  # what is not hurt may go on; FAIL would accuse a controller that has done nothing wrong
CASES = [
    Case("controller", killed, ("FAIL", "ERROR"), NOTICED_S, "controller"),
    Case("controller", stopped, ("FAIL", "ERROR"), NOTICED_S, ""),
    Case("plant", killed, LOST, NOTICED_S),
    Case("plant", stopped, LOST, None, long=True),
    Case("hub", killed, LOST, NOTICED_S, "the hub ", long=True),
    Case("hub", stopped, LOST, NOTICED_S),
    Case("gateway", killed, LOST, NOTICED_S, "gateway", **GATEWAY, long=True),
    Case("gateway", stopped, LOST, NOTICED_S, "", **GATEWAY),
    Case("supervisor", killed, LOST, NOTICED_S, "supervisor"),
    Case("supervisor", stopped, LOST, HELD_S, "supervisor"),
    Case("stall monitor", killed, ("ERROR",), None, "stall monitor: has ended by itself"),
    Case("stall monitor", stopped, LOST, None, long=True),
    Case("bench", killed, (), SAFE_S, long=True),
    Case("bench", stopped, LOST, NOTICED_S, "sign of life", long=True),
    Case("bench", disk_full, (*LOST, "NOT TESTED"), NOTICED_S, long=True),  # nor can the results be written
    Case("bench", no_memory, ANY, None, long=True),
    Case("bench", no_descriptors, ANY, None),
    *[
        Case(part, act, ANY, None, long=True)
        for part in ("controller", "plant", "hub")
        for act in (disk_full, no_memory, no_descriptors)
    ],
]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Begins a run whose world keeps its own record; whatever still runs at the end is killed."""
    runs: list[Run] = []

    def begin(base: str = "virtual", **env: str) -> Run:
        changes: dict[str, Any] = {"record_truth": True, "safety.heartbeat_s": HEARTBEAT_S}
        rig = rig_file(tmp_path, changes, base=base)
        runs.append(Run(tmp_path, rig, [own_suite(tmp_path, SUITE)], env=env))
        run = runs[-1]
        wait_for("current", lambda: Truth.of(run.folder()).flows() or run.process.poll() is not None, END_S)
        assert run.process.poll() is None, run.out
        return run

    yield begin
    for run in runs:
        for pid in run.children():
            os.kill(pid, signal.SIGKILL)
        if run.process.poll() is None:
            run.kill()


def pid_of(run: Run, part: str) -> int:
    if part == "bench":
        return run.process.pid
    return next(pid for pid, words in run.children().items() if PARTS[part] in words)


def told(what: str, run: Run, acted_s: float, done: Certified) -> tuple[float, str]:
    """Time from the act to the last current (s), and the verdict; printed as a line of the table."""
    after_s = max(0.0, Truth.of(run.folder()).last_flow_s() - acted_s)
    verdict = (
        next((one.verdict for one in done.run.requirements if one.id == "OWN-01"), "") if done.run else "no results"
    )
    made = [act["why"] for act in acts(done.folder)]
    print(f"| {what} | {after_s:.2f} s | {verdict} | {(made or ['-'])[0]} | exit status {done.status} |")
    return after_s, verdict


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=str(case), marks=[pytest.mark.long] if case.long else []) for case in CASES]
)
def test_a_part_is_lost_or_starved_while_current_flows(running, case):
    run = running(case.rig)
    pid = pid_of(run, case.part)
    acted_s = time.monotonic()
    case.act(pid)
    if (case.part, case.act) == ("bench", stopped):
        wait_for("the supervisor's act", lambda: acts(run.folder()))
        os.kill(pid, signal.SIGCONT)
    done = run.end(END_S)
    if case.act is stopped and case.part != "bench" and pid in run.children():
        os.kill(pid, signal.SIGCONT)  # who was stopped when all was over may end now
    wait_for("the end of all", lambda: not run.children(), GONE_S)
    after_s, verdict = told(str(case), run, acted_s, done)
    assert done.status != 0 or verdict == "PASS", done.out
    if case.zero_s is not None:
        assert after_s < case.zero_s, done.out
    if case.part != "plant" and (case.part, case.act) != ("hub", killed):  # the emulated world ends with its bus
        assert not Truth.of(run.folder()).flows(), done.out
    if case.verdicts:
        assert verdict in case.verdicts, done.out
    assert case.why in done.out
    assert "Traceback (most recent call last)" not in done.out


@pytest.fixture
def hogs() -> Iterator[Callable[[], None]]:
    """Starts processes that compute for nothing, twice as many as there are processors."""
    started: list[subprocess.Popen[bytes]] = []
    yield lambda: started.extend(subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(HOGS))
    for one in started:
        one.kill()
        one.wait()


@pytest.mark.long
def test_a_busy_machine_accuses_nobody(running, hogs):
    run, acted_s = running(), time.monotonic()
    hogs()
    done = run.end(END_S)
    _, verdict = told("machine hogged", run, acted_s, done)
    assert verdict in ANY, done.out
    assert not Truth.of(run.folder()).flows()
    assert not run.children()


def test_a_bench_that_is_killed_on_a_busy_machine_leaves_no_current(running, hogs):
    run = running()
    hogs()
    run.process.send_signal(signal.SIGKILL)
    acted_s = time.monotonic()
    done = run.end(END_S)
    wait_for("the end of all", lambda: not run.children(), GONE_S)
    after_s, verdict = told("bench killed, machine hogged", run, acted_s, done)
    assert verdict != "PASS"
    assert after_s < SAFE_S
    assert not Truth.of(run.folder()).flows()


STEPPED = """
import os, pathlib, time
_folder, _now_s = pathlib.Path(os.environ["V2G_STEPPED"]), time.time
if b"v2g-daemon" in pathlib.Path("/proc/self/cmdline").read_bytes():
    (_folder / f"pid{{os.getpid()}}").touch()
    time.time = lambda: _now_s() + ({step_s} if (_folder / "step").exists() else 0)
    time.time_ns = lambda: int(1e9 * time.time())
"""


@pytest.mark.parametrize(
    "step_s", [pytest.param(3600, marks=pytest.mark.long), pytest.param(-3600)], ids=["forward", "back"]
)
def test_a_step_of_the_controllers_time_of_day_changes_nothing(running, tmp_path, step_s):
    """An hour. (One of this machine, which stamps the frames, is the stall monitor's: test_stall_monitor.py.)"""
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STEPPED.format(step_s=step_s))
    run = running(PYTHONPATH=str(folder), V2G_STEPPED=str(folder))
    assert (folder / f"pid{pid_of(run, 'controller')}").exists(), "its clock would not step"
    acted_s = time.monotonic()
    (folder / "step").touch()
    done = run.end(END_S)
    _, verdict = told(f"controller's time of day {step_s:+} s", run, acted_s, done)
    assert verdict == "PASS", done.out
    assert not Truth.of(run.folder()).flows()
    assert not run.children()
