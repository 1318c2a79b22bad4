"""Which messages the controller expects, watches and sends, read from the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from v2g_bench.can.database import BusDatabase

# Without these there is nothing to protect the pack by.
REQUIRED_ROLES = (
    "cell_temperature_max",
    "soc",
    "pack_current",
    "charge_power_limit",
    "discharge_power_limit",
    "contactor_request",
)
_SAFETY_ROLES = ("cell_temperature_max", "string_voltage_difference")
_PATIENCE_CYCLES = 10
_DEFAULT_CYCLE_S = 0.1


@dataclass(frozen=True)
class BusPlan:
    """expected: BMS message -> cycle (s). watched: BMS message -> longest silence (s). sent: EMS message -> cycle (s).

    roles_sent: EMS message -> the roles that it carries. command: the message that asks for the contactors.
    unprotected: BMS messages without end-to-end protection, where the safety values have it. needed: BMS message -> the
    roles without which it counts as not received: its sender states that it has no value.
    """

    expected: Mapping[str, float]
    watched: Mapping[str, float]
    sent: Mapping[str, float]
    roles_sent: Mapping[str, tuple[str, ...]]
    command: str
    unprotected: frozenset[str] = frozenset()
    needed: Mapping[str, frozenset[str]] = field(default_factory=dict)


def plan_bus(db: BusDatabase, bms_timeout_s: float) -> BusPlan:
    """The plan for a database. The messages with safety values and the pure heartbeats have `bms_timeout_s`.

    Others that the arbitration needs may miss ten cycles: under interference one lost frame must not open contactors.
    Raises: BenchError naming the roles that the database lacks.
    """
    db.require(REQUIRED_ROLES)
    command = db.message_of("contactor_request").name
    expected = {spec.name: spec.cycle_s for spec in db.senders("BMS") if spec.cycle_s > 0}
    safety_roles = tuple(filter(db.has, _SAFETY_ROLES))  # a pack of one string has no difference
    safety = {db.message_of(role).name for role in safety_roles}
    safety |= {name for name in expected if db.messages[name].e2e and not db.roles_of(name)}
    needed = safety | {db.message_of(role).name for role in REQUIRED_ROLES} - {command}
    watched = {
        name: bms_timeout_s
        if name in safety
        else max(bms_timeout_s, _PATIENCE_CYCLES * (expected.get(name) or _DEFAULT_CYCLE_S))
        for name in sorted(needed)
    }
    sent = {spec.name: spec.cycle_s or _DEFAULT_CYCLE_S for spec in db.senders("EMS") if db.roles_of(spec.name)}
    unprotected = frozenset[str]()
    if all(db.messages[name].e2e for name in safety):
        unprotected = frozenset(spec.name for spec in db.senders("BMS") if spec.e2e is None)
    roles_sent = {name: db.roles_of(name) for name in sent}
    wanted = frozenset((*REQUIRED_ROLES, *safety_roles))
    values = {name: wanted & set(db.roles_of(name)) for name in watched}
    return BusPlan(expected, watched, sent, roles_sent, command, unprotected, values)
