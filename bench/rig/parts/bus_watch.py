"""What ends a test with ERROR because a bus is faulty: bus-off, an interface that went down, a capture that failed.

A controller is never judged by what it did while its bus was gone; the cause is named, with the remedy.
"""

from typing import Any, Protocol

from v2g_bench.can.buses import socketcan_problem
from v2g_bench.can.errors import BusHealth
from v2g_bench.can.link import link_of, suspicions
from v2g_bench.errors import BenchError


class Watched(Protocol):
    """What is asked of a capture."""

    health: BusHealth
    interruptions: list[tuple[float, str]]

    def check(self) -> None: ...

    def __len__(self) -> int: ...


class BusWatch:
    """The bench's ears on all buses of a rig, as one."""

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Watched, dict[str, Any]]] = {}

    def add(self, name: str, capture: Watched, choice: dict[str, Any]) -> None:
        """Watch this bus from now on. choice: how it was opened, the arguments of `can.buses.open_bus`."""
        self._listeners[name] = (capture, choice)

    def require(self, since_s: float) -> None:
        """`require_bus` for each."""
        for name, (capture, choice) in self._listeners.items():
            require_bus(name, capture, choice, since_s)

    def hints(self) -> list[str]:
        """`hints` of each."""
        return [hint for capture, choice in self._listeners.values() for hint in hints(capture, choice)]


def require_bus(name: str, capture: Watched, choice: dict[str, Any], since_s: float) -> None:
    """BenchError if this bus was sick at any time since `since_s` (bench clock), also if it has recovered."""
    where = f"bus.{name} ({choice['channel']})" if choice["interface"] == "socketcan" else f"bus.{name}"
    broken = next(((at_s, why) for at_s, why in capture.interruptions if at_s >= since_s), None)
    if broken is not None:
        raise BenchError(
            where, f"failed {broken[0] - since_s:.3f} s after the start of the test: {broken[1]}", hint(choice)
        )
    off_s = capture.health.bus_off_since(since_s)
    if off_s is not None:
        when = f"{off_s - since_s:.3f} s after" if off_s >= since_s else "before"
        what = f"bus-off {when} the start of the test ({capture.health.words()})"
        raise BenchError(where, what, hint(choice, "look at wiring, terminators and bit rates; "))
    capture.check()


def hint(choice: dict[str, Any], look: str = "") -> str:
    """What brings the interface back."""
    if choice["interface"] != "socketcan":
        return "is its hub alive?"
    rates = {key: choice[key] for key in ("fd", "bitrate", "data_bitrate")}
    problem = socketcan_problem(choice["channel"], **rates)
    if problem is not None:
        return look + problem.replace("\n", ": ")
    return f"{look}then: sudo ip link set {choice['channel']} down && sudo ip link set {choice['channel']} up"


def silence(name: str, capture: Watched, choice: dict[str, Any], within_s: float) -> BenchError:
    """The error for a bus on which no frame of the BMS was heard: what speaks, if anything does."""
    health, frames = capture.health, len(capture)
    others = frames - health.error_frames
    if health.error_frames and not others:
        rates = f"{choice['bitrate']}" + (f"/{choice['data_bitrate']}" if choice["fd"] else "")
        return BenchError(
            f"bus.{name}",
            f"error frames alone within {within_s:g} s ({health.words()})",
            f"the other nodes do not run at {rates} bit/s, or the wiring is broken; {hint(choice)}",
        )
    if others:
        return BenchError(
            f"bus.{name}",
            f"{others} frames within {within_s:g} s, and none that says where the BMS's contactors are",
            "is the database the one of this BMS?",
        )
    advice = "is the BMS on, and its database right?"
    if choice["interface"] == "socketcan":
        advice = "is the BMS on, and the cable plugged in?"
    return BenchError(f"bus.{name}", f"no frame of the BMS within {within_s:g} s", advice)


def hints(capture: Watched, choice: dict[str, Any]) -> list[str]:
    """What points at the wiring of a bus that works; see `v2g_bench.can.link.suspicions`."""
    if choice["interface"] != "socketcan":
        return []
    errors = capture.health.error_frames
    return suspicions(choice["channel"], link_of(choice["channel"]), errors, len(capture) - errors)
