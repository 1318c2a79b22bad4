"""One soak: a rig at work, and what its processes hold meanwhile."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flat import Held, grown, held, table
from load import fill, opened, processes, turns

SAMPLES = 60  # about so many in a soak
LEAKS = ("memory", "descriptors", "threads", "connections")


def leaks(parts: Any) -> dict[str, Callable[[list[Any]], None]]:
    """What --leak keeps in each turn."""

    def thread(kept: list[Any]) -> None:
        done = threading.Event()
        threading.Thread(target=done.wait, daemon=True).start()
        kept.append(done)

    def connection(kept: list[Any]) -> None:
        """One that its client forgets: a descriptor here and one in the world."""
        kept.append(socket.create_connection(("127.0.0.1", parts.world.plant.modbus_port), 1.0))

    return {
        "memory": lambda kept: kept.append([bytearray(512) for _ in range(500)]),
        "descriptors": lambda kept: kept.append(os.dup(0)),
        "threads": thread,
        "connections": connection,
    }


def soak(clock: str, seconds: float, seed: int = 1, leak: str = "", note: Callable[[str], None] = print) -> list[str]:
    """What grows, each with its process; empty where all is flat."""
    kept: list[Any] = []
    samples: dict[str, list[Held]] = {}
    with tempfile.TemporaryDirectory(prefix="v2g-soak-") as folder, opened(clock, Path(folder), seed) as parts:
        watched, begun_s, began_s = processes(parts), parts.clock.now_s(), time.monotonic()
        fill(parts)
        due_s, number, troubles = 0.0, 0, list[str]()
        for trouble in turns(parts):
            number += 1
            troubles += [trouble] if trouble else []
            if leak:
                leaks(parts)[leak](kept)
            now_s = parts.clock.now_s() - begun_s
            if now_s >= due_s:
                due_s += seconds / SAMPLES
                for name, pid in watched.items():
                    one = held(pid, now_s)
                    if one is None:
                        return [f"{name}: has ended after {now_s:.0f} s"]
                    samples.setdefault(name, []).append(one)
            if now_s >= seconds:
                break
        took_s = time.monotonic() - began_s
        note(f"{clock} clock: {number} turns, {len(troubles)} of them broken off, {now_s:.0f} s in {took_s:.0f} s")
        for name, rows in samples.items():
            note(table(name, rows))
    if len(troubles) > number / 10:
        return [f"{len(troubles)} of {number} turns were broken off, the last: {troubles[-1]}"]
    return [f"{name}: {text}" for name, rows in samples.items() for text in grown(rows)]
