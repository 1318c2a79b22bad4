"""What is wrong with a rig, its parts or the machine ends in one message that names file, key and mend, and never a PASS."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, Certified, Run, certify, own_suite, rig_file, wait_for

from v2g_bench.can.buses import socketcan_problem
from v2g_bench.reports.model import run as model

pytestmark = pytest.mark.timeout(300)

SHUTDOWN = "tests/conformance/safety/test_emergency_shutdown.py::test_"
HOT = f"{SHUTDOWN}hot_cell_isolates[discharging]"
STRINGS = f"{SHUTDOWN}diverging_strings_isolate[charging]"
GONE_S = 15.0  # what is left of a killed run has ended by then


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def instrument(identity: str) -> Iterator[str]:
    """The VISA resource of something that answers every query with this identity."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, client.makefile("rw") as lines:
                    for line in lines:
                        if "?" in line:
                            lines.write(f"{identity}\n")
                            lines.flush()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET"
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)


def refused(done: Certified, *words: str) -> None:
    """Not a PASS, and each of these stands in the output; no stack."""
    assert done.status != 0, done.out
    for word in words:
        assert word in done.out, f"{word!r} is not in\n{done.out}"
    assert "Traceback" not in done.out, done.out
    assert " raise " not in done.out, done.out
    assert "PASS" not in done.tested().values() if done.run else True, done.out


def incomplete(run: model.Run | None) -> model.Run:
    """The run has results that say that they are not all."""
    assert run is not None
    assert not run.complete
    assert run.incomplete_reason
    assert run.verdict != "PASS"
    return run


def path_of(rig: Path) -> str:
    return str(rig)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"meters.dc_current.shunt_ohms": 0.001},
            ["meters.dc_current.shunt_ohms: unknown key", "did you mean shunt_ohm?"],
        ),
        ({"inverter.rated_power_w": "much"}, ["inverter.rated_power_w: 'much' is not a number above 0"]),
        ({"bms.kind": "emulatd"}, ["bms.kind: ", "'emulated' or 'real'", "not 'emulatd'"]),
        ({"dut.kind": None}, ["dut.kind: is missing"]),
        (
            {"meters.ac_power.driver": "yokogawa-wt310"},
            ["meters.ac_power: ", "'yokogawa-wt310'", "did you mean yokogawa-wt300e?"],
        ),
        ({"evidence": "hardware"}, ['evidence = "hardware"', "these parts are emulated", 'say evidence = "emulated"']),
    ],
    ids=["unknown key", "wrong type", "wrong word", "missing key", "no such driver", "false grade"],
)
def test_a_wrong_rig_file_is_refused_before_anything_starts(tmp_path, changes, words):
    rig = rig_file(tmp_path, changes)
    done = certify(tmp_path, rig, [HOT])
    refused(done, f"{rig}: ", *words)
    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert not done.reports.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rig=virtul"], ["--rig=virtul: no such rig", "did you mean virtual?"]),
        (["--trials=0"], ["argument --trials: '0' is not a whole number from 1"]),
        (["--reports=/proc/here"], ["/proc/here/", "cannot be written", "--reports"]),
    ],
    ids=["no such rig", "no trials", "reports nowhere"],
)
def test_a_wrong_option_is_refused_before_anything_starts(tmp_path, options, words):
    done = certify(tmp_path, "virtual", [HOT], *options)
    refused(done, *words)
    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert done.run is None


def dead(kind: str) -> dict[str, Any]:
    where = f"hislip0,{closed_port()}::INSTR" if kind == "hislip" else f"{closed_port()}::SOCKET"
    return {"meters.ac_power.resource": f"TCPIP::127.0.0.1::{where}"}


