"""The CAN face of the controller: frames are checked, decoded and handed to the core the moment they are readable.

closed --(opened)--> open --(interface or hub lost)--> closed (retried after a growing pause)
"""

import asyncio
from collections.abc import Callable

import can

from v2g_bench.can.buses import open_bus
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import E2EConfig, E2EReceiver, E2EStatus
from v2g_bench.ems.model.actions import Frame, Level, LogLine, Quality, SendFrame
from v2g_bench.ems.model.config import BusConfig
from v2g_bench.ems.ports.aside import Worker

_BATCH = 256  # frames per turn of the event loop
_SEND_TIMEOUT_S = 0.002
_SEND_PATIENCE_S = 0.5
_BACKOFF_MIN_S, _BACKOFF_MAX_S = 0.1, 5.0


class CanPort:
    """heard: called with each frame of the BMS, must not raise; lost: with the reason when the bus is lost; said: for the
    log.
    """

    def __init__(
        self,
        config: BusConfig,
        db: BusDatabase,
        received: Callable[[Frame], None],
        lost: Callable[[str], None],
        on_log_line: Callable[[LogLine], None],
    ) -> None:
        self._config, self._db = config, db
        self._received, self._lost, self._on_log_line = received, lost, on_log_line
        self._from_bms = {spec.name for spec in db.senders("BMS")}
        e2e = E2EConfig(max_delta=config.max_delta)
        self._receivers = {spec.name: E2EReceiver(spec.e2e.data_id, e2e) for spec in db.messages.values() if spec.e2e}
        self._counters: dict[str, int] = {}
        self._bus: can.BusABC | None = None
        self._fd = -1
        self._closed = False
        self._aside: Worker | None = None  # made when it is needed: a campaign copies a port that needs none
        self._retry: asyncio.TimerHandle | None = None
        self._backoff_s = _BACKOFF_MIN_S
        self._problem = ""
        self._failing_since_s: float | None = None

    def open(self) -> None:
        """Open the bus; on failure report it once and retry later, outside the loop: a driver may read files, or hang."""
        self._take_up(self._attempt())

    def _open_again(self) -> None:
        loop = asyncio.get_running_loop()
        self._aside = self._aside or Worker("CAN")

        def attempt() -> None:
            loop.call_soon_threadsafe(self._take_up, self._attempt())

        self._aside.give(attempt)

    def _attempt(self) -> can.BusABC | Exception:
        config = self._config
        try:
            return open_bus(
                config.interface,
                config.channel,
                fd=config.fd,
                bitrate=config.bitrate,
                data_bitrate=config.data_bitrate,
                own_echo=False,
            )
        except Exception as error:  # noqa: BLE001  (any exception of a driver leads to a retry)
            return error

    def _take_up(self, found: can.BusABC | Exception) -> None:
        """Go on with the bus that was opened, or try again later."""
        name = f"CAN {self._config.interface} {self._config.channel}"
        try:
            if isinstance(found, Exception):
                raise found
            if self._closed:
                found.shutdown()
                return
            self._fd = found.fileno()
            asyncio.get_running_loop().add_reader(self._fd, self.drain)
        except Exception as error:  # noqa: BLE001  (see `_attempt`)
            self._report(f"{name} cannot be opened: {error}")
            self._later()
            return
        self._bus, self._failing_since_s = found, None
        if self._problem:
            self._problem, self._backoff_s = "", _BACKOFF_MIN_S
            self._on_log_line(LogLine(Level.INFO, "-", f"{name} is open"))

    def drain(self) -> None:
        """Hand on everything that waits in the receive buffer."""
        bus = self._bus
        if bus is None:
            return
        try:
            for _ in range(_BATCH):
                message = bus.recv(0)
                if message is None:
                    return
                self._take(message)
                if self._bus is not bus:
                    return
        except Exception as error:  # noqa: BLE001  (what a driver or a frame does, the bus has failed)
            self._lose(str(error) if isinstance(error, (can.CanError, OSError)) else repr(error))

    def send(self, frame: SendFrame) -> None:
        """Send one frame with the next counter of its message. Never raises: a bus that takes nothing is given up."""
        bus = self._bus
        if bus is None:
            return
        counter = self._counters[frame.message] = (self._counters.get(frame.message, -1) + 1) & 0xFF
        now_s = asyncio.get_running_loop().time()
        try:
            bus.send(self._db.encode(frame.message, frame.values, counter), timeout=_SEND_TIMEOUT_S)
            self._failing_since_s = None
        except (can.CanError, OSError) as error:
            self._failing_since_s = self._failing_since_s or now_s
            self._report(f"{frame.message} cannot be sent: {error}")
            if now_s - self._failing_since_s > _SEND_PATIENCE_S:
                self._lose(str(error))
        except Exception as error:  # noqa: BLE001  (the others must go out)
            self._report(f"{frame.message} cannot be built: {error}")

    def close(self) -> None:
        """Leave the bus for good."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._release()

    def _take(self, message: can.Message) -> None:
        if message.is_error_frame or message.is_remote_frame:
            return
        spec = self._db.by_id(message.arbitration_id, message.is_extended_id)
        if spec is None or spec.name not in self._from_bms:
            return
        quality = self._judge(message, spec)
        self._received(Frame(spec.name, self._db.decode(message), quality))

    def _judge(self, message: can.Message, spec: MessageSpec) -> Quality:
        if len(message.data) < spec.length:
            return Quality.BAD
        receiver = self._receivers.get(spec.name)
        if receiver is None:
            return Quality.GOOD
        status = receiver.on_frame(message.data)
        if status.good:
            return Quality.GOOD
        return Quality.REPEATED if status is E2EStatus.REPEATED else Quality.BAD

    def _lose(self, why: str) -> None:
        self._release()
        self._report(f"CAN {self._config.interface} {self._config.channel} is gone: {why}")
        self._lost(f"the CAN bus is gone: {why}")
        self._later()

    def _later(self) -> None:
        self._retry = asyncio.get_running_loop().call_later(self._backoff_s, self._open_again)
        self._backoff_s = min(2 * self._backoff_s, _BACKOFF_MAX_S)

    def _release(self) -> None:
        bus, self._bus = self._bus, None
        if bus is None:
            return
        asyncio.get_running_loop().remove_reader(self._fd)
        try:
            bus.shutdown()
        except (can.CanError, OSError) as error:
            self._report(f"the CAN bus could not be closed: {error}")

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._on_log_line(LogLine(Level.ERROR, "-", problem))
