"""Whether this process may have the memory that the bench takes, asked before it begins.

Where `ulimit` allows less, what fails first is a library that can only abort, or hang: no error of it can be caught.
"""

import resource

from v2g_bench.errors import BenchError

LEAST_BYTES = 1_000_000_000  # of address space; `verify` of a small run has 0.6 GB on two cores
_LIMITS = {"ulimit -v": resource.RLIMIT_AS, "ulimit -d": resource.RLIMIT_DATA}


def require_memory(program: str) -> None:
    """BenchError where a limit of the shell is below `LEAST_BYTES`."""
    for command, limit in _LIMITS.items():
        allowed = resource.getrlimit(limit)[0]
        if allowed != resource.RLIM_INFINITY and allowed < LEAST_BYTES:
            what = f"{command} allows {allowed / 1e6:.0f} MB of memory, and the bench takes {LEAST_BYTES / 1e6:.0f} MB"
            raise BenchError(program, what, f"{command} unlimited")
