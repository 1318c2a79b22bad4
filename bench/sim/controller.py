"""The reference controller in a simulation: its core, its CAN face and its Modbus side as they are, no process.

What is left out of its shell: the process and its start time, the control socket (the command lines are parsed and
answered as they stand, see `desk`), the state file (kept in memory), the process that reads trouble codes (see
`diagnosis`), and peers. Its computing takes no time.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import can

import v2g_bench.ems
from v2g_bench import __version__
from v2g_bench.can.database import BusDatabase
from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import (
    InverterReading,
    Level,
    LogLine,
)
from v2g_bench.ems.model.bus_plan import plan_bus
from v2g_bench.ems.model.commands import Shutdown
from v2g_bench.ems.model.config import EmsConfig, load_config
from v2g_bench.ems.ports.can_port import CanPort
from v2g_bench.ems.ports.inverter import InverterPort
from v2g_bench.ems.service.core_shell import CoreShell
from v2g_bench.ems.service.daemon import core_factory
from v2g_bench.ems.service.diagnosis import Diagnosis
from v2g_bench.ems.service.reload import load_files
from v2g_bench.rig.dut.controller import Controller, Reply
from v2g_bench.rig.file.model import Dut
from v2g_bench.sim.bus import SimBus
from v2g_bench.sim.command_lines import SimOperatorShell, SimStateStore
from v2g_bench.sim.diagnosis import SimReader
from v2g_bench.sim.loop import SimLoop
from v2g_bench.sim.timeline import WALL_EPOCH_S, Event, Timeline

STOP_S = 0.7
GONE = 2
NEVER_S = 3600.0  # a core that wants no tick is looked at again after this long


class SimCanPort(CanPort):
    """The controller's CAN face on the simulated bus."""

    def join(self, bus: SimBus) -> None:
        """Hear the bus, and send on it."""
        self._bus = cast(can.BusABC, _Sender(bus, self))
        bus.join(self, self._take)

    def leave(self, bus: SimBus) -> None:
        """Neither any more."""
        self._bus = None
        bus.leave(self)


class _Sender:
    """As much of a bus as the CAN face needs to send."""

    def __init__(self, bus: SimBus, node: object) -> None:
        self._bus, self._node = bus, node

    def send(self, message: can.Message, timeout: float | None = None) -> None:
        self._bus.send(self._node, message)


class SimEms:
    """The core with its two interfaces: inputs go to the core, the actions it returns are carried out in order.

    A core that raises has crashed: the inverter is commanded to stop, and nothing more is done (`crash` is the reason).
    """

    def __init__(
        self,
        config: EmsConfig,
        db: BusDatabase,
        ems: Ems,
        timeline: Timeline,
        loop: SimLoop,
        bus: SimBus,
        kept: dict[str, Any],
    ) -> None:
        self.ems = ems
        self.state_store = SimStateStore(kept)
        self._config, self._timeline, self._loop, self._bus = config, timeline, loop, bus
        self._log = config.files.log.open("ab", buffering=0)
        self._core = core = CoreShell(ems, timeline.now_s, self._crashed)
        self._can = SimCanPort(config.bus, db, core.on_frame, self._lose_bus, self._log_line)
        with loop.entered():
            self._inverter = InverterPort(config.inverter, self._on_inverter_reading, self._log_line)
        core.connect(self._inverter, self._can, self.state_store, self._log_line)
        self._operator_shell = SimOperatorShell(config, ems, timeline, self.state_store, core.command, self._log_line)
        codes = SimReader(config.bus, config.diagnosis, bus)
        self._diagnosis = Diagnosis(config.diagnosis, ems, timeline.now_s, codes.ask, core.act, self._log_line)
        self._operator_shell.codes = lambda: self._diagnosis.latest
        self._reading: asyncio.Task[None] | None = None
        self._event: Event | None = None
        self.crash = ""

    def start(self) -> None:
        """Connect to the bus and to the inverter."""
        self._log_line(LogLine(Level.INFO, "-", f"v2g-daemon {__version__} started, simulated"))
        with self._loop.entered():
            self._inverter.start()
            self._can.join(self._bus)
            self._reading = self._loop.create_task(self._diagnosis.run())
            self._tick()

    def stop(self) -> None:
        """Zero power, contactors asked open; then both faces are closed."""
        if not self.crash:
            self._catching(lambda: self._core.command(Shutdown()))
            self._catching(self._inverter.stop)
            self._loop.complete(self._inverter.stopped(STOP_S), 2 * STOP_S)
            self._loop.complete(self._core.opened(), STOP_S)
            self._catching(self._core.tick)
        self._end()
        self._loop.complete(self._inverter.close(), STOP_S)
        self._log_line(LogLine(Level.INFO, "-", "v2g-daemon ended"))
        self._log.close()

    def kill(self) -> None:
        """End in the middle of everything: nothing is sent and nothing is stored any more."""
        self._end()
        self._loop.complete(self._inverter.close(), STOP_S)
        self._log.close()

    def order(self, command: list[str]) -> Reply:
        """An operator's command line, and what the programs would answer."""
        replies: list[Reply] = []
        self._catching(lambda: replies.append(self._operator_shell.run(command)))
        return (
            replies[0]
            if replies and not self.crash
            else Reply(command, GONE, "", f"{command[0]}: the controller has crashed")
        )

    def _on_inverter_reading(self, reading: InverterReading) -> None:
        with self._loop.entered():
            self._core.on_inverter(reading)

    def _lose_bus(self, why: str) -> None:
        with self._loop.entered():
            self._core.lose_bus(why)

    def _tick(self) -> None:
        now_s = self._timeline.now_s()
        self._catching(self._core.tick)
        if not self.crash:
            due_s = min(max(self.ems.next_due_s(now_s), now_s + 0.0005), now_s + NEVER_S)
            self._event = self._timeline.at(due_s, self._tick)

    def _catching(self, work: Callable[[], object]) -> None:
        if self.crash:
            return
        try:
            with self._loop.entered():
                work()
        except Exception as error:  # noqa: BLE001  (see `_crashed`)
            self._core.fail("the controller", error)

    def _crashed(self, what: str, error: BaseException | None, first: bool) -> None:
        """Whatever a core under test raises is its crash, not the bench's."""
        self.crash = f"{type(error).__name__}: {error}"
        self._log_line(LogLine(Level.ERROR, "-", f"internal error, stopping: {self.crash}"))
        with self._loop.entered():
            self._inverter.stop()
        self._end()

    def _end(self) -> None:
        if self._event is not None:
            self._event.cancel()
        if self._reading is not None:
            self._reading.cancel()
        self._can.leave(self._bus)

    def _log_line(self, line: LogLine) -> None:
        """One line as v2g-main.log has them; with simulated times."""
        now_s = self._timeline.now_s()
        wall = datetime.fromtimestamp(WALL_EPOCH_S + now_s, UTC).isoformat(timespec="microseconds")
        text = " ".join(line.text.splitlines())
        self._log.write(f"{wall} {now_s:.6f} {line.level} {line.code} {text}\n".encode())


