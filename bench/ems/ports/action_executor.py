"""What the core wants done is done here, in its order, by the same hands in a process and in a simulation."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from v2g_bench.ems.model.actions import Action, LogLine, SaveState, SendFrame, SetInverterPower, StopInverter


class Inverter(Protocol):
    """`v2g_bench.ems.ports.inverter.InverterPort`, as far as actions go."""

    def stop(self) -> None:
        """Stop the bridge, ahead of everything else."""

    def set_power(self, power_w: float, /) -> None:
        """Run at this AC power, W, + = charge."""


class Bus(Protocol):
    """`v2g_bench.ems.ports.can_port.CanPort`, as far as actions go."""

    def send(self, frame: SendFrame, /) -> None:
        """Send one frame."""


class StateStore(Protocol):
    """Whatever outlives the controller."""

    def keep(self, **latches: Any) -> None:
        """Keep these over a restart."""


class ActionExecutor:
    """Carries out the core's actions, one after the other."""

    def __init__(
        self, inverter: Inverter, bus: Bus, state_store: StateStore, on_log_line: Callable[[LogLine], None]
    ) -> None:
        self._inverter, self._bus, self._state_store, self._on_log_line = inverter, bus, state_store, on_log_line

    def act(self, actions: Iterable[Action]) -> None:
        """All of them, in the order in which the core gave them."""
        for action in actions:
            match action:
                case StopInverter():
                    self._inverter.stop()
                case SetInverterPower(power_w):
                    self._inverter.set_power(power_w)
                case SendFrame():
                    self._bus.send(action)
                case LogLine():
                    self._on_log_line(action)
                case SaveState(latches):
                    self._state_store.keep(**latches)
