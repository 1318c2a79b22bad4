"""The gateway process: `python -m v2g_bench.gateway.process CONFIG.json`, two raw sockets around one `core.Gateway`.

    {"control": "PATH", "seed": 1, "dbc": "PATH", "roles": {…}, "path": "bench" | "kernel" | "auto",
     "bms": {"interface": "v2g_userland", "channel": "PATH", "fd": true, …}, "controller": {…}}

When both sides are open it prints {"ready": true, "control": "PATH", "way": "bench" or "kernel", "why": "…"}: who forwards,
and with "auto" why not the kernel. It ends on SIGTERM, on the control socket's `shutdown`, and when its standard input closes,
which the parent's death does too. Exit status: 0 asked to end, 2 the config or a bus cannot be used, 3 a bus is gone; the
reason is written to standard error.
"""

import gc
import json
import signal
import sys
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.gateway.kernelshell import shell_of
from v2g_bench.gateway.ports import BusGone
from v2g_bench.interrupts import left_to_the_parent
from v2g_bench.priority import realtime

END_REFUSED, END_BUS_GONE = 2, 3


def main(arguments: list[str]) -> int:
    """Run a gateway; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m v2g_bench.gateway.process CONFIG.json", file=sys.stderr)
        return END_REFUSED
    try:
        config = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        shell, why = shell_of(config)
    except (BenchError, OSError, KeyError, ValueError, TypeError) as error:
        print(f"gateway: {error!r}" if not isinstance(error, BenchError) else error, file=sys.stderr)
        return END_REFUSED
    signal.signal(signal.SIGTERM, lambda *_: shell.end())
    left_to_the_parent()
    realtime()
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a collection would delay a frame
    print(json.dumps({"ready": True, "control": config["control"], "way": shell.way, "why": why}), flush=True)
    try:
        return shell.serve(sys.stdin.fileno())
    except BusGone as error:
        print(f"bus: {error}\n  the gateway ends: nothing passes any more", file=sys.stderr, flush=True)
        return END_BUS_GONE
    finally:
        shell.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
