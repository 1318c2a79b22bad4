"""What a controller orders of the emulated inverter: each change of the power that it is to run at, with the request.

A core without I/O, fed by the Modbus server's exchanges. A write that changes nothing of that power (a heartbeat, a
setpoint that is repeated) is no order; a stop and a setpoint of zero both order 0 W.

>>> orders = Orders(lambda: 0.0)
>>> orders.on_exchange(1.0, "10.0.0.2:4711", b"request", b"reply")
>>> orders.since(0.5)
[Order(at_s=1.0, power_w=0.0, request='72657175657374')]
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEPT = 4096  # of a controller that ramps by writes each 10 ms, 40 s


@dataclass(frozen=True)
class Order:
    """From `at_s` (bench clock) on, the inverter is to run at `power_w` (+ = charge; 0: not).

    request: the Modbus frame, hexadecimal.
    """

    at_s: float
    power_w: float
    request: str


class Orders:
    """The orders so far. ordered_w(): what the inverter is to run at now."""

    def __init__(self, ordered_w: Callable[[], float]) -> None:
        self._ordered_w = ordered_w
        self._kept: deque[Order] = deque(maxlen=MOST_KEPT)

    def on_exchange(self, at_s: float, peer: str, request: bytes, reply: bytes) -> None:
        """One exchange of the server, after it was answered."""
        power_w = self._ordered_w()
        if not self._kept or self._kept[-1].power_w != power_w:
            self._kept.append(Order(at_s, power_w, request.hex()))

    def since(self, from_s: float) -> list[Order]:
        """The order in force at `from_s`, where one is known, and those after it."""
        before = [order for order in self._kept if order.at_s < from_s][-1:]
        return before + [order for order in self._kept if order.at_s >= from_s]
