"""The stall monitor, with processes that are stalled on purpose."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.metrology.stall import _RING, CLOCK_STEP_S, StallMonitor, _Lane, lanes

BUSY = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
print("ready", flush=True)
sys.stdin.readline()
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
except PermissionError:
    print("refused", flush=True)
    sys.exit(0)
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    pass
print("done", flush=True)
"""


@pytest.fixture
def monitor() -> Iterator[StallMonitor]:
    watching = StallMonitor()
    watching.start()
    try:
        yield watching
    finally:
        try:
            watching.stop()
        except BenchError:
            assert watching._process is None  # the test had killed it


def wait_for(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "did not happen"
        time.sleep(0.005)


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - a kernel file
        return file.read().rsplit(")", 1)[1].split()[0]


def stop_for(pid: int, seconds: float) -> tuple[float, float]:
    """SIGSTOP a process for at least `seconds`; when it stood still for sure (bench clock)."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: state(pid) == "T")
    from_s = time.monotonic()
    time.sleep(seconds)
    to_s = time.monotonic()
    os.kill(pid, signal.SIGCONT)
    return from_s, to_s


def test_a_stopped_and_continued_watcher_reports_the_gap_on_every_processor(monitor):
    from_s, to_s = stop_for(monitor.pid, 0.08)
    long = [s for s in monitor.stalls(from_s, to_s) if s.gap_s > 0.07]
    assert {s.kind for s in long if s.kind.startswith("processor")} == {f"processor {p}" for p in lanes()}
    for stall in long:
        assert stall.start_s <= from_s + 0.002
        assert stall.start_s + stall.gap_s >= to_s - 0.003
    assert "stood still for" in monitor.reason(from_s, to_s)


def test_a_window_before_the_gap_is_not_touched_by_it(monitor):
    wait_for(lambda: monitor._header(0)[0] > 0)
    early_s = time.monotonic()
    monitor.stalls(early_s, early_s)  # returns once the lanes have looked past it
    from_s, to_s = stop_for(monitor.pid, 0.05)
    assert not [s for s in monitor.stalls(early_s - 1.0, early_s) if s.start_s + s.gap_s > from_s]
    assert [s for s in monitor.stalls(from_s, to_s) if s.gap_s > 0.04]


def test_the_tolerance_is_the_rule(monitor):
    from_s, to_s = stop_for(monitor.pid, 0.05)
    monitor.stalls(from_s, to_s)
    kinds = {s.kind for s in monitor.stalls(from_s, to_s)}
    if "wall clock step" not in kinds:
        assert monitor.reason(from_s, to_s, 60.0) == ""
    assert monitor.reason(from_s, to_s) != ""


def test_a_silent_watcher_voids(monitor):
    os.kill(monitor.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: state(monitor.pid) == "T")
        now_s = time.monotonic()
        assert "silent" in monitor.reason(now_s, now_s)
    finally:
        os.kill(monitor.pid, signal.SIGCONT)


def test_a_dead_watcher_ends_the_measurement_and_fails_the_stop():
    """It would void each trial to come, and a run would repeat them all."""
    watching = StallMonitor()
    watching.start()
    os.kill(watching.pid, signal.SIGKILL)
    wait_for(lambda: watching._process is not None and watching._process.poll() is not None)
    now_s = time.monotonic()
    with pytest.raises(BenchError, match="ended by itself with status -9: nothing tells"):
        watching.reason(now_s, now_s)
    with pytest.raises(BenchError, match="ended by itself"):
        watching.stop()
    watching.stop()  # once is enough


def test_a_hog_on_one_processor_is_seen_there(monitor):
    if not realtime_allowed():
        pytest.skip("this user may not set real-time priority, without which a hog cannot be sure to hold a processor")
    processor = lanes()[0]
    command = [sys.executable, "-I", "-S", "-c", BUSY, str(processor), "0.06"]
    hog = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert hog.stdout is not None
        assert hog.stdin is not None
        assert hog.stdout.readline() == "ready\n"
        from_s = time.monotonic()
        hog.stdin.write("go\n")
        hog.stdin.flush()
        assert hog.stdout.readline() == "done\n"
        to_s = time.monotonic()
    finally:
        hog.kill()
        hog.communicate()
    gaps = [s for s in monitor.stalls(from_s, to_s) if s.gap_s > 0.04]
    assert f"processor {processor}" in {s.kind for s in gaps}


def realtime_allowed() -> bool:
    probe = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))"
    return subprocess.run([sys.executable, "-I", "-S", "-c", probe], capture_output=True, check=False).returncode == 0


def test_clock_steps_void_whatever_the_tolerance(monitor):
    # The wall clock of this machine is not this test's to set: the finding is put where the watcher would put it.
    now_s = time.monotonic()
    monitor.stalls(now_s, now_s)
    os.kill(monitor.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: state(monitor.pid) == "T")
        lane = _Lane(monitor._memory, len(monitor.lanes))
        lane.record(now_s, -2 * CLOCK_STEP_S)
        lane.alive(time.monotonic())
    finally:
        os.kill(monitor.pid, signal.SIGCONT)
    assert "wall clock step" in monitor.reason(now_s - 0.001, now_s + 0.001, 60.0)


def test_the_log_is_bounded_and_keeps_the_newest(monitor):
    os.kill(monitor.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: state(monitor.pid) == "T")
        lane = _Lane(monitor._memory, 0)
        for number in range(_RING + 10):
            lane.record(float(number), 0.5)
        lane.alive(time.monotonic())
        for other in range(1, len(monitor.lanes) + 1):
            _Lane(monitor._memory, other).alive(time.monotonic())
        kept = monitor._records(0)
        with pytest.raises(BenchError, match="no longer knows all stalls"):
            monitor.stalls(0.0, 1.0)
        assert "no longer knows" in monitor.reason(0.0, 1.0)
    finally:
        os.kill(monitor.pid, signal.SIGCONT)
    assert [start_s for start_s, _ in kept] == [float(n) for n in range(10, _RING + 10)]


def test_it_must_be_started_first():
    idle = StallMonitor()
    with pytest.raises(BenchError, match="is not running"):
        _ = idle.pid
    idle.stop()


def test_it_ends_with_a_parent_that_died_before_it_was_ready(tmp_path):
    """Nobody reads its word any more; its threads would go on for ever."""
    (memory := tmp_path / "memory").write_bytes(bytes(1 << 20))
    reading, writing = os.pipe()
    os.close(reading)
    with memory.open("r+b") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "v2g_bench.metrology.stall", str(file.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=writing,
            pass_fds=[file.fileno()],
            start_new_session=True,
        )
    os.close(writing)
    try:
        assert process.wait(20.0) == 0
    finally:
        process.kill()
        process.wait()
