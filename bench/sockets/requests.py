"""What a request may be, and what a client may do.

>>> request_of(b'{"cmd": "status"}')
{'cmd': 'status'}
"""

from dataclasses import dataclass
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import json_of

WHERE = "control"
DEPTH = 64  # of lists and objects in each other; a request of ours has four levels


@dataclass(frozen=True)
class Bounds:
    """Of one server. A client that goes beyond is hung up on.

    line_bytes: of one request. clients: at once; more are hung up on as they come, because the process needs its file
    descriptors itself. line_s: from the first byte of a request to its end. idle_s: between two requests; None: any time.
    send_s: until the client has taken its answer.
    """

    line_bytes: int = 65536
    clients: int = 64
    line_s: float = 5.0
    idle_s: float | None = None
    send_s: float = 2.0


def request_of(line: bytes, no_object: str = "not a JSON object") -> dict[str, Any]:
    """The object in one line. BenchError: no JSON, nested deeper than DEPTH, a number of thousands of digits, `no_object`."""
    request = json_of(line, WHERE)
    if not isinstance(request, dict):
        raise BenchError(WHERE, no_object)
    # A line with so few brackets cannot be deep.
    if line.count(b"[") + line.count(b"{") > DEPTH and _deeper(request, DEPTH):
        raise BenchError(WHERE, "is not JSON: it is nested too deeply")
    return request


def _deeper(value: Any, most: int) -> bool:
    """Whether it is nested deeper than that. Level by level: what comes from outside must not decide how deep a call is."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
