"""The sync line on pins of a kernel, read back: in the time-travel kernel, whose virtual chip no other machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.kernel import images

PROJECT = Path(__file__).parents[2]


def missing():
    """Why there is no kernel to run them in, or None."""
    if "V2G_KERNEL" in os.environ:
        return "this runs in a user-mode kernel already"
    try:
        images.virtual_clock_image()
    except BenchError as error:
        return str(error)
    return None


@pytest.mark.timeout(180)
@pytest.mark.skipif((why := missing()) is not None, reason=str(why))
def test_the_wires_on_pins_of_a_kernel():
    inner = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/integration/inside_kernel/gpio_wires.py",
    ]
    outer = [sys.executable, "-m", "v2g_bench.commands.main", "kernel", "--time-travel", "--timeout=150", "--", *inner]
    done = subprocess.run(outer, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=160)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
