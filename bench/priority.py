"""Real-time priority for what stands in for hardware.

An emulated BMS, an emulated inverter and a controller that has an edge gateway of its own do not share a processor with
a compiler. Where this user may (root, or CAP_SYS_NICE), the processes of an emulated rig get SCHED_FIFO; the stall
monitor gets the same, so that it sees what they see. Elsewhere everything runs at normal priority, and more trials are
void.
"""

import os


def realtime(pid: int = 0) -> bool:
    """Give a process (0: this one) the lowest real-time priority; False where that is not allowed."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    return True
