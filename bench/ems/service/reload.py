"""limits.conf and thermal-policy.json: read at the start, and again when an operator asks for it, both or none."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from v2g_bench.ems.model.config import EmsConfig, FilesConfig
from v2g_bench.ems.model.limits import SocLimits, load_limits
from v2g_bench.ems.model.thermal_policy import ThermalPolicy, load_policy
from v2g_bench.ems.ports.aside import Aside
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import present

READ_S = 2.0  # together with the entry in the audit trail less than the commands' patience

Settings = tuple[SocLimits, ThermalPolicy]


def load_files(config: EmsConfig) -> Settings:
    """Both files, checked; a file that is not there leaves its defaults. Raises: BenchError."""
    return _load(config.files)[0]


def _load(files: FilesConfig, before: tuple[Path, ...] = ()) -> tuple[Settings, tuple[Path, ...]]:
    """The settings of both files, and which of them exist. before: those that must exist."""
    there = tuple(path for path in (files.limits, files.thermal_policy) if present(path))
    for path in before:
        if path not in there:
            # A file that was read and is missing now is a mistake, not the wish for the defaults.
            raise BenchError(
                str(path), "is not there any more", "put it back; to go by the defaults, restart the daemon"
            )
    limits = load_limits(files.limits) if files.limits in there else SocLimits()
    policy = load_policy(files.thermal_policy) if files.thermal_policy in there else ThermalPolicy()
    return (limits, policy), there


class Reloader:
    """Reloads both files, outside the loop and within a bounded time."""

    def __init__(self, config: EmsConfig, aside: Aside) -> None:
        self._files, self._aside = config.files, aside
        self._there = tuple(path for path in (self._files.limits, self._files.thermal_policy) if present(path))

    async def read(self) -> Settings:
        """The settings of both files now. Raises: BenchError; then those in force stay in force."""
        files = self._files
        where = f"{files.limits}, {files.thermal_policy}"
        try:
            settings, self._there = await self._aside.run(partial(_load, files, self._there), READ_S)
        except TimeoutError as error:
            raise BenchError(where, f"cannot be read: {error}", "does their disk or network mount hang?") from error
        except BenchError:
            raise
        except Exception as error:
            raise BenchError(where, f"cannot be read: {error!r}", "correct the file") from error
        return settings


class Repeated:
    """Work that any number of signals ask for: those that come while it is done are one more time after it."""

    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self._work = work
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> "asyncio.Task[None] | None":
        """To be done, once after this moment; the task where a new one had to be made for it."""
        self._wanted = True
        if self._task is not None and not self._task.done():
            return None
        self._task = asyncio.create_task(self._run())
        return self._task

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            await self._work()
