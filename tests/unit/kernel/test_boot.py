import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.kernel import boot
from v2g_bench.kernel.images import REAL_CLOCK, VIRTUAL_CLOCK, KernelImage

MODULES = (Path("/m/can.ko"), Path("/m/vcan.ko"))


def fake_kernel(tmp_path, script):
    """A "kernel" that is a shell script; $FOLDER is the run's folder."""
    program = tmp_path / "linux"
    find = 'for word in "$@"; do case $word in uml_dir=*) FOLDER=${word#uml_dir=};; esac; done\n'
    program.write_text(f"#!/bin/sh\n{find}{script}\n")
    program.chmod(0o700)
    return KernelImage(program, (), VIRTUAL_CLOCK)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where the folders of the runs are made; empty after each."""
    place = tmp_path / "desks"
    place.mkdir()
    monkeypatch.setattr(boot, "_roomy_folder", lambda _: place)
    return place


def test_the_command_line_of_a_kernel():
    image = KernelImage(Path("/usr/bin/linux.uml"), (), REAL_CLOCK, ("time-travel=inf-cpu",))
    line = boot.command_line(image, Path("/dev/shm/x"), 512)
    assert line[0] == "/usr/bin/linux.uml"
    assert {"mem=512M", "rootfstype=hostfs", "init=/dev/shm/x/init", "uml_dir=/dev/shm/x/"} <= set(line)
    assert line[-1] == "time-travel=inf-cpu"


def test_the_order_is_this_process_with_another_command(tmp_path, monkeypatch):
    monkeypatch.setenv("V2G_MARK", 'ü = "1"')
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "desk"
    folder.mkdir()
    boot.write_order(folder, KernelImage(Path("/k"), MODULES, REAL_CLOCK), ["sh", "-c", "exit 3"])
    order = json.loads((folder / "order.json").read_text())
    assert order["command"] == ["sh", "-c", "exit 3"]
    assert order["environment"]["V2G_MARK"] == 'ü = "1"'
    assert order["folder"] == str(tmp_path)
    assert order["modules"] == ["/m/can.ko", "/m/vcan.ko"]
    assert order["clock"] == "real clock"
    assert order["umask"] == boot._umask()
    assert os.access(folder / "init", os.X_OK)


def test_only_a_kernel_on_the_real_clock_goes_before_others(monkeypatch):
    real, virtual = (KernelImage(Path("/k"), (), clock) for clock in (REAL_CLOCK, VIRTUAL_CLOCK))
    monkeypatch.setattr(boot.os, "sched_getaffinity", lambda _: {0, 1})
    assert (boot.kernel_priority(real), boot.kernel_priority(virtual)) == ("high", "normal")
    monkeypatch.setattr(boot.os, "sched_getaffinity", lambda _: {0})
    assert boot.kernel_priority(real) == "normal"


@pytest.mark.parametrize(
    ("status", "expected"), [('{"exit": 0}', 0), ('{"exit": 3}', 3), ('{"signal": 9}', 137)]
)  # fmt: skip
def test_status_and_output_pass_through(tmp_path, folders, capfd, status, expected):
    image = fake_kernel(
        tmp_path, f"echo seen >> $FOLDER/out; echo bad >> $FOLDER/err; echo '{status}' > $FOLDER/status.json"
    )
    assert boot.run(image, ["true"]) == expected
    assert capfd.readouterr() == ("seen\n", "bad\n")
    assert not list(folders.iterdir())


def test_a_kernel_that_dies_is_shown_with_its_last_words(tmp_path, folders):
    image = fake_kernel(tmp_path, "echo 'Kernel panic: no ptrace here'; exit 1")
    with pytest.raises(BenchError, match=r"ended before the command did\n(.*\n)*.*no ptrace here"):
        boot.run(image, ["true"])
    assert not list(folders.iterdir())


def test_a_kernel_that_came_up_sick_says_why(tmp_path):
    image = fake_kernel(tmp_path, """echo '{"failed": "OSError: link vcan0"}' > $FOLDER/status.json""")
    with pytest.raises(BenchError, match="came up sick: OSError: link vcan0"):
        boot.run(image, ["true"])


def test_a_kernel_that_never_comes_up_is_ended(tmp_path, folders, monkeypatch):
    monkeypatch.setattr(boot, "BOOT_BOUND_S", 0.3)
    with pytest.raises(BenchError, match="ended before the command did"):
        boot.run(fake_kernel(tmp_path, "sleep 1000"), ["true"])
    assert not list(folders.iterdir())


def test_the_bound_ends_a_command_that_does_not_listen(tmp_path, folders, monkeypatch, capfd):
    monkeypatch.setattr(boot, "GRACE_S", 0.3)
    image = fake_kernel(tmp_path, "touch $FOLDER/ready; sleep 1000")
    assert boot.run(image, ["true"], timeout_s=0.2) == boot.TIMED_OUT
    err = capfd.readouterr().err
    assert "after 0.2 s of real time (--timeout)" in err
    assert "the kernel was killed" in err
    assert not list(folders.iterdir())


def test_a_kernel_that_does_not_power_off_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(boot, "POWER_OFF_BOUND_S", 0.2)
    image = fake_kernel(tmp_path, """echo '{"exit": 5}' > $FOLDER/status.json; sleep 1000""")
    assert boot.run(image, ["true"]) == 5


def test_processes_of_a_dead_kernel_are_killed(tmp_path):
    """A traced process that outlives its kernel would run on as a process of this machine."""
    pid_file = tmp_path / "pid"
    image = fake_kernel(tmp_path, f"""sleep 1000 & echo $! > {pid_file}; echo '{{"exit": 0}}' > $FOLDER/status.json""")
    assert boot.run(image, ["true"]) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize(("free", "flags", "expected"), [(4096, 0, "shm"), (16, 0, "tmp"), (4096, os.ST_NOEXEC, "tmp")])
def test_the_memory_lies_where_there_is_room_for_it(monkeypatch, free, flags, expected):
    class About:
        f_bavail, f_frsize, f_flag = free, 1 << 20, flags

    monkeypatch.setattr(boot.os, "statvfs", lambda _: About)
    assert expected in str(boot._roomy_folder(2048))


def test_one_file_for_both_streams_is_seen():
    program = "from v2g_bench.kernel.boot import _same_file; print(_same_file(1, 2))"
    both = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    apart = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (both.stdout, apart.stdout) == (b"True\n", b"False\n")
