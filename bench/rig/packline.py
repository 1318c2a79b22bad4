"""The supervisor's own node on the pack's bus: hears what the BMS says, and asks the contactors to open.

The request goes out in the controller's own command frame, by the role `contactor_request`, every cycle until the BMS
says that they are open; its counter goes on from the last one that was heard, so that an end-to-end check takes it.
"""

from collections.abc import Mapping
from typing import Any

from v2g_bench.can import wire
from v2g_bench.can.buses import open_bus
from v2g_bench.can.columns import Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import COUNTER_BYTE
from v2g_bench.can.roles import BMS_ROLES
from v2g_bench.rig.traffic import sound

REQUEST = "contactor_request"
CYCLE_S = 0.01  # where the database states none
SEND_S = 0.05
AT_ONCE = 500


class PackLine:
    """One node. bus: the arguments of `open_bus`; BenchError where bus or database cannot be used."""

    def __init__(self, bus: Mapping[str, Any], dbc: str, roles: Mapping[str, Any]) -> None:
        self.db = BusDatabase.load(dbc, roles)
        self.can_ask = self.db.has(REQUEST)
        self._command = self.db.message_of(REQUEST) if self.can_ask else None
        self._counter, self._sent_s = 0, float("-inf")
        self._bus = open_bus(**bus, own_echo=False)

    def fileno(self) -> int:
        """Readable when a frame is there."""
        return int(self._bus.fileno())

    def heard(self) -> list[dict[str, float]]:
        """The BMS's roles in every sound frame that has come, in order; can.CanError where the bus is lost."""
        found = []
        for _ in range(AT_ONCE):
            message = self._bus.recv(0)
            if message is None:
                break
            command = self._command
            if command is not None and message.arbitration_id == command.frame_id:
                if command.e2e is not None and len(message.data) > COUNTER_BYTE:
                    self._counter = message.data[COUNTER_BYTE]
                continue
            if message.is_error_frame or message.is_remote_frame:
                continue
            flags = wire.EXTENDED if message.is_extended_id else 0
            if not sound(self.db, Frame(0, 0.0, message.arbitration_id, flags, bytes(message.data))):
                continue
            values = self.db.decode(message)
            kept = {role: value for role, value in values.items() if role.partition("[")[0] in BMS_ROLES}
            if kept:
                found.append(kept)
        return found

    def ask_open(self, now_s: float) -> None:
        """Ask the contactors to open, if a cycle has gone by since the last time; can.CanError where nobody takes it."""
        command = self._command
        if command is None or now_s - self._sent_s < (command.cycle_s or CYCLE_S):
            return
        self._sent_s = now_s
        self._counter = (self._counter + 1) & 0xFF
        self._bus.send(self.db.encode(command.name, {REQUEST: 0.0}, self._counter), timeout=SEND_S)

    def close(self) -> None:
        """Leave the bus."""
        self._bus.shutdown()
