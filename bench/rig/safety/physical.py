"""Which side of a rig is the physical one: what the supervisor watches, and what it cannot watch.

The limits of [safety] are about a battery, never about a frame that the bench wrote itself:

    BMS emulated                the emulated world's own truth, over its control socket (`truthline`)
    BMS behind the gateway      the frames on the BMS's own bus, before the gateway changes them
    BMS on the controller's bus its frames there: the bench writes none of them

So a stimulus may show the controller any value, and the pack itself is watched all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from v2g_bench.can.database import BusDatabase
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.safety.envelope import FRAMES, NAMES, needed
from v2g_bench.rig.safety.pack_line import HEARD
from v2g_bench.rig.safety.truth_line import EVERY_S

PERIODS = 5  # a cyclic value is missed at the earliest after this many of its cycles
# A real inverter's current does not flow through an emulated pack, whose contactors part nothing.
_OF_THE_CIRCUIT = ("pack_current", "contactor_state")


@dataclass(frozen=True)
class Physical:
    """source: where the true values come from. roles: which of its values count. timeouts_s: see `Watch.expect`.

    blind: for each limit of [safety] that cannot be watched on this rig, which and why.
    """

    source: Literal["plant", "bms"]
    roles: tuple[str, ...]
    timeouts_s: Mapping[str, float]
    blind: tuple[str, ...]


def stimulates(rig: Rig) -> bool:
    """Whether what the controller receives of the battery is made by the bench: then no fault heats or loads a real cell."""
    return rig.bms.kind == "emulated" or rig.has_gateway


def physical_side(rig: Rig, db: BusDatabase) -> Physical:
    """The physical side of this rig, for the limits that it states."""
    emulated = rig.bms.kind == "emulated"
    if emulated:
        missing = "a real inverter's current does not flow through the emulated pack"
        roles = tuple(role for role in HEARD if rig.inverter.kind == "emulated" or role not in _OF_THE_CIRCUIT)
    else:
        missing = f"no signal of {db.path.name} plays it; add it to [bms.roles]"
        roles = tuple(role for role in HEARD if db.has(role))
    silent_s, wanted = rig.safety.bus_silent_s, needed(rig.safety.model_dump())
    timeouts_s = {FRAMES: silent_s} | {
        role: max(silent_s, PERIODS * (EVERY_S if emulated else db.message_of(role).cycle_s))
        for role in wanted
        if role in roles
    }
    blind = tuple(
        f"NOT WATCHED: [safety] {', '.join(keys)}: the {NAMES[role]} ({role}) is not known here: {missing}"
        for role, keys in wanted.items()
        if role not in roles
    )
    return Physical("plant" if emulated else "bms", roles, timeouts_s, blind)
