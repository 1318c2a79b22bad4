"""Reads the BMS's trouble codes in a separate process, see `dtc`.

    python -m v2g_bench.ems.ports.dtc_process \
        '{"interface": "socketcan", "channel": "can0", "request_id": 2020, "response_id": 2028}'

prints one line of JSON: {"source": "uds" | "obd" | null, "problem": "", "codes": [{"code": "P0BBD", "failure": "00",
"stored": true, "active": true}]}. The ISO-TP and UDS libraries work with threads, and the controller's stop must not wait
for an interpreter that they hold.

The reader of codes is never more urgent than the controller, and lowers its own priority as soon as it runs: a controller that
starts a process is blocked until that one's program is loaded (vfork), so one that began at a lower priority would hold
it up for as long as a busy machine lets it wait (seen: 250 ms). `diagnosis.reader` lets a smaller program do it before,
where there is one.
"""

import json
import os
import sys

NICE = 5


def main(argv: list[str]) -> int:
    """The process; its exit status is 0 when it has printed an answer."""
    step_back()
    import logging  # only now: loading the libraries takes longer than reading the codes

    from v2g_bench.ems.ports.dtc import read_codes
    from v2g_bench.errors import BenchError

    logging.disable(logging.CRITICAL)  # refusals are in the answer
    try:
        print(json.dumps(read_codes(json.loads(argv[0]))), flush=True)
    except (BenchError, OSError) as error:
        print(json.dumps({"source": None, "problem": str(error), "codes": []}), flush=True)
    return 0


def step_back() -> None:
    """No real-time priority, and nicer than ordinary work, whatever the controller has."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, NICE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
