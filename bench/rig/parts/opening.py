"""How any rig is opened and closed: step by step, and in the reverse order, each part on its own.

Whoever opens a rig names its `steps`; a part that is open registers with `_later` how it is closed. What failed to close is one
error at the end. Every rig begins with the database of its BMS. Each part is a small object of its own that is made with the
rig, and filled by its step: what is asked of it before that is a BenchError.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import LoadedRig

FIRST_FRAME_S = 5.0

T = TypeVar("T")
Later = Callable[[str, Callable[[], None]], None]  # (name, close): how a part that has been opened is closed

# What every conformance test stands on; further roles are asked for by the tests that need them.
NEEDED_ROLES = (
    "cell_temperature_max",
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
    """The parts of one rig. `with` opens all of them or none."""

    def __init__(self, loaded: LoadedRig) -> None:
        self.loaded = loaded
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

    def _later(self, name: str, close: Callable[[], None]) -> None:
        """Remember how to close a part."""
        self._closers.append((name, close))

    def _troubles(self) -> list[str]:
        """Further errors that have to be reported when all is closed."""
        return []


def opened(part: T | None, name: str) -> T:
    """A part that its step has opened; BenchError before that."""
    if part is None:
        raise BenchError(name, "is not open", "open the rig, or the step of this part")
    return part


def roles_of(loaded: LoadedRig) -> dict[str, Any]:
    """Role -> signal of the rig's BMS, from the rig file or the file that it names."""
    bms = loaded.rig.bms
    if isinstance(bms.roles, str):
        return read_roles(loaded.resolve(bms.roles, "bms.roles"))
    return {role: signal if isinstance(signal, str) else signal.model_dump() for role, signal in bms.roles.items()}


def open_database(loaded: LoadedRig) -> tuple[BusDatabase, str]:
    """The database of the rig's BMS with its roles, and what it is in words; BenchError without a needed role."""
    path, roles = loaded.resolve(loaded.rig.bms.dbc, "bms.dbc"), roles_of(loaded)
    db = BusDatabase.load(path, roles)
    db.require(NEEDED_ROLES)
    return db, f"{path}, {len(db.messages)} messages, {len(roles)} roles"
