"""How any rig is opened and closed: step by step, and in the reverse order, each part on its own.

Whoever opens a rig names its `steps`; a part that is open registers with `_later` how it is closed. What failed to close is one
error at the end. Every rig begins with the database of its BMS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import CurrentDigitizer, PowerAnalyzer
from v2g_bench.rig.file.load import LoadedRig

FIRST_FRAME_S = 5.0

# What every conformance test stands on; further roles are asked for by the tests that need them.
NEEDED_ROLES = (
    "cell_temperature_max",
    "string_voltage_difference",
    "soc",
    "pack_voltage",
    "pack_current",
    "contactor_state",
    "contactor_request",
)


@dataclass(frozen=True)
class Step:
    """One part's opening: `open` opens it and says who it is; `needs` names the parts that must be open before."""

    part: str
    open: Callable[[], object]
    needs: tuple[str, ...] = ()


class Opening:
    """The parts of one rig. `with` opens all of them or none. runtime: the folder of its sockets and state."""

    runtime: Path

    def __init__(self, loaded: LoadedRig) -> None:
        self.loaded = loaded
        self.meters: dict[str, Any] = {}
        self._closers: list[tuple[str, Callable[[], None]]] = []

    def steps(self) -> list[Step]:
        """What opening this rig consists of, in order."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            for step in self.steps():
                step.open()
        except BaseException:
            self.close(quiet=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(quiet=error is not None)

    def close(self, *, quiet: bool = False) -> None:
        """Close everything that is open, the last first; BenchError with all that failed (unless quiet)."""
        failed, interrupted = [], None
        while self._closers:
            name, closer = self._closers.pop()
            try:
                closer()
            except Exception as error:  # noqa: BLE001  (the parts after this one must be closed whatever it was)
                failed.append(f"{name}: {error}")
            except BaseException as error:  # noqa: BLE001  (Ctrl-C, or a test's timeout: it waits until all are closed)
                failed.append(f"{name}: interrupted")
                interrupted = error
        failed += self._troubles()
        if interrupted is not None:
            raise interrupted
        if failed and not quiet:
            raise BenchError(f"rig {self.loaded.rig.name}", "not all parts closed: " + "; ".join(failed))

    @property
    def digitizer(self) -> CurrentDigitizer:
        """The meter that records the DC current."""
        return cast(CurrentDigitizer, self.meters["dc_current"])

    @property
    def analyzer(self) -> PowerAnalyzer:
        """The meter of the AC power."""
        return cast(PowerAnalyzer, self.meters["ac_power"])

    def _later(self, name: str, close: Callable[[], None]) -> None:
        """Remember how to close a part."""
        self._closers.append((name, close))

    def _troubles(self) -> list[str]:
        """Further errors that have to be reported when all is closed."""
        return []

    def _open_database(self) -> str:
        bms = self.loaded.rig.bms
        path = self.loaded.resolve(bms.dbc, "bms.dbc")
        if isinstance(bms.roles, str):
            self.roles = read_roles(self.loaded.resolve(bms.roles, "bms.roles"))
        else:
            self.roles = {
                role: signal if isinstance(signal, str) else signal.model_dump() for role, signal in bms.roles.items()
            }
        self.db = BusDatabase.load(path, self.roles)
        self.db.require(NEEDED_ROLES)
        return f"{path}, {len(self.db.messages)} messages, {len(self.roles)} roles"
