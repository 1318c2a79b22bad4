"""The process around the core: sockets, timer, signals, files. It decides nothing.

One turn: what is readable goes to the core, the actions are carried out in order (a stop is on the wire before
anything is logged), and a timer calls `tick` at the time the core asked for. No file is read or written in that loop:
see `aside`.

    running --(SIGTERM)--> closing --> ended, 0
    running --(an unforeseen error, anywhere)--> failed --> closing --> ended, 70

A core that has failed is not asked any more: the power is stopped and the contactors are asked open without it, again and
again until the process has ended. Each step of the end is done, also when the one before has failed.
"""

import asyncio
import gc
import logging
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from v2g_bench import __version__
from v2g_bench.can.database import BusDatabase
from v2g_bench.clock import Clock, RealClock
from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.peers import Peer
from v2g_bench.ems.model.actions import Level, LogLine, SendFrame
from v2g_bench.ems.model.commands import Shutdown
from v2g_bench.ems.model.config import EmsConfig
from v2g_bench.ems.ports.aside import Worker
from v2g_bench.ems.ports.can_port import CanPort
from v2g_bench.ems.ports.inverter import InverterPort
from v2g_bench.ems.service.control import ControlServer, Request, Who
from v2g_bench.ems.service.core_shell import CoreShell
from v2g_bench.ems.service.diagnosis import Diagnosis, ProcessReader
from v2g_bench.ems.service.log import LibraryLog, Log, MainLog
from v2g_bench.ems.service.notify import Notifier
from v2g_bench.ems.service.reload import Repeated
from v2g_bench.ems.service.requests import Requests
from v2g_bench.ems.service.state_store import StateStore

_STOP_TIMEOUT_S = 0.7
_CLOSE_S = 3.0
_OPEN_AGAIN_S = 0.02
_GARBAGE = 20_000  # objects between collections; the default of 700 costs 0.4 % of a core at 350 frames/s
_EXIT_SOFTWARE = 70  # sysexits: an internal error


