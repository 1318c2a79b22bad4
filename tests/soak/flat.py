"""What a process holds, and whether that stays the same while it works: memory, descriptors, threads.

Pure but for `held`, which reads /proc. A leak is what is larger at the end than it ever was before, once a program has
warmed up: noise and garbage go up and down, a leak does not come back.
"""

import gc
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

WARM = 0.3  # of the time, in which caches and windows fill
FEWEST = 9  # samples of a process after that: three in each third
# By how much the end may be above the highest of before: memory is given to a process in pieces, the rest is counted.
TOLERATED = {"memory_kb": (0.02, 1024.0), "blocks": (0.005, 2000.0), "descriptors": (0.0, 0.0), "threads": (0.0, 0.0)}


@dataclass(frozen=True)
class Held:
    """What one process holds at a time (s of the soak). blocks: Python's allocated blocks of this very process, else None."""

    at_s: float
    memory_kb: float
    descriptors: float
    threads: float
    blocks: float | None = None


def held(pid: int, at_s: float) -> Held | None:
    """Of this process now; None where it has ended."""
    own, folder = pid == os.getpid(), Path(f"/proc/{pid}")
    if own:
        gc.collect()
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        descriptors = len(list((folder / "fd").iterdir()))
    except OSError:
        return None
    if "VmRSS" not in status:
        return None  # a zombie
    memory_kb, threads = float(status["VmRSS"].split()[0]), float(status["Threads"])
    return Held(at_s, memory_kb, descriptors, threads, float(sys.getallocatedblocks()) if own else None)


def grown(samples: Sequence[Held]) -> list[str]:
    """Which quantities grow, with figures; empty where all are flat. A list of one text where there is too little to tell."""
    end_s = samples[-1].at_s if samples else 0.0
    warm = [one for one in samples if one.at_s >= samples[0].at_s + WARM * (end_s - samples[0].at_s)]
    if len(warm) < FEWEST:
        return [f"only {len(warm)} samples after warming up: too few to tell"]
    third = len(warm) // 3
    found = []
    for name, (share, least) in TOLERATED.items():
        before, after = (
            [value for one in part if (value := getattr(one, name)) is not None]
            for part in (warm[:third], warm[-third:])
        )
        if before and min(after) > max(before) * (1 + share) + least * (share > 0):
            found.append(f"{name}: at most {max(before):.0f}, later never below {min(after):.0f}")
    return found


def table(name: str, samples: Iterable[Held]) -> str:
    """A line on one process: what it held first and last, and at most."""
    rows = list(samples)
    words = []
    for key in TOLERATED:
        values = [value for one in rows if (value := getattr(one, key)) is not None]
        if values:
            words.append(f"{key} {values[0]:.0f} -> {values[-1]:.0f} (at most {max(values):.0f})")
    return f"{name:14} {len(rows):4} samples  " + ", ".join(words)
