"""The plant's control socket: one JSON object per line over an AF_UNIX stream, answered in order.

A request is `{"id": 7, "op": "inject", "args": {...}}`. The answer carries the same id and either `"ok": result` or
`"error": {"where", "what", "hint"}`, which the client raises as the original BenchError. `ControlServer` is
the plant's side (asyncio, never blocks), `PlantClient` the test's side (synchronous, one socket, thread-safe).

What begins with `truth_` is the plant's own knowledge. It is there to test the bench against, and for the supervisor, which
watches the pack itself (`truth_pack`); a measurement or a verdict never uses it, and no real rig has it.
"""

import contextlib
import inspect
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2g_bench.can.roles import close_to
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault
from v2g_bench.inputs.models import checked_arguments
from v2g_bench.inputs.ranges import shown
from v2g_bench.inverter.orders import Order
from v2g_bench.sockets.client import BadAnswer, HungUp, LineClient
from v2g_bench.sockets.listening import checked_path
from v2g_bench.sockets.requests import Bounds, request_of
from v2g_bench.sockets.server import LineServer

ANSWER_MAX = 64_000_000  # bytes; all events of a long run are some MB
NO_REQUEST = "a request is an object with id, op and args"
_NAME = 100  # characters of an operation's name that are looked at

Operation = Callable[..., Any]


def answer(line: bytes, operations: Mapping[str, Operation]) -> dict[str, Any]:
    """The answer to one request line, whatever it is."""
    request: dict[str, Any] = {}
    try:
        request = request_of(line, NO_REQUEST)
        if not isinstance(request.get("op"), str):
            raise BenchError("control", NO_REQUEST)
        return {"id": request.get("id"), "ok": _perform(request["op"], request.get("args") or {}, operations)}
    except BenchError as error:
        reason = {"where": error.where, "what": error.what, "hint": error.hint}
    return {"id": request.get("id"), "error": reason}


def _perform(op: str, args: Any, operations: Mapping[str, Operation]) -> Any:
    if op not in operations:
        hint = close_to(op[:_NAME], operations) or f"there are: {', '.join(operations)}"
        raise BenchError("control", f"unknown operation {shown(op)}", hint)
    if not isinstance(args, dict):
        raise BenchError(f"control: {op}", "args is not an object")
    try:
        inspect.signature(operations[op]).bind(**args)
    except TypeError as error:
        raise BenchError(f"control: {op}", str(error)) from None
    checked = checked_arguments(operations[op], args, f"control: {op}")
    try:
        return operations[op](**checked)
    except BenchError:
        raise
    except Exception as error:  # a request ends no process: who sent it has the error, and its test with it
        what = str(error) if isinstance(error, TypeError | ValueError | OverflowError) else repr(error)
        raise BenchError(f"control: {op}", what) from error


class ControlServer:
    """Serves `operations` (name -> function of keyword arguments, JSON-ready results) on a UNIX socket."""

    def __init__(self, operations: Mapping[str, Operation], bounds: Bounds | None = None) -> None:
        self._operations = operations
        self._server = LineServer(self._answer, bounds)

    async def start(self, path: Path) -> None:
        """Listen; BenchError if the path is too long or taken."""
        await self._server.start(path, "control")

    async def stop(self) -> None:
        """Stop listening, drop the connections, remove the socket."""
        await self._server.stop()

    async def _answer(self, line: bytes, sock: socket.socket) -> dict[str, Any]:
        return answer(line, self._operations)


@dataclass(frozen=True)
class SyncPulse:
    """The edge on the sync line: it was within time_s ± half_width_s on the bench clock."""

    time_s: float
    half_width_s: float


