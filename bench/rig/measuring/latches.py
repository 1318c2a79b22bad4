"""What is latched in the controller, by its frames or its status, and its release before a test."""

from typing import Literal

from v2g_bench.errors import NotTested
from v2g_bench.inputs.ranges import shown
from v2g_bench.rig.dut.told import told
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts

LATCHES = ("trip_latched", "charge_only")
TRUE = 0.5
STATUS_CYCLES = 3  # of the controller's status: within so many a release is on the bus
STATUS_CYCLE_S = 0.1  # where the database states none


class Latches:
    """The latches of the controller on an open rig."""

    def __init__(self, parts: Parts, bus: Bus) -> None:
        self._parts, self._bus = parts, bus

    def tripped(self) -> bool:
        """True while the controller reports a latched trip on the bus; by its status where the database has no signal.

        What it reported before the call does not count: its next frame is waited for, `shown_s` at the most.
        """
        now_s = self._bus.now_s()
        self._parts.dut.controller.require_alive()
        if self._parts.bus.db.has("trip_latched"):
            return self._reported("trip_latched", now_s)
        return self._by_status("trip_latched")

    def _by_status(self, role: Literal["trip_latched", "charge_only"]) -> bool:
        """What its status tells; NotTested where it does not tell it: that is no "no"."""
        dut = self._parts.dut.controller.dut
        key = dut.status_told.get(role)
        answer = self._parts.dut.controller.must("status").out if key else ""
        value = told(answer, key) if key else None
        if value is None:
            where = f"its status ({key})" if key else "a status that the rig file states: dut.status_told"
            said = f"; it answered {shown(answer)}" if key else ""
            raise NotTested(f"neither the bus nor {where} tells {role}{said}")
        return value >= TRUE

    def any_reported(self) -> bool:
        """Whether its frames of now report a latch."""
        seen = self._parts.bus.latest_all()
        return any(seen.get(role, 0.0) >= TRUE for role in LATCHES)

    def latched(self) -> bool:
        """True while the controller reports a trip or a charge-only latch that an authorised reset releases; as `tripped`."""
        now_s = self._bus.now_s()
        return self.tripped() or (self._parts.bus.db.has("charge_only") and self._reported("charge_only", now_s))

    def _reported(self, role: str, since_s: float) -> bool:
        """What it reports since then; BenchError as of a silent bus where nothing comes."""
        self._parts.bus.wait_for(lambda seen: role in seen, since_s, self.shown_s())
        return bool(self._bus.signal(role))

    def shown_s(self) -> float:
        """Within this time what the controller reports of its latches is on the bus, by the cycle in the database."""
        db = self._parts.bus.db
        cycles_s = [db.message_of(role).cycle_s or STATUS_CYCLE_S for role in LATCHES if db.has(role)]
        return round(STATUS_CYCLES * max(cycles_s, default=STATUS_CYCLE_S), 6)

    def released(self) -> bool:
        """Whether nothing is latched in the controller; if something is, its release is asked for, and waited for."""
        seen, db = self._parts.bus.latest_all(), self._parts.bus.db
        if not seen.keys() >= set(filter(db.has, LATCHES)):
            self._parts.dut.controller.require_alive()
            return False  # it has just been started: its first frame is still to come
        # A precondition: what follows would show that it is not so, hence no frame is waited for.
        if not any(seen.get(role) for role in LATCHES) and (db.has("trip_latched") or not self.tripped()):
            return True
        # Refused while the pack is not safe yet: to be asked again.
        return self._parts.dut.controller.run("reset_trip").status == 0 and wait_until(
            self._parts, lambda: not self.latched(), self.shown_s()
        )

    def takes(self, power_w: float) -> bool:
        """Whether the controller accepts this power, its latches released. A precondition, never what is tested."""
        return self.released() and self._parts.dut.controller.run("set_power", power_w=f"{power_w:.0f}").status == 0
