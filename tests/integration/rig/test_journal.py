"""The controller's log from a real journal: systemd-journald itself, in a mount namespace of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "certification"))
sys.path.insert(0, str(Path(__file__).parent))
from certify import certify, rig_file
from journald import JOURNALD
from test_foreign_controller import HOT, compiled, foreign

pytestmark = pytest.mark.timeout(200)

HERE = Path(__file__).parent

BESIDE_JOURNALD = ("unshare", "--mount", sys.executable, str(HERE / "journald.py"))

FOLLOW = """
import subprocess, sys, time
from pathlib import Path
from journald import unit
from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller_log import log_of
from v2g_bench.rig.dut.host import ThisMachine

def until(condition):
    until_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until_s, (log.since_mark(), journal("-o", "verbose"))
        time.sleep(0.01)

def journal(*options):
    return subprocess.run(["journalctl", "--no-pager", *options], capture_output=True, text=True).stdout

def another(words):  # in a process of its own: journald knows the unit of a process, not of a stream
    program = "import sys; from journald import unit; unit('other.service').sendall(sys.argv[1].encode())"
    subprocess.run([sys.executable, "-c", program, words], check=True)

ours = unit("ems.service")
if sys.argv[2] == "old":
    ours.sendall(b"0x0B22 of yesterday\\n")
log = log_of(ThisMachine(), "journal:ems.service", Path(sys.argv[1]))
if sys.argv[2] == "old":
    until(lambda: "yesterday" in journal("-u", "ems.service"))
log.open()
another("0x0B22 of another\\n")
ours.sendall(b"0x01A2 now\\n")
until(lambda: log.find("0x01A2 now"))
assert log.find("yesterday") is None, log.since_mark()
log.mark()
assert log.since_mark() == ""
ours.sendall("0x0B22 bei 45 °C\\n".encode())
until(lambda: log.find("0x0B22 bei 45 °C"))
assert log.find("0x01A2|another") is None, log.since_mark()
log.close()
print("followed", flush=True)
"""


LAST_WORDS = """
import sys
from pathlib import Path
from journald import unit
from v2g_bench.rig.dut.controller_log import log_of
from v2g_bench.rig.dut.host import ThisMachine

ours = unit("ems.service")
log = log_of(ThisMachine(), "journal:ems.service", Path(sys.argv[1]))
log.open()
for number in range(5):
    ours.sendall(b"said %d\\n" % number)
log.close()
"""


@pytest.fixture(autouse=True)
def _possible():
    for program, package in ((JOURNALD, "systemd"), ("journalctl", "systemd"), ("unshare", "util-linux")):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here: apt-get install {package} (its services need not run)")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("a mount namespace of its own needs root: run these tests as root")
    if not Path("/etc/machine-id").exists():
        pytest.skip("journald needs /etc/machine-id: systemd-machine-id-setup")


@pytest.mark.parametrize("before", ["old", "empty"])
def test_only_this_units_lines_from_now_on(tmp_path, before):
    done = subprocess.run(
        [*BESIDE_JOURNALD, sys.executable, "-c", FOLLOW, str(tmp_path), before],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "followed\n"), done.stderr
    lines = (tmp_path / "dut.log").read_text().splitlines()
    assert [line.split(": ", 1)[1] for line in lines if "-- " not in line] == ["0x01A2 now", "0x0B22 bei 45 °C"]


def test_what_was_said_last_is_in_the_copy(tmp_path):
    words = [*BESIDE_JOURNALD, sys.executable, "-c", LAST_WORDS, str(tmp_path)]
    subprocess.run(words, env={**os.environ, "PYTHONPATH": str(HERE)}, timeout=60, check=True)
    assert [f"said {number}" in (tmp_path / "dut.log").read_text() for number in range(5)] == 5 * [True]


def test_a_controller_that_logs_to_the_journal_is_certified(tmp_path):
    dut = foreign(compiled(tmp_path))
    command = ["/dev/fd/3" if "c-ems.log" in word else word for word in dut["dut.command"]]
    dut |= {
        "dut.log": "journal:c-ems.service",
        # its log is a file or a pipe, and the journal's is a socket: what comes out of the pipe goes there
        "dut.command": [
            *(sys.executable, str(HERE / "journald.py"), "--as-unit", "c-ems.service"),
            *("bash", "-c", 'exec "$@" 3> >(exec cat)', "ems", *command),
        ],
    }
    done = certify(tmp_path, rig_file(tmp_path, dut), [f"{HOT}[charging]"], prefix=BESIDE_JOURNALD)
    assert [test.verdict for test in done.requirement("SAF-01").tests] == ["PASS"], done.out
    log = (done.folder / "dut.log").read_text()  # the copy is in the evidence
    assert "EMERGENCY: a cell above 45 degC" in log
    assert "c-ems.service[" in log
