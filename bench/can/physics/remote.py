"""Controls a wire that runs in a hub's process: a separate connection, one JSON packet there and one back."""

import json
import os
import socket
from typing import Any

from v2g_bench.can import wire
from v2g_bench.can.physics.condition import Condition
from v2g_bench.errors import BenchError

_ANSWER_S = 2.0
_LARGEST = 1 << 17


class RemoteWire:
    """A `WireControl` for the hub at `path`. BenchError if there is none, if it has no wire, or does not answer."""

    def __init__(self, path: str) -> None:
        self._where = f"wire {path}"
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock.settimeout(_ANSWER_S)
        try:
            self._sock.connect(os.fspath(path))
            self._sock.send(wire.HELLO.pack(wire.MAGIC, wire.WANTS_CONTROL))
            answer = self._sock.recv(wire.MAX_PACKET)
        except OSError as error:
            self._sock.close()
            raise BenchError(self._where, f"cannot be reached: {error.strerror or error}") from error
        if len(answer) != wire.WELCOME.size:
            self._sock.close()
            raise BenchError(self._where, "the hub has no wire", "set physics = true in [bus.main] of the rig")

    def close(self) -> None:
        """Leave; what was set stays."""
        self._sock.close()

    def set(self, conditions: list[Condition]) -> None:
        self._ask(op="set", conditions=[condition.to_dict() for condition in conditions])

    def power(self, power_w: float) -> None:
        self._ask(op="power", power_w=power_w)

    def status(self) -> dict[str, Any]:
        return dict(self._ask(op="status"))

    def _ask(self, **request: Any) -> Any:
        try:
            self._sock.send(json.dumps(request).encode())
            reply = json.loads(self._sock.recv(_LARGEST))
        except (OSError, ValueError) as error:
            raise BenchError(self._where, f"no answer to {request['op']}: {error}", "is the hub alive?") from error
        if "error" in reply:
            raise BenchError(self._where, str(reply["error"]))
        return reply["ok"]
