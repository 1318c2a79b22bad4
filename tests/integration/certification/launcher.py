"""Starts certifications fast: everything is imported once, and each run is a fork of this process that has nothing open.

One JSON line for each run on standard input: {"arguments": [...], "words": path, "env": {...}}; its process id is the answer.
"""

import json
import os
import sys

import can  # noqa: F401
import cantools  # noqa: F401
import numpy as np  # noqa: F401
import pytest
import pyvisa  # noqa: F401

from v2g_bench.fixtures import plugin  # noqa: F401
from v2g_bench.rig import bench, open  # noqa: A004, F401


def main() -> None:
    """Serve until standard input ends; what has ended is reaped."""
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
            continue
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        os.setsid()
        os.environ.update(order["env"])
        nothing, words = os.open(os.devnull, os.O_RDONLY), os.open(order["words"], os.O_WRONLY | os.O_CREAT)
        for source, target in ((nothing, 0), (words, 1), (words, 2)):
            os.dup2(source, target)
        os._exit(int(pytest.main(order["arguments"])))


if __name__ == "__main__":
    main()
