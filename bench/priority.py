"""Priority for what stands in for hardware.

An emulated BMS and an emulated inverter do not share a processor with a compiler, and a controller has an edge gateway of
its own. Where this user may (root, or CAP_SYS_NICE), the emulated world and its bus run at real-time priority
(`realtime`), the controller is favoured over ordinary work (`favoured`), and the stall monitor is favoured in the same
way, so that it sees what the controller sees. Elsewhere everything runs at normal priority, and more trials are void.
"""

import contextlib
import os
from pathlib import Path

FAVOURED_NICE = -15


def realtime(pid: int = 0) -> bool:
    """Give a process (0: this one) the lowest real-time priority; False where that is not allowed.

    For programs of ours alone, whose use of the processor is bounded: one that computed for ever would starve the machine.
    """
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    return True


def favoured(pid: int = 0) -> bool:
    """Favour a process (0: this one) over ordinary work without ever starving it; False where that is not allowed.

    It should lead a session of its own. Linux shares the processors among sessions first (sched(7), "The autogroup
    feature"), and a nice value counts only inside one: a favoured process alone in its session was seen to get 1 % of a
    processor beside a session with four busy processes, until its session was favoured too.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, FAVOURED_NICE)
    except PermissionError:
        return False
    if os.getsid(pid) == (pid or os.getpid()):
        with contextlib.suppress(OSError):  # a kernel without autogroups has no such file, and no such trouble
            Path(f"/proc/{pid or 'self'}/autogroup").write_text(str(FAVOURED_NICE), encoding="ascii")
    return True
