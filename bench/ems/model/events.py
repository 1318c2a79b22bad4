"""The conditions that the controller reports, each logged once when it begins and once when it ends.

>>> book = EventBook()
>>> [line.code for line in book.report({SIGNAL_NOISE: "12 % lost"}, 1.0)]
['0x0B22']
>>> book.report({SIGNAL_NOISE: "13 % lost"}, 1.1)
[]
>>> book.report({}, 2.5)[0].text
'Signal Noise: over after 1.5 s'
"""

from collections.abc import Mapping
from dataclasses import dataclass

from v2g_bench.ems.model.actions import Level, LogLine


@dataclass(frozen=True, slots=True)
class Event:
    """A condition. `code` as written to the log; `number` the error code on CAN, 0 where the manual gives none."""

    code: str
    title: str
    level: Level
    advice: str
    number: int = 0


# Source of the codes, strings and remedies: the V2G manual, troubleshooting matrix.
EMERGENCY_SHUTDOWN = Event(
    "EMERGENCY_SHUTDOWN", "Emergency shutdown", Level.ERROR, "find the cause at the pack, then v2g-ctrl --reset-trip"
)
BMS_TIMEOUT = Event(
    "ERR_BMS_TIMEOUT", "No valid BMS data", Level.ERROR, "look for a loose terminal at the CAN interface"
)
INVERTER_OFFLINE = Event(
    "FAULT_INVERTER_OFFLINE", "Inverter does not answer", Level.ERROR, "check its supply, network and Modbus port"
)
SIGNAL_NOISE = Event(
    "0x0B22",
    "Signal Noise",
    Level.ERROR,
    "shield the CAN wiring, fit 120 ohm at both ends; v2g-ctrl --reset-trip",
    0x0B22,
)
SOC_DIVERGENCE = Event(
    "0x09BD", "SoC Divergence", Level.ERROR, "charge to 100 % to calibrate, then v2g-ctrl --reset-soc-offset", 0x09BD
)
HIGH_THERMAL_GRADIENT = Event(
    "0x01A2",
    "High Thermal Gradient",
    Level.WARNING,
    "ask for less with v2g-ctrl --set-power; check the coolant",
    0x01A2,
)
CELL_IMBALANCE = Event(
    "CELL_IMBALANCE", "Cell Imbalance", Level.WARNING, "V2G returns after a balancing charge to 100 % SoC"
)
OVER_CURRENT = Event(
    "OVER_CURRENT", "Over-Current flag of the BMS", Level.ERROR, "ask for less power once the BMS has dropped the flag"
)
CONTACTORS_STUCK = Event(
    "CONTACTOR_WELDED", "Contactors do not open", Level.ERROR, "no power until they report open; replace what is welded"
)
HANDSHAKE_TIMEOUT = Event(
    "0x05F1", "Handshake Timeout", Level.ERROR, "inspect the ISO 15118 controller; is port 15118 open?", 0x05F1
)
PROTOCOL_MISMATCH = Event(
    "PROTOCOL_MISMATCH", "Protocol Mismatch", Level.ERROR, "the vehicle offers no bidirectional power transfer"
)
IMPLAUSIBLE = Event("IMPLAUSIBLE", "Implausible BMS value", Level.WARNING, "taken as not sent; check that sensor")
SOC_LIMITS_FORCED = Event(
    "SOC_LIMITS_FORCED", "SoC limits overridden", Level.WARNING, "end it with v2g-ctrl --force-limit off"
)
HEALTH_REVIEW = Event(
    "HEALTH_REVIEW", "Health below the review threshold", Level.WARNING, "reconsider how much it takes part in V2G"
)


class EventBook:
    """Which conditions hold, since when, and the log lines of their beginnings and ends."""

    def __init__(self) -> None:
        self.active: dict[Event, tuple[float, str]] = {}

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        """Take over the conditions that hold now (event -> detail); the lines for what began and what ended."""
        if active.keys() == self.active.keys():
            return []
        lines = []
        for event, detail in active.items():
            if event not in self.active:
                self.active[event] = (now_s, detail)
                lines.append(LogLine(event.level, event.code, f"{event.title}: {detail}; {event.advice}"))
        for event in [known for known in self.active if known not in active]:
            since_s, _ = self.active.pop(event)
            lines.append(LogLine(Level.INFO, event.code, f"{event.title}: over after {now_s - since_s:.1f} s"))
        return lines

    @property
    def error_code(self) -> int:
        """The code to send on CAN: that of the gravest condition which has one, else 0."""
        if not self.active:
            return 0
        for event in (SIGNAL_NOISE, SOC_DIVERGENCE, HANDSHAKE_TIMEOUT, HIGH_THERMAL_GRADIENT):
            if event in self.active:
                return event.number
        return 0

    def listing(self, now_s: float) -> list[dict[str, object]]:
        """For the status: code, text and age in s of what holds now."""
        return [
            {
                "code": event.code,
                "text": f"{event.title}: {detail}",
                "advice": event.advice,
                "age_s": round(now_s - at, 3),
            }
            for event, (at, detail) in self.active.items()
        ]
