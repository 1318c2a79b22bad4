import pytest

from v2g_bench.commands import main as cli
from v2g_bench.kernel import boot, build, images
from v2g_bench.kernel.images import KernelImage

REAL = KernelImage(images.Path("/usr/bin/linux.uml"), (), images.REAL_CLOCK)
VIRTUAL = KernelImage(images.Path("/cache/linux"), (), images.VIRTUAL_CLOCK, ("time-travel=inf-cpu",))


@pytest.fixture
def runs(monkeypatch):
    """The calls of boot.run; none boots anything."""
    calls = []

    def run(image, command, **options):
        calls.append((image, list(command), options))
        return 42

    monkeypatch.setattr(boot, "run", run)
    monkeypatch.setattr(images, "real_clock_image", lambda: REAL)
    monkeypatch.setattr(images, "virtual_clock_image", lambda: VIRTUAL)
    monkeypatch.delenv("V2G_KERNEL", raising=False)
    return calls


def test_everything_after_the_two_dashes_is_the_command(runs):
    command = ["pytest", "--rig=vcan0", "--timeout", "3", "--", "-x"]
    assert cli.main(["kernel", "--", *command]) == 42
    assert runs == [(REAL, command, {"memory_mib": 2048, "cpu": None, "timeout_s": None})]


def test_options_stand_before_the_two_dashes(runs):
    assert cli.main(["kernel", "--timeout", "2.5", "--memory=512M", "--cpu", str(lowest_cpu()), "--", "true"]) == 42
    assert runs == [(REAL, ["true"], {"memory_mib": 512, "cpu": lowest_cpu(), "timeout_s": 2.5})]


def test_time_travel_is_always_bounded(runs):
    cli.main(["kernel", "--time-travel", "--", "true"])
    cli.main(["kernel", "--time-travel", "--timeout=7", "--", "true"])
    assert [(image, options["timeout_s"]) for image, _, options in runs] == [(VIRTUAL, 1800.0), (VIRTUAL, 7.0)]


def test_build_says_where_the_kernel_is(runs, monkeypatch, capsys):
    monkeypatch.setattr(build, "build", lambda: images.Path("/cache/linux"))
    assert cli.main(["kernel", "--build"]) == 0
    assert capsys.readouterr().out == "/cache/linux\n"
    assert not runs


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kernel"], "no command"),
        (["kernel", "--"], "no command"),
        (["kernel", "--time-travel"], "no command"),
        (["kernel", "--build", "--", "true"], "does not run anything"),
    ],
)
def test_a_call_without_sense_is_refused(runs, capsys, arguments, words):
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err
    assert not runs


@pytest.mark.parametrize(
    "option",
    ["--timeout=0", "--timeout=-1", "--timeout=inf", "--timeout=nan", "--timeout=soon", "--memory=2", "--memory=64M",
     "--cpu=9999", "--cpu=-1"],
)  # fmt: skip
def test_a_wrong_value_is_refused(runs, option):
    with pytest.raises(SystemExit) as end:
        cli.main(["kernel", option, "--", "true"])
    assert end.value.code == 2
    assert not runs


def test_a_kernel_in_a_kernel_is_refused(runs, monkeypatch, capsys):
    monkeypatch.setenv("V2G_KERNEL", "user-mode-linux 6.1.0, real clock")
    assert cli.main(["kernel", "--", "true"]) == 2
    assert "user-mode-linux 6.1.0, real clock" in capsys.readouterr().err
    assert not runs


def lowest_cpu():
    return min(boot.os.sched_getaffinity(0))
