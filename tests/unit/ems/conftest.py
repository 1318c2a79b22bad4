"""A plan, a healthy pack and a driver that moves the core through time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import (
    Action,
    Frame,
    InverterReading,
    Quality,
    SendFrame,
    SetInverterPower,
    StopInverter,
)
from v2g_bench.ems.model.bus_plan import BusPlan
from v2g_bench.ems.model.commands import Command, Reply, SetPower
from v2g_bench.ems.model.config import Thresholds

CYCLES = {"Safety": 0.01, "Pack": 0.02, "Limits": 0.1}
ROLES = {
    "Safety": {
        "cell_temperature_max": 26.0,
        "cell_temperature_min": 25.0,
        "string_voltage_difference": 0.01,
        "cell_voltage_max": 3.70,
        "cell_voltage_min": 3.69,
        "over_current": 0.0,
        "cell_imbalance": 0.0,
        "contactor_state": 2.0,
    },
    "Pack": {"pack_voltage": 354.0, "pack_current": 0.0, "soc": 50.0, "capacity": 150.0, "soh": 96.0},
    "Limits": {
        "charge_power_limit": 20000.0,
        "discharge_power_limit": 20000.0,
        "discharge_power_continuous": 20000.0,
    },
}
PLAN = BusPlan(
    expected=CYCLES,
    watched={"Safety": 0.1, "Pack": 0.2, "Limits": 1.0},
    sent={"Command": 0.01, "Status": 0.1},
    roles_sent={
        "Command": ("contactor_request", "power_setpoint", "operating_mode", "cooling_request"),
        "Status": ("error_code", "trip_latched", "charge_only"),
    },
    command="Command",
)


class Driver:
    """Feeds a core with the frames of a BMS and the answers of an inverter, millisecond by millisecond."""

    def __init__(self, ems: Ems) -> None:
        self.ems = ems
        self.now_ms = 0
        self.values: dict[str, dict[str, float]] = {name: dict(roles) for name, roles in ROLES.items()}
        self.actions: list[tuple[float, Action]] = []
        self.mute: set[str] = set()
        self.quality: Callable[[str, int], Quality | None] = lambda name, number: Quality.GOOD
        self.inverter_answers = True
        self.contactors_obey = True  # their state is what was asked for last, until a test sets it
        self._numbers = dict.fromkeys(CYCLES, 0)

    @property
    def now_s(self) -> float:
        return self.now_ms / 1000

    def set(self, **roles: float) -> None:
        self.contactors_obey = self.contactors_obey and "contactor_state" not in roles
        for name in self.values:
            self.values[name].update({role: value for role, value in roles.items() if role in ROLES[name]})

    def run(self, seconds: float) -> list[Action]:
        """Let time pass; the actions of that time."""
        first = len(self.actions)
        for _ in range(round(seconds * 1000)):
            self.now_ms += 1
            for name, cycle_s in CYCLES.items():
                if self.now_ms % round(cycle_s * 1000) == 0 and name not in self.mute:
                    self._numbers[name] += 1
                    quality = self.quality(name, self._numbers[name])
                    if quality is not None:
                        self.take(self.ems.on_frame(Frame(name, dict(self.values[name]), quality), self.now_s))
            if self.inverter_answers and self.now_ms % 100 == 0:
                self.take(self.ems.on_inverter_reading(InverterReading(0.0, 3), self.now_s))
            if self.now_s >= self.ems.next_due_s(self.now_s):
                self.take(self.ems.tick(self.now_s))
        return [action for _, action in self.actions[first:]]

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if self.contactors_obey and isinstance(action, SendFrame) and "contactor_request" in action.values:
                self.values["Safety"]["contactor_state"] = 2.0 * action.values["contactor_request"]
        self.actions += [(self.now_s, action) for action in actions]

    def on_frame(self, name: str, quality: Quality = Quality.GOOD, **roles: float) -> list[Action]:
        """One extra frame now; what comes back in that very call."""
        actions = self.ems.on_frame(Frame(name, self.values[name] | roles, quality), self.now_s)
        self.take(actions)
        return actions

    def command(self, command: Command) -> Reply:
        reply = self.ems.command(command, self.now_s)
        self.take(reply.actions)
        return reply

    def at_power(self, power_w: float) -> "Driver":
        """Healthy for a while, then this power."""
        self.run(0.5)
        assert self.command(SetPower(power_w)).ok
        self.run(0.1)
        assert self.power_w is not None
        return self

    @property
    def power_w(self) -> float | None:
        """What the inverter was told last: a power, or None for stop."""
        for _, action in reversed(self.actions):
            if isinstance(action, SetInverterPower):
                return action.power_w
            if isinstance(action, StopInverter):
                return None
        return None


def settings_of(**thresholds: Any) -> EmsSettings:
    return EmsSettings(PLAN, Thresholds(**thresholds))


@pytest.fixture
def settings() -> EmsSettings:
    return settings_of()


@pytest.fixture
def driver(settings: EmsSettings) -> Driver:
    return Driver(Ems(settings))


@pytest.fixture
def drive() -> Callable[..., Driver]:
    """A driver around a controller of its own: a factory, thresholds, or another plan."""

    def make(factory: Callable[[EmsSettings], Ems] = Ems, plan: Mapping[str, Any] | None = None, **kw: Any) -> Driver:
        return Driver(factory(replace(settings_of(**kw), plan=replace(PLAN, **(plan or {})))))

    return make