OPENING: dict[str, tuple[Callable[[], dict[str, Any]], list[str]]] = {
    "no database": (lambda: {"bms.dbc": "dbc/none.dbc"}, ["bms.dbc: no such file: dbc/none.dbc", "looked at"]),
    "role without a signal": (
        lambda: {"bms.roles": {"soc": "BMS_PackStatus.StateOfCharge"}},
        ["v2g_bms_fd.dbc", "does not carry cell_temperature_max", "[roles]"],
    ),
    "signal that is not there": (
        lambda: {"bms.roles": {"soc": "BMS_PackStatus.StateOfCharged"}},
        ["v2g_bms_fd.dbc", "roles.soc: BMS_PackStatus has no signal 'StateOfCharged'", "did you mean StateOfCharge?"],
    ),
    "dead instrument, HiSLIP": (
        lambda: dead("hislip"),
        ["meters.ac_power: no answer from TCPIP", "is the instrument on"],
    ),
    "dead instrument, socket": (
        lambda: dead("socket"),
        ["meters.ac_power: no answer from TCPIP", "is the instrument on"],
    ),
    "dead inverter": (
        lambda: {"inverter.kind": "modbus-tcp", "inverter.host": "127.0.0.1", "inverter.port": closed_port()},
        ["inverter 127.0.0.1:", "nothing accepts the connection", "are host and port right?"],
    ),
    "no such program": (
        lambda: {"dut.command": ["v2g-nothing"]},
        ["dut.command: no such program: v2g-nothing", "on PATH?"],
    ),
    "no such placeholder": (
        lambda: {"dut.command": ["v2g-daemon", "{confg}"]},
        ["unknown placeholder 'confg' in '{confg}'", "{config}"],
    ),
    "controller that ends at once": (
        lambda: {"dut.command": ["sh", "-c", "echo no licence >&2; exit 3"]},
        ["controller v2g-daemon: ended with status 3 before it was ready", "it said: no licence"],
    ),
    "log that never appears": (
        lambda: {"dut.command": ["sleep", "60"], "dut.ready_s": 1},
        ["controller v2g-daemon: no line in its log", "is dut.log the file it writes?"],
    ),
    "log that cannot be read": (
        lambda: {"dut.log": "{folder}/waveforms"},
        ["dut.log: the controller's log", "cannot be read: Is a directory", "is it a file"],
    ),
    "log that cannot be written": (
        lambda: {"dut.log": "/proc/nothing/v2g.log", "dut.ready_s": 3},
        ["controller v2g-daemon: ", "/proc/nothing"],
    ),
}


@pytest.mark.parametrize("case", OPENING)
def test_a_rig_that_cannot_be_opened_says_so_once(tmp_path, case):
    changes, words = OPENING[case]
    rig = rig_file(tmp_path, changes())
    done = certify(tmp_path, rig, [HOT, STRINGS])
    refused(done, f"{rig}: ", *words, "the rig virtual cannot be opened")
    assert done.out.count("ERROR at setup") == 1
    run = incomplete(done.run)
    assert run.verdict == "ERROR"
    assert done.tested() == {"SAF-01": "ERROR"}


def test_an_instrument_with_the_wrong_identity_measures_nothing(tmp_path):
    with instrument("ACME,DMM-1,4711,1.0") as resource_name:
        rig = rig_file(tmp_path, {"meters.ac_power.resource": resource_name})
        done = certify(tmp_path, rig, [HOT])
    refused(done, f"{rig}: meters.ac_power: ", "ACME", "DMM-1")
    incomplete(done.run)


def test_strict_wants_the_bus_that_the_rig_names(tmp_path):
    problem = socketcan_problem("vcan0")
    if problem is None:
        pytest.skip("this machine has vcan0")
    rig = rig_file(tmp_path, base="vcan0")
    done = certify(tmp_path, rig, [HOT], "--rig-strict")
    refused(done, f"{rig}: bus.main: ", problem.splitlines()[0])
    assert done.verdict("SAF-01") == "ERROR"


def test_an_unknown_requirement_is_refused_before_anything_starts(tmp_path):
    suite = own_suite(tmp_path, '@pytest.mark.req("OWN-02")\ndef test_it(bench): ...\n')
    done = certify(tmp_path, "virtual", [suite])
    refused(done, "test_own.py::test_it: no requirement ('OWN-02',)", "known here: OWN-01")
    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert done.run is None


def test_what_judges_nothing_or_dies_has_not_passed(tmp_path):
    """One opening of the rig for all: judged nothing, a controller killed on the way, one that dies at the end."""
    suite = own_suite(
        tmp_path,
        """
        from v2g_bench.faults import OverTemperature

        def kill(bench, open_rig):
            os.kill(open_rig.dut.controller._process.pid, signal.SIGKILL)
            bench.wait_until(lambda: not open_rig.dut.controller.alive(), 5)

        @pytest.mark.req("OWN-01")
        def test_nothing(bench):
            pass

        @pytest.mark.req("OWN-01")
        def test_killed_on_the_way(bench, open_rig, trials):
            for trial in trials:
                with bench.at_power(-3000), bench.recording() as trace:
                    kill(bench, open_rig)
                    with bench.inject(OverTemperature(cell=17, to_c=45.5)) as fault:
                        latency = trace.isolation(after=fault.on_bus)
                trial.judge(latency, below_ms=50)

        @pytest.mark.req("OWN-01")
        def test_dead_at_the_end(bench, open_rig, judge):
            judge.holds("it lives", open_rig.dut.controller.alive())
            kill(bench, open_rig)
        """,
    )
    done = certify(tmp_path, "virtual", [suite])
    refused(done, "controller v2g-daemon: is not running (exit status -9)")
    ends = {test.nodeid.rpartition("::")[2]: (test.verdict, test.reason) for test in done.requirement("OWN-01").tests}
    assert ends["test_nothing"] == ("INCONCLUSIVE", "nothing was judged")
    for name in ("test_killed_on_the_way", "test_dead_at_the_end"):
        assert ends[name][0] == "ERROR"
        assert "is not running" in ends[name][1]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own that is soon full; skips where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system of a known size here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def full(done: Certified) -> None:
    """The run ended for want of space, said so, and left nothing that could be taken for a certificate."""
    assert done.status != 0, done.out
    assert re.search(r"cannot be written: (No space left on device|File too large)", done.out), done.out
    assert "Traceback" not in done.out, done.out
    if done.run is not None:
        assert done.run.verdict != "PASS"
        assert done.run.incomplete_reason


