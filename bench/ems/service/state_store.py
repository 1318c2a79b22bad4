"""What the controller keeps over a restart: its latches, the operator's plans, and whether the last run ended cleanly.

    {"trip": …, "noise": …, …, "plans": {…}, "run": {"clean": false, "starts": 7, "crashes": 1}}

`run.clean` is false while the controller runs and true only after it has gone to zero power and closed everything. A
start that finds it false follows a crash or a power cut; a trip is a latch and has nothing to do with it.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from v2g_bench.ems.model.actions import Level, LogLine
from v2g_bench.ems.ports.aside import Worker
from v2g_bench.ems.service.state_file import save_state

_RETRY_S = 2.0
_SAVE_S = 5.0  # a disk that has not written it by then is reported as hanging


class StateStore:
    """Writes the state in a thread, because a disk may take its time: never two at once, the newest last, and again
    until the disk takes it. path None: nothing is kept.
    """

    def __init__(self, path: Path | None, kept: Mapping[str, Any], on_log_line: Callable[[LogLine], None]) -> None:
        self._path, self._on_log_line, self._aside = path, on_log_line, Worker("state")
        run = kept.get("run") or {}
        self.crashed = run.get("clean") is False
        self.starts = int(run.get("starts", 0)) + 1
        self.crashes = int(run.get("crashes", 0)) + self.crashed
        self._state = {key: value for key, value in kept.items() if key != "run"}
        self._clean = False
        self._due = False
        self._work: asyncio.Task[None] | None = None
        self._failed = False

    @property
    def run(self) -> dict[str, Any]:
        """For the status: how often it was started, and how often the run before had crashed."""
        kept = self._path is not None
        return {"starts": self.starts, "crashes": self.crashes, "after_crash": self.crashed, "kept": kept}

    def keep(self, **changes: Any) -> None:
        """Write these changes of the state as soon as possible."""
        self._state.update(changes)
        self._due = True
        if self._path is not None and self._work is None:
            self._work = asyncio.create_task(self._write(self._path))

    async def end(self, *, clean: bool, timeout_s: float = 2.0) -> None:
        """The end of the run: kept when this returns, or given up after the timeout."""
        self._clean = clean
        self.keep()
        if (work := self._work) is not None:
            await asyncio.wait({work}, timeout=timeout_s)
            work.cancel()

    async def _write(self, path: Path) -> None:
        try:
            while self._due:
                self._due = False
                run = {"clean": self._clean, "starts": self.starts, "crashes": self.crashes}
                try:
                    await self._aside.run(partial(save_state, path, self._state | {"run": run}), _SAVE_S)
                except OSError as error:  # a timeout is one, too
                    self._due = True
                    if not self._failed:
                        text = f"{path}: the latches cannot be kept over a restart: {error}; trying again"
                        self._on_log_line(LogLine(Level.ERROR, "-", text))
                    self._failed = True
                    await asyncio.sleep(_RETRY_S)
                    continue
                if self._failed:
                    self._failed = False
                    self._on_log_line(LogLine(Level.INFO, "-", f"{path}: the latches are kept again"))
        finally:
            self._work = None
