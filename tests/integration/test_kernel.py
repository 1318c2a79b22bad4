"""Commands in real user-mode kernels: what passes through, what they find there, and that nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.kernel import boot, images

BOUND_S = 110.0

SEND_AND_RECEIVE = """
import socket
def node(channel):
    sock = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
    sock.settimeout(10)
    sock.bind((channel,))
    return sock
for channel in ("vcan0", "vcan1"):
    one, other = node(channel), node(channel)
    frame = (0x123).to_bytes(4, "little") + bytes([64, 1, 0, 0]) + bytes(range(64))
    one.send(frame)
    assert other.recv(100)[8:] == bytes(range(64))
print("heard")
"""


def missing(find):
    """Why a kernel cannot be tried here, or None; it names the command that gets it."""
    if "V2G_KERNEL" in os.environ:
        return "this runs in a user-mode kernel already"
    try:
        find()
    except BenchError as error:
        return str(error)
    return None


def kernels(*kinds):
    found = {"real": images.real_clock_image, "virtual": images.virtual_clock_image}
    return [
        pytest.param(kind, marks=pytest.mark.skipif((why := missing(found[kind])) is not None, reason=str(why)))
        for kind in kinds
    ]


both = pytest.mark.parametrize("kind", kernels("real", "virtual"))
real = pytest.mark.parametrize("kind", kernels("real"))
virtual = pytest.mark.parametrize("kind", kernels("virtual"))


@pytest.fixture
def launch(tmp_path):
    """Start `v2g-bench kernel -- command`; killed at the end if it still lives."""
    started = []
    # What is started in the background may ignore it from birth, and so would the kernel: nohup stays nohup.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def launch(kind, *command, options=()):
        clock = ["--time-travel"] if kind == "virtual" else []
        process = subprocess.Popen(
            [sys.executable, "-m", "v2g_bench.commands.main", "kernel", *clock, *options, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "V2G_MARK": "ü 1", "TMPDIR": str(tmp_path)},
            text=True,
        )
        started.append(process)
        return process

    yield launch
    signal.signal(signal.SIGINT, before)
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=BOUND_S)


@pytest.fixture
def run(launch):
    """(exit status, output, error output) of a command in a kernel."""

    def run(kind, *command, options=()):
        process = launch(kind, *command, options=options)
        out, err = process.communicate(timeout=BOUND_S)
        return process.returncode, out, err

    return run


def kernel_processes():
    """Of the user-mode kernels that run here, (process, its folder)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:  # it has just ended
                continue
            found += [(int(entry.name), Path(word[8:])) for word in words if word.startswith("uml_dir=")]
    return found


POLICY_OF_DELIVERY = """
import os
from pathlib import Path
for process in Path("/proc").glob("[0-9]*"):
    if (process / "comm").read_text().startswith("ksoftirqd/"):
        print(os.sched_getscheduler(int(process.name)) == os.SCHED_FIFO)
"""


def wait_until(condition):
    deadline_s, pause = time.monotonic() + BOUND_S, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline_s
        pause.wait(0.05)
    return value


@real
def test_frames_are_handed_to_their_sockets_before_anything_else_runs(run, kind):
    """Else they wait behind a favoured controller, with the stamp of the moment they came."""
    assert run(kind, sys.executable, "-c", POLICY_OF_DELIVERY) == (0, "True\n", "")


@both
def test_output_status_folder_and_environment_pass_through(run, kind, tmp_path):
    script = 'pwd; echo "$V2G_MARK"; echo bad >&2; echo kept > file; echo "$V2G_KERNEL" >> file; exit 3'
    status, out, err = run(kind, "sh", "-c", script)
    assert (status, out, err) == (3, f"{tmp_path}\nü 1\n", "bad\n")
    kept, kernel = (tmp_path / "file").read_text().splitlines()
    assert kept == "kept"
    clock = images.REAL_CLOCK if kind == "real" else images.VIRTUAL_CLOCK
    assert kernel.startswith("user-mode-linux ")
    assert kernel.endswith(f", {clock}")


@both
def test_fd_frames_cross_both_channels(run, kind):
    assert run(kind, sys.executable, "-c", SEND_AND_RECEIVE) == (0, "heard\n", "")


@both
def test_much_output_arrives_whole(run, kind):
    status, out, _ = run(kind, "seq", "200000")
    assert status == 0
    assert out.split() == [str(number) for number in range(1, 200_001)]


@real
@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (["true"], 0, ""),
        (["sh", "-c", "kill -9 $$"], 137, ""),
        (["no-such-program"], 127, "v2g-bench kernel: no-such-program: No such file or directory\n"),
        (["/etc/passwd"], 126, "v2g-bench kernel: /etc/passwd: Permission denied\n"),
    ],
)
def test_how_commands_end(run, kind, command, status, words):
    assert run(kind, *command) == (status, "", words)


@real
def test_servers_on_the_loopback_and_sockets_on_the_file_system(run, kind):
    program = """
import socket, tempfile
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
for place in (None, "."):
    with tempfile.TemporaryDirectory(dir=place) as folder:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server.bind(folder + "/s")
        server.listen()
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(folder + "/s")
"""
    assert run(kind, sys.executable, "-c", program) == (0, "", "")


@both
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command(launch, kind, number):
    script = 'trap "echo int; exit 5" INT; trap "echo term; exit 6" TERM; echo up; while :; do sleep 0.1; done'
    process = launch(kind, "sh", "-c", script)
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=BOUND_S)
    assert (out, process.returncode) == (("int\n", 5) if number == signal.SIGINT else ("term\n", 6))


@real
def test_the_bound_ends_the_command(run, kind):
    status, out, err = run(kind, "sh", "-c", "echo up; exec sleep 1000", options=["--timeout=8"])
    assert (status, out) == (boot.TIMED_OUT, "up\n")
    assert "after 8 s of real time (--timeout)" in err


@real
@pytest.mark.parametrize("killed", [False, True], ids=["the command ends", "the bench is killed"])
def test_nothing_is_left_behind(launch, kind, tmp_path, killed):
    """Also of what the command has left running."""
    process = launch(kind, "sh", "-c", "setsid sleep 1000 & echo up; sleep " + ("1000" if killed else "0.1"))
    folder = wait_until(lambda: folder_of(process.pid))
    assert process.stdout.readline() == "up\n"
    if killed:
        process.kill()
    process.wait(BOUND_S)
    wait_until(lambda: not folder.exists())
    wait_until(lambda: not any(place == folder for _, place in kernel_processes()))
    assert not list(tmp_path.iterdir())


@virtual
def test_waiting_takes_no_time_and_is_exact(run, kind):
    program = "import time; a = time.monotonic(); time.sleep(600); print(time.monotonic() - a)"
    started_s = time.monotonic()
    status, out, _ = run(kind, sys.executable, "-c", program)
    assert status == 0
    assert float(out) == pytest.approx(600.0, abs=0.001)
    assert time.monotonic() - started_s < BOUND_S


@virtual
def test_a_command_that_computes_for_ever_is_ended(capfd, monkeypatch, kind):
    monkeypatch.setattr(boot, "GRACE_S", 0.5)
    image = images.virtual_clock_image()
    assert boot.run(image, ["sh", "-c", "while :; do :; done"], timeout_s=5.0) == boot.TIMED_OUT
    assert "the kernel was killed" in capfd.readouterr().err


def folder_of(bench):
    """The folder of the kernel that this process of the bench has started, or None."""
    for process, folder in kernel_processes():
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:  # it has just ended
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == bench:
            return folder
    return None
