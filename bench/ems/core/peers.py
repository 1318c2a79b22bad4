"""Where the vehicle's charging communication and the grid's operators attach: ISO 15118-20, OCPP, IEEE 2030.5.

A peer is a shell like the CAN port. It reports conditions as data and asks with the same commands as an operator; it
never touches the core. Which conditions there are, and which of them keep V2G off, is this table:

>>> conditions = PeerConditions()
>>> conditions.on_frame(PeerReport("0x05F1", "no SessionSetupRes within 2 s"))
>>> conditions.blocked()
'0x05F1 Handshake Timeout: no SessionSetupRes within 2 s'
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from v2g_bench.ems.model import events
from v2g_bench.ems.model.commands import Command, Reply


@dataclass(frozen=True, slots=True)
class PeerCondition:
    """What can be wrong with a peer, and whether it keeps V2G off while it lasts."""

    event: events.Event
    blocks_v2g: bool


# Source: the V2G manual, dependency fault-lines and troubleshooting matrix.
CONDITIONS = {
    condition.event.code: condition
    for condition in (
        PeerCondition(events.HANDSHAKE_TIMEOUT, blocks_v2g=True),
        PeerCondition(events.PROTOCOL_MISMATCH, blocks_v2g=True),
    )
}


@dataclass(frozen=True, slots=True)
class PeerReport:
    """A condition (its code in `CONDITIONS`) has begun, with its detail, or is over: detail None."""

    code: str
    detail: str | None


class Peer(Protocol):
    """One connection to the outside world, run by the service until it ends the task."""

    async def run(self, report: Callable[[PeerReport], None], ask: Callable[[Command], Reply]) -> None:
        """Serve for good. An error that it raises ends the controller: stopped, contactors asked open."""


class PeerConditions:
    """The conditions that hold now."""

    def __init__(self) -> None:
        self._active: dict[str, str] = {}

    def on_report(self, report: PeerReport) -> None:
        """Take over a report. Raises: KeyError for a code that the table does not have."""
        code = CONDITIONS[report.code].event.code
        if report.detail is None:
            self._active.pop(code, None)
        else:
            self._active[code] = report.detail

    def blocked(self) -> str | None:
        """Why V2G is off, None if it is not."""
        for code, detail in self._active.items():
            if CONDITIONS[code].blocks_v2g:
                return f"{code} {CONDITIONS[code].event.title}: {detail}"
        return None

    def conditions(self) -> dict[events.Event, str]:
        """For the event book."""
        return {CONDITIONS[code].event: detail for code, detail in self._active.items()}
