"""The process around the core: sockets, timer, signals, files. It decides nothing.

One turn: what is readable goes to the core, what comes back is carried out in order (a stop is on the wire before
anything is logged), and a timer calls `tick` at the time the core asked for. An error that nobody foresaw stops the
inverter and ends the process.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from v2g_bench import __version__
from v2g_bench.can.database import BusDatabase
from v2g_bench.clock import Clock, RealClock
from v2g_bench.ems.actions import (
    Action,
    Frame,
    InverterReading,
    Level,
    LogLine,
    SaveState,
    SendFrame,
    SetInverterPower,
    StopInverter,
)
from v2g_bench.ems.canport import CanPort
from v2g_bench.ems.commands import Command, Reload, ResetSocOffset, ResetTrip, SetPower, Shutdown
from v2g_bench.ems.config import EmsConfig
from v2g_bench.ems.control import ControlServer
from v2g_bench.ems.core import Ems
from v2g_bench.ems.inverter import InverterPort
from v2g_bench.ems.limits import SocLimits, load_limits
from v2g_bench.ems.log import MainLog
from v2g_bench.ems.state import save_state
from v2g_bench.ems.status import health_of, status_of
from v2g_bench.ems.thermal import ThermalPolicy, load_policy
from v2g_bench.errors import BenchError

_STOP_TIMEOUT_S = 0.7
_EXIT_SOFTWARE = 70  # sysexits: an internal error


def load_files(config: EmsConfig) -> tuple[SocLimits, ThermalPolicy]:
    """Both files, checked; a file that is not there leaves its defaults. Raises: BenchError."""
    limits, policy = config.files.limits, config.files.thermal_policy
    return (
        load_limits(limits) if limits.exists() else SocLimits(),
        load_policy(policy) if policy.exists() else ThermalPolicy(),
    )


class Service:
    """Runs one controller until a signal ends it."""

    def __init__(self, config: EmsConfig, db: BusDatabase, ems: Ems, clock: Clock | None = None) -> None:
        self._config, self._ems = config, ems
        self._clock = clock or RealClock()
        self._log = MainLog(config.files.log)
        self._can = CanPort(config.bus, db, self._hear, self._lose_bus, self._say)
        self._inverter = InverterPort(config.inverter, self._hear_inverter, self._say)
        self._control = ControlServer(config.control.socket, self._request)
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Future[None] | None = None
        self._to_save: Mapping[str, Any] | None = None
        self._exit_status = 0

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit status. Raises: BenchError when the control socket cannot be opened."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unforeseen)
        await self._control.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        self._say(LogLine(Level.INFO, "-", f"v2g-daemon {__version__} started, process {os.getpid()}"))
        self._inverter.start()
        for task in self._inverter.tasks:
            task.add_done_callback(self._task_ended)
        self._can.open()
        self._tick()
        # What lives now lives for good: later collections need not look at it again, so they stay short.
        gc.collect()
        gc.freeze()
        print("ready", flush=True)
        await self._ended.wait()
        await self._shut_down()
        return self._exit_status

    async def _shut_down(self) -> None:
        """Zero power, inverter stopped, contactors asked open; then everything is closed, each on its own."""
        self._act(self._ems.command(Shutdown(), self._clock.now_s()).actions)
        self._inverter.stop()
        if not await self._inverter.stopped(_STOP_TIMEOUT_S):
            self._say(LogLine(Level.ERROR, "-", "the inverter has not acknowledged the last stop"))
        if self._timer is not None:
            self._timer.cancel()
        self._act(self._ems.tick(self._clock.now_s()))
        await self._control.close()
        await self._inverter.close()
        self._can.close()
        while self._saving is not None:
            await self._saving
        self._say(LogLine(Level.INFO, "-", "v2g-daemon ended"))
        self._log.close()

    # In

    def _hear(self, frame: Frame) -> None:
        self._act(self._ems.hear(frame, self._clock.now_s()))

    def _hear_inverter(self, reading: InverterReading) -> None:
        self._act(self._ems.hear_inverter(reading, self._clock.now_s()))

    def _lose_bus(self, why: str) -> None:
        self._act(self._ems.lose_bus(why, self._clock.now_s()))

    def _tick(self) -> None:
        # Frames first: when this process itself was held up, what waits in the buffer is not silence.
        self._can.drain()
        now_s = self._clock.now_s()
        self._act(self._ems.tick(now_s))
        due_s = self._ems.next_due_s(now_s) - self._clock.now_s()
        self._timer = asyncio.get_running_loop().call_later(max(0.0005, due_s), self._tick)

    # Out

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case StopInverter():
                    self._inverter.stop()
                case SetInverterPower(power_w):
                    self._inverter.set_power(power_w)
                case SendFrame():
                    self._can.send(action)
                case LogLine():
                    self._say(action)
                case SaveState(latches):
                    self._save(latches)

    def _say(self, line: LogLine) -> None:
        self._log.write(line, self._clock.now_s())

    def _save(self, latches: Mapping[str, Any]) -> None:
        """In a thread, because a disk may take its time; never two at once, and the newest always last."""
        self._to_save = latches
        path = self._config.files.state
        if path is not None and self._saving is None:
            self._saving = asyncio.ensure_future(self._save_all(path))

    async def _save_all(self, path: Path) -> None:
        while self._to_save is not None:
            latches, self._to_save = self._to_save, None
            try:
                await asyncio.to_thread(save_state, path, latches)
            except OSError as error:
                self._say(LogLine(Level.ERROR, "-", f"{path}: the latches cannot be kept over a restart: {error}"))
        self._saving = None

    # Operator

    async def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"cmd": "status"}:
                return {"ok": True, "text": "", **status_of(self._ems, self._clock.now_s())}
            case {"cmd": "health"}:
                return {"ok": True, "text": "", **health_of(self._ems)}
            case {"cmd": "set_power", "power_w": float() | int() as power_w} if not isinstance(power_w, bool):
                return self._command(SetPower(float(power_w)))
            case {"cmd": "reset_trip"}:
                return self._command(ResetTrip())
            case {"cmd": "reset_soc_offset"}:
                return self._command(ResetSocOffset())
            case {"cmd": "reload"}:
                return self._reload()
        return {"ok": False, "text": f"unknown command: {str(request)[:200]}"}

    def _command(self, command: Command) -> dict[str, Any]:
        reply = self._ems.command(command, self._clock.now_s())
        self._act(reply.actions)
        return {"ok": reply.ok, "text": reply.text, **reply.data}

    def _reload(self) -> dict[str, Any]:
        """Both files or none: a broken one leaves everything as it was."""
        try:
            limits, policy = load_files(self._config)
        except BenchError as error:
            self._say(LogLine(Level.ERROR, "-", f"reload refused, the old limits stay in force: {error}"))
            return {"ok": False, "text": str(error)}
        return self._command(Reload(limits, policy))

    # What must not happen

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._unforeseen(asyncio.get_running_loop(), {"message": "inverter task", "exception": error})

    def _unforeseen(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._inverter.stop()
        self._exit_status = _EXIT_SOFTWARE
        self._ended.set()
        text = f"internal error, stopping: {context.get('message')}: {context.get('exception')!r}"
        self._say(LogLine(Level.ERROR, "-", text))
        print(f"v2g-daemon: {text}", file=sys.stderr, flush=True)
        loop.default_exception_handler(context)