class Service:
    """Runs one controller until a signal ends it. kept: the state of the run before; peers: see `peers`."""

    def __init__(
        self,
        config: EmsConfig,
        db: BusDatabase,
        ems: Ems,
        kept: Mapping[str, Any] | None = None,
        peers: Sequence[Peer] = (),
        clock: Clock | None = None,
    ) -> None:
        self._ems = ems
        self._clock = clock or RealClock()
        files = config.files
        self._terminal = Worker("terminal")
        self._log = Log(MainLog(files.log, files.log_max_bytes, files.log_keep), self._terminal)
        self._state_store = StateStore(config.files.state, kept or {}, self._log_line)
        self._plans = dict(kept or {}).get("plans") or {}
        self._core = core = CoreShell(ems, self._clock.now_s, self._stop_after_failure)
        self._can = CanPort(config.bus, db, core.on_frame, core.lose_bus, self._log_line)
        self._inverter = InverterPort(config.inverter, core.on_inverter, self._log_line)
        core.connect(self._inverter, self._can, self._state_store, self._log_line)
        self._requests = Requests(config, ems, self._clock, self._state_store, core.command, self._log_line)
        self._reloads = Repeated(partial(self._requests.reload, {"user": "SIGHUP"}))
        self._control = ControlServer(config.control.socket, self._answer)
        codes = ProcessReader(config.bus, config.diagnosis)
        self._diagnosis = Diagnosis(config.diagnosis, ems, self._clock.now_s, codes.ask, core.act, self._log_line)
        self._requests.codes = lambda: self._diagnosis.latest
        self._peers = peers
        self._tasks: list[asyncio.Task[Any]] = []
        self._notifier = Notifier()
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit status. Raises: BenchError when the control socket cannot be opened."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unforeseen)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        logging.getLogger().addHandler(LibraryLog(self._log))
        logging.captureWarnings(True)
        await self._control.start()
        self._greet()
        # What exists now stays for good: no collection visits it again, so they stay short. Some 700 objects of it are
        # garbage; to find them takes 22 ms, and a controller protects nothing until it runs.
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        gc.enable()
        self._inverter.start()
        self._tasks = [asyncio.create_task(self._diagnosis.run())]
        self._tasks += [asyncio.create_task(peer.run(self._core.on_peer, self._core.command)) for peer in self._peers]
        for task in (*self._inverter.tasks, *self._tasks):
            task.add_done_callback(self._task_ended)
        self._can.open()
        self._tick()
        self._log_line(LogLine(Level.INFO, "-", f"v2g-daemon {__version__} started, process {os.getpid()}"))
        self._terminal.give(partial(os.write, 1, b"ready\n"))
        self._notifier.ready()
        await self._ended.wait()
        await self._shut_down()
        return _EXIT_SOFTWARE if self._core.failed else 0

    def _greet(self) -> None:
        """Report what the run before has left."""
        run = self._state_store.run
        if run["after_crash"]:
            text = f"the run before ended by a crash or a power cut, {run['crashes']} so far; its latches still hold"
            self._log_line(LogLine(Level.ERROR, "CRASH_RESTART", text))
        trail = self._requests.trail
        if trail is not None and trail.problem:
            self._log_line(LogLine(Level.ERROR, "AUDIT_BROKEN", f"{trail.problem}; v2g-ctrl audit --verify shows all"))
        self._requests.restore_plans(self._plans)
        self._state_store.keep()

    async def _shut_down(self) -> None:
        """Zero power, inverter stopped, contactors asked open; then everything is closed, each on its own."""
        self._notifier.stopping()
        self._core.command(Shutdown())
        self._inverter.stop()
        if not await self._inverter.stopped(_STOP_TIMEOUT_S):
            self._log_line(LogLine(Level.ERROR, "-", "the inverter has not acknowledged the last stop"))
        await self._core.opened()
        if self._timer is not None:
            self._timer.cancel()
        self._core.tick()
        if self._core.failed:
            self._open_contactors()
        await self._closed("tasks", self._end_tasks)
        await self._closed("control socket", self._control.close)
        await self._closed("inverter", self._inverter.close)
        await self._closed("CAN", self._close_can)
        await self._closed("state", lambda: self._state_store.end(clean=not self._core.failed))
        self._log_line(LogLine(Level.INFO, "-", "v2g-daemon ended"))
        await self._log.close()

    async def _closed(self, what: str, close: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await close()
        except Exception as error:  # noqa: BLE001  (what comes after it must be closed, too)
            self._log_line(LogLine(Level.ERROR, "-", f"{what} could not be closed: {error!r}"))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close_can(self) -> None:
        self._can.close()

    # In

    async def _answer(self, request: Request, who: Who) -> Request:
        try:
            return await self._requests.answer(request, who)
        except Exception as error:  # noqa: BLE001  (no question may end the controller)
            text = f"this cannot be answered: {error!r:.200}"
            self._log_line(LogLine(Level.ERROR, "-", f"a request of {who.get('user', '?')} failed: {error!r:.200}"))
            return {"ok": False, "text": text}

    def _reload(self) -> None:
        if (task := self._reloads.ask()) is not None:
            task.add_done_callback(self._task_ended)
            self._tasks = [*(known for known in self._tasks if not known.done()), task]

    def _tick(self) -> None:
        # Frames first: when this process itself was held up, what waits in the buffer is not silence.
        self._can.drain()
        self._core.tick()
        due_s = _OPEN_AGAIN_S
        if self._core.failed:
            self._open_contactors()
        else:
            now_s = self._clock.now_s()
            self._notifier.alive(now_s)
            due_s = self._ems.next_due_s(now_s) - self._clock.now_s()
        self._timer = asyncio.get_running_loop().call_later(max(0.0005, due_s), self._tick)

    # Out

    def _log_line(self, line: LogLine) -> None:
        self._log.write(line, self._clock.now_s())

    # Unforeseen errors

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._core.fail("a task of the service", error)

    def _unforeseen(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._core.fail(str(context.get("message")), context.get("exception"))

    def _stop_after_failure(self, what: str, error: BaseException | None, first: bool) -> None:
        """Inverter stopped and contactors open at once; the process ends when the inverter has acknowledged it."""
        self._make_safe()
        self._ended.set()
        text = f"internal error, stopping: {what}: {error!r}"
        self._log_line(LogLine(Level.ERROR, "-", text))
        if first:
            self._log.tell(f"v2g-daemon: {text}\n")
        if first and error is not None:
            # Made outside the loop: a traceback reads the sources.
            self._log.tell(lambda: "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace"))

    def _make_safe(self) -> None:
        """Power stopped and contactors asked open, without the core."""
        for step in (self._inverter.stop, self._open_contactors):
            try:
                step()
            except Exception as error:  # noqa: BLE001  (the other step must be done, too)
                self._log_line(LogLine(Level.ERROR, "-", f"the safe state could not be asked for: {error!r}"))

    def _open_contactors(self) -> None:
        """The frame that asks for them, all zero."""
        plan = self._ems.settings.plan
        self._can.send(SendFrame(plan.command, dict.fromkeys(plan.roles_sent[plan.command], 0.0)))
