"""What comes in goes to the core, and what the core wants done is carried out in its order: in a process, in a simulation and
in a campaign. No I/O of its own.

    running --(the core, or carrying out its actions, raises; `fail`)--> failed: the core is never asked again

Nobody knows what state a core is in that has raised: what makes it safe then is not asked of it (`on_failure`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.peers import PeerReport
from v2g_bench.ems.model.actions import Action, Frame, InverterReading, LogLine
from v2g_bench.ems.model.commands import Command, Reply
from v2g_bench.ems.ports.action_executor import ActionExecutor, Bus, Inverter, StateStore

_POLL_S, _LATE_S = 0.005, 0.1
STOPPING = "internal error: the controller is stopping"


class CoreShell:
    """One core with its two interfaces, from `connect` on.

    on_failure(what, error, first): whatever has failed; first: nothing had before.
    """

    def __init__(
        self,
        ems: Ems,
        now_s: Callable[[], float],
        on_failure: Callable[[str, BaseException | None, bool], None],
    ) -> None:
        self._ems, self._now_s, self._on_failure = ems, now_s, on_failure
        self._hands: ActionExecutor | None = None
        self.failed = False

    def connect(
        self, inverter: Inverter, bus: Bus, state_store: StateStore, on_log_line: Callable[[LogLine], None]
    ) -> None:
        """Where actions go; see `ActionExecutor`."""
        self._hands = ActionExecutor(inverter, bus, state_store, on_log_line)

    def act(self, actions: Iterable[Action]) -> None:
        """Carry out actions that somebody else has from the core; what they raise is his."""
        assert self._hands is not None, "not connected"
        self._hands.act(actions)

    def on_frame(self, frame: Frame) -> None:
        """A frame from the bus."""
        self._run(self._ems.on_frame, frame)

    def on_inverter(self, reading: InverterReading) -> None:
        """What the inverter has answered."""
        self._run(self._ems.on_inverter_reading, reading)

    def on_peer(self, report: PeerReport) -> None:
        """A report of another system."""
        self._run(self._ems.on_peer_report, report)

    def lose_bus(self, why: str) -> None:
        """Nothing can be sent any more."""
        self._run(self._ems.lose_bus, why)

    def tick(self) -> None:
        """The time that the core asked for has come."""
        self._run(self._ems.tick)

    def command(self, command: Command) -> Reply:
        """A command, carried out. Refused by a core that has failed, or fails at it before it has answered."""
        replies: list[Reply] = []

        def asked(now_s: float) -> Iterable[Action]:
            replies.append(self._ems.command(command, now_s))
            return replies[0].actions

        self._run(asked)
        return replies[0] if replies else Reply(False, STOPPING, [])

    async def opened(self) -> None:
        """Until the core has asked for open contactors, while it goes on; not longer than its last moment allows."""
        opening = self._ems.parts.opening
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(opening.last_moment_s + _LATE_S):
                while self._ems.decision.contactors and not self.failed:
                    await asyncio.sleep(_POLL_S)

    def fail(self, what: str, error: BaseException | None) -> None:
        """Something of the controller has failed, the core or what is around it."""
        first, self.failed = not self.failed, True
        self._on_failure(what, error, first)

    def _run(self, entry: Callable[..., Iterable[Action]], *given: Any) -> None:
        if self.failed:
            return
        try:
            self.act(entry(*given, self._now_s()))
        except Exception as error:  # noqa: BLE001  (whatever it raises is the end of this controller)
            self.fail("the core", error)
