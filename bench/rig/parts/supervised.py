"""What keeps an open rig safe while this process lives, hangs or dies: its supervisor, and the safe state at the end.

Between the controller and the rest stands the safe state: nothing is closed before the current is zero and the contactors
are open.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.vendor import VendorInverter
from v2g_bench.rig.parts.exchanges import Exchanges
from v2g_bench.rig.parts.opening import Opening
from v2g_bench.rig.safety.lock import shared, take
from v2g_bench.rig.safety.physical import Physical, physical_side
from v2g_bench.rig.safety.safe_state import stop_inverter
from v2g_bench.rig.safety.supervisor_client import Guard


class Supervised(Opening):
    """A rig with a supervisor. temporary: `folder` is one that nobody wants when this process is killed."""

    folder: Path
    clock: Clock
    guard: Guard
    inverter: InverterClient | VendorInverter
    side: Physical  # known once the bus is heard
    _note: Callable[[str], None]
    _temporary: bool
    _address: InverterAddress  # where the supervisor finds the inverter

    def pause(self, for_s: float) -> None:
        """Let this much time pass; BenchError if the supervisor has made the rig safe, or is gone."""
        self.guard.check()
        self.exchanges.check()
        time.sleep(for_s)

    def require_supervised(self) -> None:
        """BenchError if the supervisor has made the rig safe by itself, or is gone."""
        self.guard.check()

    def make_safe(self, why: str) -> None:
        """Zero power and a stopped inverter now; if that is not enough, no controller and open contactors as well."""
        within_s = self.loaded.rig.safety.safe_within_s
        if self._address.device:
            self.inverter.close()  # a serial line has one master: the supervisor needs it now
        try:
            self.guard.make_safe(why, within_s, full=False)
        except BenchError:
            self.guard.make_safe(why, within_s)

    def expect_end(self, within_s: float | None) -> None:
        """The test that runs now has hung if it has not ended within this time; None: no test runs."""
        self.guard.tell("deadline", at_s=None if within_s is None else self.clock.now_s() + within_s)

    def allow_silence(self, allowed: bool) -> None:
        """The BMS is silenced on purpose, or no longer is."""
        self.guard.tell("silence", allowed=allowed)

    def _open_guard(self) -> str:
        """The supervisor, and the lock on what this rig shares with others: before anything of the rig is touched."""
        rig, guard = self.loaded.rig, self.guard
        guard.start()
        self._later("supervisor", guard.close)
        holding, notes = take(shared(rig), rig.name, guard.pid)
        for note in notes:
            self._note(note)
        guard.tell("hold", paths=[str(path) for path in holding.paths], token=holding.token)
        self._later("lock", holding.release)
        self.exchanges = Exchanges(self.folder / "exchanges.jsonl")
        self._later("log of exchanges", self.exchanges.close)
        guard.tell("limits", safety=rig.safety.model_dump())
        sources = [source.model_dump() | {"name": name} for name, source in rig.sources.items()]
        guard.tell("sources", sources=sources)
        if self._temporary:
            guard.tell("folder", path=str(self.folder))
        return f"watches over {', '.join(shared(rig)) or 'an emulated rig'}"

    def _watch_physical(self, buses: Mapping[str, Mapping[str, Any]], world: Path) -> None:
        """The supervisor hears the BMS on its own bus, and watches the physical side; what it cannot watch is said.

        buses: the open ones by name; world: the control socket of the emulated world, if there is one.
        """
        rig = self.loaded.rig
        self.side = side = physical_side(rig, self.db)
        for words in side.blind:
            self._note(words)
        truth = str(world) if side.source == "plant" else None
        self.guard.tell("physical", timeouts_s=dict(side.timeouts_s), truth=truth, roles=list(side.roles))
        dbc = str(self.loaded.resolve(rig.bms.dbc, "bms.dbc"))
        bus = buses["bms" if rig.has_gateway else "main"]
        self.guard.tell("bus", bus=dict(bus), dbc=dbc, roles=self.roles)
        self.guard.tell("arm")
        self._later("safe state", self._safe_at_the_end)

    def _safe_at_the_end(self) -> None:
        """The safe state before the parts are closed; without a supervisor, the inverter at least.

        A controller that goes on without the bench keeps its contactors, unless the current cannot be stopped otherwise.
        """
        why, rig = "the rig is closed", self.loaded.rig
        try:
            if rig.dut.kind == "process":
                self.guard.make_safe(why, rig.safety.safe_within_s)
            else:
                self.make_safe(why)
        except BenchError:
            self.guard.tell("disarm", well=False)
            with contextlib.suppress(BenchError, AttributeError):  # no address: no inverter was found
                stop_inverter(self._address)
            raise
        self.guard.tell("disarm", well=True)
