"""The supervisor's own node on the BMS's bus: receives the BMS's values, and asks the contactors to open.

It accepts as a value only: a good frame that does not repeat the one before (where a counter shows it), a count
that can be a measured value (`SignalCodec.credible`). Everything else counts as not sent.

The request goes out in the controller's own command frame, by the role `contactor_request`, every cycle until the BMS
reports that they are open; its counter continues from the last one received, so that an end-to-end check accepts it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from v2g_bench.can import wire
from v2g_bench.can.buses import open_bus
from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.columns import Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import COUNTER_BYTE, HEADER_BYTES
from v2g_bench.can.roles import BMS_ROLES
from v2g_bench.can.values import sound

REQUEST = "contactor_request"
CYCLE_S = 0.01  # where the database states none
SEND_S = 0.05
AT_ONCE = 500
HEARD = (
    *("cell_temperature_max", "cell_temperature_min", "cell_voltage_max", "cell_voltage_min"),
    *("pack_voltage", "pack_current", "contactor_state"),
)


class PackLine:
    """One node. bus: the arguments of `open_bus`; BenchError where bus or database cannot be used."""

    def __init__(self, bus: Mapping[str, Any], dbc: str, roles: Mapping[str, Any]) -> None:
        self.db = BusDatabase.load(dbc, roles)
        self.can_ask = self.db.has(REQUEST)
        self._command = self.db.message_of(REQUEST) if self.can_ask else None
        self._counter, self._sent_s = 0, float("-inf")
        bms = {self.db.message_of(role).name for role in self.db.roles if role.partition("[")[0] in BMS_ROLES}
        self._codecs = {name: [self.db.codec(role) for role in self.db.roles_of(name) if role in HEARD] for name in bms}
        self._last: dict[str, int] = {}  # the counter of each protected message
        self._bus = open_bus(**bus, own_echo=False)

    def fileno(self) -> int:
        """Readable when a frame is there."""
        return int(self._bus.fileno())

    def received(self) -> list[dict[str, float]]:
        """The roles of HEARD in every good frame received from the BMS, in order; can.CanError where the bus is lost.

        An entry is empty where the frame has none of them, or marks them as "no value".
        """
        found = []
        for _ in range(AT_ONCE):
            message = self._bus.recv(0)
            if message is None:
                break
            command = self._command
            if command is not None and command.carried_by(message.arbitration_id, message.is_extended_id):
                if command.e2e is not None and len(message.data) > COUNTER_BYTE:
                    self._counter = message.data[COUNTER_BYTE]
                continue
            if message.is_error_frame or message.is_remote_frame:
                continue
            spec = self.db.by_id(message.arbitration_id, message.is_extended_id)
            if spec is None or spec.name not in self._codecs:
                continue
            flags, data = wire.EXTENDED if message.is_extended_id else 0, bytes(message.data)
            if sound(self.db, Frame(0, 0.0, message.arbitration_id, flags, data)):
                new = self._is_new(spec, data)
                found.append(measured(spec, self._codecs[spec.name], data) if new else {})
        return found

    def _is_new(self, spec: MessageSpec, data: bytes) -> bool:
        """False for a repeated frame: a BMS whose controller hangs, and whose CAN peripheral keeps sending."""
        if spec.e2e is None:
            return True
        last, self._last[spec.name] = self._last.get(spec.name), data[COUNTER_BYTE]
        return last != data[COUNTER_BYTE]

    def ask_open(self, now_s: float) -> None:
        """Ask the contactors to open, if a cycle has passed since the last time; can.CanError where no node acknowledges it."""
        command = self._command
        if command is None or now_s - self._sent_s < (command.cycle_s or CYCLE_S):
            return
        self._sent_s = now_s
        self._counter = (self._counter + 1) & 0xFF
        self._bus.send(self.db.encode(command.name, {REQUEST: 0.0}, self._counter), timeout=SEND_S)

    def close(self) -> None:
        """Leave the bus."""
        self._bus.shutdown()


def measured(spec: MessageSpec, codecs: Sequence[SignalCodec], data: bytes) -> dict[str, float]:
    """Those of these roles of one message for which its data holds a count that can be a measured value.

    Empty where every bit of the payload is set: so a sender without values leaves it.
    """
    data = data[: spec.length]
    if not codecs or set(data[HEADER_BYTES if spec.e2e else 0 :]) == {0xFF}:
        return {}
    little, big = int.from_bytes(data, "little"), int.from_bytes(data, "big")
    raws = [(codec, codec.raw(big if codec.big_endian else little)) for codec in codecs]
    return {codec.key: codec.value(raw) for codec, raw in raws if codec.credible(raw)}
