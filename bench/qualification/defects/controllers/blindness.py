"""Makes controllers that see a danger only in a part of the world: a window of a quantity in which they are blind.

v2g-daemon --core v2g_bench.qualification.defects.controllers:blind_where_power_w_from_3100_to_10000
"""

import re
from collections.abc import Callable

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.model.commands import Command, Reply, SetPower
from v2g_bench.errors import BenchError
from v2g_bench.qualification.defects.controllers import make

HOTTEST = "cell_temperature_max"
RECENT_S = 0.2


class Blind(Ems):
    """Takes a dangerous value for no danger while `blind(role, value, now)` says so."""

    commanded_s = idle_since_s = float("-inf")
    now_s = 0.0

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self.last: dict[str, list[tuple[float, float]]] = {}
        sound = self.parts.trip.judge

        def judge(role: str, value: float) -> str | None:
            why = sound(role, value)
            return None if why is not None and self.blind(role, value, self.now_s) else why

        self.parts.trip.judge = judge  # type: ignore[method-assign]

    def blind(self, role: str, value: float, now_s: float) -> bool:
        raise NotImplementedError

    def command(self, command: Command, now_s: float) -> Reply:
        stood = self.request_w == 0
        if isinstance(command, SetPower):
            self.commanded_s = now_s
            self.idle_since_s = now_s if stood else self.idle_since_s
        return super().command(command, now_s)

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        for role in (HOTTEST, make.STRINGS):
            if role in frame.values:
                kept = [one for one in self.last.get(role, []) if now_s - one[0] <= RECENT_S]
                self.last[role] = [*kept, (now_s, frame.values[role])]
        self.now_s = now_s
        return super().on_frame(frame, now_s)

    def quantity(self, name: str, role: str, value: float, now_s: float) -> float | None:
        """The quantity of this name now, None where it says nothing about this value."""
        match name:
            case "power_w":
                return abs(self.request_w)
            case "soc_pct":
                return self.pack.get("soc")
            case "pack_c":
                return self.pack.get("cell_temperature_min")
            case "since_command_s":
                return now_s - self.commanded_s
            case "idle_s":
                return now_s - self.idle_since_s
            case "to_c":
                return value if role == HOTTEST else None
            case "to_mv":
                return 1e3 * value if role == make.STRINGS else None
        raise BenchError(f"blind_where_{name}", "no such quantity", f"there are: {', '.join(QUANTITIES)}")


QUANTITIES = ("power_w", "soc_pct", "pack_c", "since_command_s", "idle_s", "to_c", "to_mv")


def window(name: str, low: float, high: float) -> Callable[[EmsSettings], Ems]:
    """A controller that is blind while this quantity lies from `low` to `high`."""

    class Windowed(Blind):
        def blind(self, role: str, value: float, now_s: float) -> bool:
            found = self.quantity(name, role, value, now_s)
            return found is not None and low <= found <= high

    Windowed.__module__ = __name__
    return Windowed


def of_name(name: str) -> make.Factory | None:
    """The controller of a name such as blind_where_soc_pct_from_60_to_100; None for any other name."""
    found = re.fullmatch(r"blind_where_(\w+)_from_([0-9.]+)_to_([0-9.]+)", name)
    return window(found[1], float(found[2]), float(found[3])) if found and found[1] in QUANTITIES else None