class SimController(Controller):
    """What a rig has of its controller, for a core in this process. `[dut] command` is read for --core FILE:FACTORY."""

    def __init__(
        self,
        dut: Dut,
        values: dict[str, str],
        folder: Path,
        db: BusDatabase,
        timeline: Timeline,
        loop: SimLoop,
        bus: SimBus,
    ) -> None:
        super().__init__(dut, values, folder)
        self._db, self._timeline, self._loop, self._bus = db, timeline, loop, bus
        self._config = load_config(Path(values["config"]))
        self._factory = core_factory(reference) if (reference := core_of(dut.command)) else Ems
        self._plan = plan_bus(db, self._config.thresholds.bms_timeout_s)
        self._shell: SimEms | None = None
        self._kept: dict[str, Any] = {}

    @property
    def restarts(self) -> bool:
        return True

    def start(self) -> None:
        limits, policy = load_files(self._config)
        settings = EmsSettings(self._plan, self._config.thresholds, limits, policy)
        ems = self._factory(settings)
        ems.restore(self._kept)
        self.log.mark()
        self._shell = SimEms(self._config, self._db, ems, self._timeline, self._loop, self._bus, self._kept)
        self._shell.start()
        self._has_started()

    def forget(self) -> None:
        """Delete what the previous run has stored."""
        self._kept = {}
        shutil.rmtree(self._folder / "state", ignore_errors=True)

    @property
    def ems(self) -> Ems:
        """The running core, for tests of the bench; BenchError while there is none."""
        return self._running().ems

    def alive(self) -> bool:
        return self._shell is not None and not self._shell.crash

    def require_alive(self) -> None:
        if not self.alive():
            raise self._error("is not running", self._shell.crash if self._shell else "")

    def _answer(self, name: str, words: list[str]) -> Reply:
        if not self.alive():
            return Reply(words, GONE, "", f"{words[0]}: no daemon here")
        return self._running().order(words)

    def stop(self) -> None:
        shell, self._shell = self._shell, None
        if shell is not None:
            shell.stop()

    @property
    def killable(self) -> bool:
        return True

    def kill(self) -> None:
        shell, self._shell = self._shell, None
        if shell is not None:
            shell.kill()

    @property
    def supply_switched(self) -> bool:
        return True

    def power_cycle(self) -> None:
        """What was stored is stored: a simulated disk has no cache that a loss of power empties."""
        self.kill()
        self.start()

    def program(self) -> tuple[str, str]:
        """The folder of the controller's sources, and the SHA-256 of all of them with the seeded core, if any."""
        folder = Path(v2g_bench.ems.__path__[0])
        digest = hashlib.sha256()
        core = core_of(self.dut.command).rpartition(":")[0]
        sources = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
        if core.endswith(".py"):
            sources[f"--core {Path(core).name}"] = Path(core)
        else:
            digest.update(core_of(self.dut.command).encode())
        for name, path in sorted(sources.items()):
            digest.update(name.encode() + b"\0" + path.read_bytes())
        return str(folder), digest.hexdigest()

    def version(self) -> str:
        return __version__

    def _running(self) -> SimEms:
        if self._shell is None:
            raise self._error("is not running")
        return self._shell


def core_of(command: Sequence[str]) -> str:
    """The FILE:FACTORY after --core; "" without one.

    >>> core_of(["v2g-daemon", "--config", "{config}", "--core", "mine/late.py:core"])
    'mine/late.py:core'
    """
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == "--core":
            return following
        if word.startswith("--core="):
            return word.removeprefix("--core=")
    return ""