def wordings_kib() -> int:
    """What the texts of the requirements take, which a run keeps before all else: whole pages."""
    return sum(
        -(-path.stat().st_size // 4096) * 4 for path in (PROJECT / "tests/conformance").rglob("requirements/*.md")
    )


@pytest.mark.parametrize("more_kib", [-100, 300, 900], ids=["opening", "first test", "report"])
def test_a_full_disk_ends_the_run_and_keeps_what_fits(tmp_path, more_kib):
    """Full while the run is begun, in the first test, and while the report is written."""
    with small_disk(tmp_path / "disk", f"{wordings_kib() + more_kib}k") as disk:
        full(certify(tmp_path, "virtual", [HOT, STRINGS], "--trials=5", reports=disk))


def test_a_limit_on_the_size_of_files_ends_the_run_as_well(tmp_path):
    """What a full disk does where no file system can be mounted: no file grows beyond 64 kB."""
    full(certify(tmp_path, "virtual", [HOT], prefix=("sh", "-c", 'ulimit -f 128; exec "$@"', "sh")))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Begins certifications; whatever still runs at the end is killed."""
    runs: list[Run] = []

    def start(*select: str) -> Run:
        runs.append(Run(tmp_path, "virtual", list(select), "--trials=50"))
        return runs[-1]

    yield start
    for run in runs:
        for pid in [*run.children(), run.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.wait()


def in_trials(run: Run, count: int) -> Path:
    """The run folder, when that many trials have been judged."""
    folder = wait_for("the run folder", run.folder)
    events = folder / "events.jsonl"

    def judged() -> bool:
        assert run.process.poll() is None, run.out
        return events.exists() and events.read_text().count('"event": "trial"') >= count

    wait_for(f"{count} trials", judged)
    return Path(folder)


def test_an_interrupt_closes_the_rig_and_says_what_is_missing(start):
    run = start(HOT)
    in_trials(run, 3)
    run.process.send_signal(signal.SIGINT)
    done = run.end(60.0)
    assert done.status == pytest.ExitCode.INTERRUPTED
    assert not run.children(), done.out
    assert "INTERRUPTED" in incomplete(done.run).incomplete_reason
    (test,) = done.requirement("SAF-01").tests
    assert (test.verdict, test.reason) == ("INCONCLUSIVE", "the test did not come to its end")
    assert max(len(one.trials) for one in test.measurements) >= 2
    assert (done.folder / "report.pdf").exists()
    sums = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=done.folder, capture_output=True, text=True)
    assert sums.returncode == 0, sums.stdout  # nothing was written after the report


def test_a_killed_bench_leaves_no_process_and_a_readable_folder(start):
    """The first test has ended, the second runs: kill -9 of pytest alone."""
    run = start("tests/conformance/log/test_log.py::test_no_code_without_a_fault", HOT)
    folder = in_trials(run, 1)
    wait_for("the controller, which is started anew between trials", run.controller_runs)
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    wait_for("the end of what it had started", lambda: not run.children(), GONE_S)
    results = incomplete(model.load(folder / "results.json"))
    assert [(test.verdict, one.id) for one in results.requirements for test in one.tests] == [("PASS", "LOG-01")]
    assert list((folder / "waveforms").glob("*.npz"))


def test_errors_keep_their_stack_for_who_asks_for_it(tmp_path):
    rig = rig_file(tmp_path, {"dut.command": ["v2g-nothing"]})
    done = certify(tmp_path, rig, [HOT], "-vv")
    assert "no such program: v2g-nothing" in done.out
    assert "bench/rig/dut/controller.py" in done.out


def test_the_project_is_where_it_is_run():
    assert (PROJECT / "rigs" / "virtual.toml").is_file()
