"""Real SocketCAN, with a controller's error states, in a user-mode kernel: the tests of inside_kernel/, and a controller that
shares no code with the bench. The kernel's clock is virtual: what is late there is late on every machine, however busy.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.kernel import images

PROJECT = Path(__file__).parents[2]
INSIDE = "tests/integration/inside_kernel"
FOREIGN = "tests/integration/certification/test_foreign_controller.py::test_it_is_certified_on_real_socketcan"
BOUND_S = 400
LONG = ("test_certification.py", "test_check.py", "test_kernels_gateway.py", "test_kernels_gateway_certifies.py")


def missing():
    """Why there is no kernel to run them in, or None."""
    if "V2G_KERNEL" in os.environ:
        return "this runs in a user-mode kernel already"
    try:
        images.virtual_clock_image()
    except BenchError as error:
        return str(error)
    return None


def no_compiler():
    """Why the foreign controller cannot be built here, or None."""
    return None if shutil.which("cc") or shutil.which("gcc") else "no C compiler: apt-get install gcc"


@pytest.mark.timeout(BOUND_S + 20)
@pytest.mark.skipif((why := missing()) is not None, reason=str(why))
@pytest.mark.parametrize(
    "file",
    [
        pytest.param(path.name, marks=pytest.mark.long if path.name in LONG else [])
        for path in sorted((PROJECT / INSIDE).glob("test_*.py"))
    ],
)
def test_inside_the_kernel(file):
    passes_there(f"{INSIDE}/{file}")


@pytest.mark.long
@pytest.mark.timeout(BOUND_S + 20)
@pytest.mark.skipif((why := missing() or no_compiler()) is not None, reason=str(why))
def test_a_foreign_controller_on_real_socketcan():
    passes_there(FOREIGN)


def passes_there(tests):
    """Run tests in the kernel: all pass, none is skipped."""
    inner = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", tests]
    kernel = ["kernel", "--time-travel", f"--timeout={BOUND_S}"]
    outer = [sys.executable, "-m", "v2g_bench.commands.main", *kernel, "--", *inner]
    done = subprocess.run(
        outer, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND_S + 10
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