class PlantClient:
    """The test's control of the emulated world. Every method raises BenchError when the plant refuses or has ended.

    part: who is at the other end; a gateway understands the methods about faults, `status`, `truth_frame` and `shutdown`.
    """

    # Where `reset` brings the pack by default: SoC (%), temperature (°C); None: as configured.
    rest: tuple[float | None, float | None] = (None, None)
    on_done: Callable[[str, Mapping[str, Any], Any], object] | None = None  # told operation, arguments and result

    def __init__(self, path: Path | str, timeout_s: float = 5.0, part: str = "plant") -> None:
        self._timeout_s, self._part = timeout_s, part
        self._lock = threading.Lock()
        self._number = 0
        try:
            self._line = LineClient(checked_path(Path(path), "control"), timeout_s, ANSWER_MAX)
        except OSError as error:
            raise BenchError(
                "control", f"no {part} at {path}: {error.strerror or error}", f"is the {part} running?"
            ) from None

    def __enter__(self) -> "PlantClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the plant goes on."""
        self._line.close()

    def call(self, op: str, **args: Any) -> Any:
        """One request and its answer. After a timeout the connection is closed, so no late answer is ever mixed up."""
        result = self._call(op, args)
        if self.on_done is not None:
            self.on_done(op, args, result)
        return result

    def _call(self, op: str, args: Mapping[str, Any]) -> Any:
        with self._lock:
            if self._line.closed:
                raise BenchError(f"control: {op}", "the connection is closed")
            self._number += 1
            reply = self._exchange({"id": self._number, "op": op, "args": args})
            if reply.get("id") != self._number:
                self.close()
                raise BenchError(f"control: {op}", f"answer {shown(reply.get('id'))} to request {self._number}")
        if "error" in reply:
            raise BenchError(**reply["error"])
        return reply["ok"]

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._line.ask(request)
        except TimeoutError:
            what = f"no answer in {self._timeout_s:g} s"
        except HungUp:
            what = f"the {self._part} closed the connection"
        except (OSError, BadAnswer) as error:
            what = str(error)
        raise BenchError(f"control: {request['op']}", what, f"see the {self._part}'s log")

    def inject(self, fault: Fault, at_s: float | None = None, after_s: float = 0.0, *, alone: bool = False) -> int:
        """Inject now, at the bench-clock time `at_s`, or `after_s` from now; the injection's id.

        Sensed values change at that moment; the next cyclic frame carries them. alone: no flag or limit that the emulated
        BMS would derive of them (a gateway writes nothing but the fault in any case, and has no such operation).
        """
        only = {"alone": True} if alone else {}
        return int(self.call("inject", fault=fault.to_dict(), at_s=at_s, after_s=after_s, **only))

    def clear(self, injection: int) -> None:
        """Take one injection back (also one that is still to come)."""
        self.call("clear", injection=injection)

    def clear_all(self) -> None:
        """Take all injections back."""
        self.call("clear_all")

    def reset(
        self, soc_pct: float | None = None, temperature_c: float | None = None, capacity_ah: float | None = None
    ) -> None:
        """A quiet, healthy pack at rest: no injection, no defect, contactors open, bridge off. None: as `rest` says.

        capacity_ah: the pack's until the next reset; None: as configured.
        """
        rest_soc_pct, rest_temperature_c = self.rest
        self.call(
            "reset",
            soc_pct=rest_soc_pct if soc_pct is None else soc_pct,
            temperature_c=rest_temperature_c if temperature_c is None else temperature_c,
            capacity_ah=capacity_ah,
        )

    def sync_pulse(self, meter: str = "all", marker_a: float = 0.0) -> SyncPulse:
        """One edge on the sync line, to one meter's external trigger or to all that have one.

        marker_a: the line is wired to the meters' input as well, where it is a pulse of that many amperes.
        """
        marker = {"marker_a": marker_a} if marker_a else {}
        return SyncPulse(**self.call("sync_pulse", meter=meter, **marker))

    def set_defects(self, part: str, **values: Any) -> dict[str, Any]:
        """Set defects of a part of the world (see `status()["parts"]`); the part's defects afterwards."""
        return dict(self.call("set_defects", part=part, values=values))

    def inverter_orders(self, since_s: float) -> list[Order]:
        """The order that the emulated inverter had from its controller at `since_s`, where known, and those after it."""
        return [
            Order(float(at), float(w), str(frame)) for at, w, frame in self.call("inverter_orders", since_s=since_s)
        ]

    def seed(self, seed: int) -> None:
        """Start the random sequence of the transmit path again."""
        self.call("seed", seed=seed)

    def status(self) -> dict[str, Any]:
        """Contactor state, bridge, powers, SoC, frames sent, disturbance counters, step overruns, bus state."""
        return dict(self.call("status"))

    def wire(self) -> dict[str, Any]:
        """The wire of a bus with physics: load_pct, frames, destroyed, conditions, and nodes by name with their counters."""
        return dict(self.call("wire"))

    def truth_isolation(self, after_s: float, fraction: float = 0.05) -> float | None:
        """When the plant's mean current really fell below `fraction` of its value at `after_s` and stayed there."""
        value = self.call("truth_isolation", after_s=after_s, fraction=fraction)
        return None if value is None else float(value)

    def truth_events(self, since_s: float = 0.0) -> list[tuple[float, str]]:
        """What really happened in the plant, and when: (time_s, event)."""
        return [(float(at_s), str(event)) for at_s, event in self.call("truth_events", since_s=since_s)]

    def truth_frame(self, role: str, above: float, since_s: float) -> tuple[float, float] | None:
        """The times just before and after the first clean frame with role > above was handed to the bus."""
        times = self.call("truth_frame", role=role, above=above, since_s=since_s)
        return None if times is None else (float(times[0]), float(times[1]))

    def truth_current(self, at_s: float) -> float:
        """The plant's DC current without ripple at `at_s`, in A, charging positive."""
        return float(self.call("truth_current", at_s=at_s))

    def truth_pack(self) -> dict[str, float]:
        """What is true of the pack whatever its BMS is made to say, by role in canonical units; `time_s`: when it was."""
        return {str(name): float(value) for name, value in self.call("truth_pack").items()}

    def heat_cell(self, cell: int, power_w: float) -> None:
        """Foreign heat into one cell, W, until the next reset: the pack itself gets hot, not its sensor."""
        self.call("heat_cell", cell=cell, power_w=power_w)

    def shutdown(self) -> None:
        """Ask the plant to end; it does so after its answer."""
        with contextlib.closing(self):
            self.call("shutdown")
