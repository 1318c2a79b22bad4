"""What the bus and the inverter showed around a shutdown, for its evidence.

The controller's requests and the BMS's reports come from the capture of the bus; the orders to stop from the emulated
inverter, which keeps each with its Modbus request. A real inverter's traffic cannot be seen.
"""

from contextlib import AbstractContextManager

from v2g_bench.can.values import sound
from v2g_bench.errors import NotTested
from v2g_bench.evidence.capture import BEFORE_S
from v2g_bench.evidence.reading import Reading
from v2g_bench.evidence.record import ORDERED, Change, Evidence, Kind, Sequence
from v2g_bench.evidence.shutdown import (
    OPEN,
    PRECHARGED,
    REQUEST,
    RUN,
    STATE,
    Closing,
    components_of,
    quantity,
)
from v2g_bench.metrology.component import Component
from v2g_bench.rig.measuring.command_lines import NoStart
from v2g_bench.rig.parts.protocol import Parts

ORDER_STAMP_S = 0.001  # an emulated inverter stamps a request when its process gets it


def closing_of(parts: Parts, power: AbstractContextManager[object]) -> Closing:
    """How the contactors close while this power is entered; NoStart where they are not reported open before."""
    since = parts.bus.timestamp(parts.clock.now_s())
    if parts.bus.latest_all().get(STATE) != OPEN:
        raise NoStart("the test cannot start: the contactors are not reported open")
    with power:
        seen = Aftermath(parts).until(since.time_s, parts.clock.now_s(), parts.loaded.rig.judging.isolation_fraction)
    terms = [("frame stamp", since.half_width_s, since.source)]
    terms.append(("stamp of the order", ORDER_STAMP_S * (since.half_width_s > 0), "the inverter"))
    counted = [Component.rectangular("counted", 0.0, source="frames of the capture")]

    def of(name: str, parts: list[Component]) -> Reading:
        return quantity(Evidence(kind=Kind.SEQUENCE, name=name, sequence=seen, components=parts))

    return Closing(seen, of(RUN, components_of(terms)), of(PRECHARGED, counted))


class Aftermath:
    """Reads both of one rig."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def until(self, t0_s: float, until_s: float, fraction: float) -> Sequence:
        """Wait until `until_s` (bench clock) has come, then what was seen from BEFORE_S before t0_s on.

        NotTested where the database does not have both roles.
        """
        parts = self._parts
        for role in (REQUEST, STATE):
            if not parts.bus.db.has(role):
                raise NotTested(f"the database has no {role}: how the contactors open cannot be seen on the bus")
        if (left_s := until_s - parts.clock.now_s()) > 0:
            parts.clock.pause(left_s)
        changes = [*self.on_bus(REQUEST, t0_s, until_s), *self.on_bus(STATE, t0_s, until_s)]
        orders = self.orders(t0_s, until_s)
        return Sequence(
            t0_s=t0_s,
            until_s=until_s,
            fraction=fraction,
            orders=orders is not None,
            changes=[*(orders or []), *changes],
        )

    def on_bus(self, role: str, t0_s: float, until_s: float) -> list[Change]:
        """The role's value before t0_s and each other one up to until_s."""
        db, capture = self._parts.bus.db, self._parts.bus.capture
        spec = db.message_of(role)
        columns = capture.frames(since_s=t0_s - BEFORE_S).carrying(spec)
        changes: list[Change] = []
        for position in range(len(columns)):
            frame = columns.frame(position)
            if frame.timestamp_s > until_s or not sound(db, frame):
                continue
            value = db.decode(frame.message()).get(role)
            if value is not None and (not changes or value != changes[-1].value):
                changes.append(Change(role=role, value=value, at_s=frame.timestamp_s))
        return changes

    def orders(self, t0_s: float, until_s: float) -> list[Change] | None:
        """What the emulated inverter was ordered to; None where a real one is, which cannot be seen."""
        plant = self._parts.world.plant
        if plant is None or self._parts.loaded.rig.inverter.kind != "emulated":
            return None
        orders = plant.client.inverter_orders(t0_s)
        return [
            Change(role=ORDERED, value=one.power_w, at_s=one.at_s, frame=one.request)
            for one in orders
            if one.at_s <= until_s
        ]
