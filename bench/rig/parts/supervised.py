"""What keeps an open rig safe while this process lives, hangs or dies: its supervisor, and the safe state at the end.

Between the controller and the rest stands the safe state: nothing is closed before the current is zero and the contactors
are open.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from v2g_bench.clock import Clock, RealClock, wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.exchanges import Exchanges
from v2g_bench.rig.parts.opening import Later, opened, roles_of
from v2g_bench.rig.safety.lock import shared, take
from v2g_bench.rig.safety.physical import Physical
from v2g_bench.rig.safety.safe_state import stop_inverter
from v2g_bench.rig.safety.supervisor_client import SupervisorClient


class SupervisedClock(RealClock):
    """The machine's clock on a rig with a supervisor. check: BenchError where no time may pass any more."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def pause(self, for_s: float) -> None:
        """Let this much time pass; BenchError if the supervisor has made the rig safe, or is gone."""
        self._check()
        time.sleep(for_s)

    def wall_minus_bench_s(self) -> float:
        """The capture's file has timestamps of the wall clock: this much ahead of the bench clock, now."""
        return wall_offset_ns() / 1e9


class Supervision:
    """The supervisor of one rig. temporary: `folder` is one that nobody wants when this process is killed."""

    def __init__(
        self,
        loaded: LoadedRig,
        folder: Path,
        clock: Clock,
        *,
        note: Callable[[str], None],
        later: Later,
        temporary: bool = False,
    ) -> None:
        self._loaded, self._folder, self._clock = loaded, folder, clock
        self._note, self._later, self._temporary = note, later, temporary
        self.supervisor = SupervisorClient(folder / "supervisor.jsonl")
        self._exchanges: Exchanges | None = None
        self._address, self._hang_up = InverterAddress(), _nothing

    @property
    def exchanges(self) -> Exchanges:
        """The log of what is sent to inverter and instruments."""
        return opened(self._exchanges, "supervisor")

    def check(self) -> None:
        """BenchError as `require`, or where evidence of an exchange is lost."""
        self.supervisor.check()
        self.exchanges.check()

    def require(self) -> None:
        """BenchError if the supervisor has made the rig safe by itself, or is gone."""
        self.supervisor.check()

    def make_safe(self, why: str) -> None:
        """Zero power and a stopped inverter now; if that is not enough, no controller and open contactors as well."""
        within_s = self._loaded.rig.safety.safe_within_s
        if self._address.device:
            self._hang_up()  # a serial line has one master: the supervisor needs it now
        try:
            self.supervisor.make_safe(why, within_s, full=False)
        except BenchError:
            self.supervisor.make_safe(why, within_s)

    def expect_end(self, within_s: float | None) -> None:
        """The test that runs now has hung if it has not ended within this time; None: no test runs."""
        self.supervisor.send("deadline", at_s=None if within_s is None else self._clock.now_s() + within_s)

    def allow_silence(self, allowed: bool) -> None:
        """The BMS is silenced on purpose, or no longer is."""
        self.supervisor.send("silence", allowed=allowed)

    def open(self) -> str:
        """The supervisor, and the lock on what this rig shares with others: before anything of the rig is touched."""
        rig, supervisor = self._loaded.rig, self.supervisor
        resources = shared(rig)
        supervisor.start()
        self._later("supervisor", supervisor.close)
        holding, notes = take(resources, rig.name, supervisor.pid)
        for note in notes:
            self._note(note)
        supervisor.send("hold", paths=[str(path) for path in holding.paths], token=holding.token)
        self._later("lock", holding.release)
        self._exchanges = exchanges = Exchanges(self._folder / "exchanges.jsonl")
        self._later("log of exchanges", exchanges.close)
        supervisor.send("limits", safety=rig.safety.model_dump())
        sources = [source.model_dump() | {"name": name} for name, source in rig.sources.items()]
        supervisor.send("sources", sources=sources)
        if self._temporary:
            supervisor.send("folder", path=str(self._folder))
        return f"watches over {', '.join(resources) or 'an emulated rig'}"

    def inverter_at(self, address: InverterAddress, hang_up: Callable[[], None]) -> None:
        """Where the inverter is; hang_up: ends the bench's own connection to it."""
        self._address, self._hang_up = address, hang_up

    def watch(self, side: Physical, buses: Mapping[str, Mapping[str, Any]], world: Path) -> None:
        """The supervisor receives the BMS on its own bus, and watches the physical side; what it cannot watch is noted.

        buses: the open ones by name; world: the control socket of the emulated world, if there is one.
        """
        rig = self._loaded.rig
        for words in side.blind:
            self._note(words)
        truth = str(world) if side.source == "plant" else None
        self.supervisor.send("physical", timeouts_s=dict(side.timeouts_s), truth=truth, roles=list(side.roles))
        dbc = str(self._loaded.resolve(rig.bms.dbc, "bms.dbc"))
        bus = buses["bms" if rig.has_gateway else "main"]
        self.supervisor.send("bus", bus=dict(bus), dbc=dbc, roles=roles_of(self._loaded))
        self.supervisor.send("arm")
        self._later("safe state", self._safe_at_the_end)

    def _safe_at_the_end(self) -> None:
        """The safe state before the parts are closed; without a supervisor, the inverter at least.

        A controller that goes on without the bench keeps its contactors, unless the current cannot be stopped otherwise.
        """
        why, rig = "the rig is closed", self._loaded.rig
        try:
            if rig.dut.kind == "process":
                self.supervisor.make_safe(why, rig.safety.safe_within_s)
            else:
                self.make_safe(why)
        except BenchError:
            self.supervisor.send("disarm", well=False)
            with contextlib.suppress(BenchError, AttributeError):  # no address: no inverter was found
                stop_inverter(self._address)
            raise
        self.supervisor.send("disarm", well=True)


def _nothing() -> None:
    """Before there is an inverter."""
