"""The inverter over Modbus TCP: keeps it at what the controller wants, and stops it at once.

Two connections: one works (discovery, power, polls), the other is kept free for the stop and is proven alive by the
heartbeat that it carries once a second. A stop is written on both in the very call: on the free one so that it waits
for nothing, on the working one so that it follows requests that are still under way there.

    offline --(connected, discovered, stop sent)--> online --(an error)--> offline (retried after a growing pause)

Whatever an inverter answers, neither connection's task ends: what cannot be understood is one line in the log and a lost
connection, which is opened again. The pause and the log are reset when the inverter has served for `_SETTLED_S`.
"""

import asyncio
import contextlib
from collections.abc import Callable

from v2g_bench.ems.model.actions import InverterReading, Level, LogLine
from v2g_bench.ems.model.config import InverterConfig
from v2g_bench.ems.ports import sunspec
from v2g_bench.ems.ports.modbus import ModbusError, ModbusLink, ModbusRefusal, write_request

_HEARTBEAT_S = 1.0
_BACKOFF_MIN_S, _BACKOFF_MAX_S = 0.05, 2.0
_SETTLED_S = 1.0
_REPORT_EVERY_S = 10.0  # a problem whose text differs each time is not logged each time


class InverterPort:
    """What the controller wants of the inverter (`stop`, `set_power`), and the two connections that see to it.

    heard: called with each reading, must not raise; said: called with each log line.
    """

    def __init__(
        self,
        config: InverterConfig,
        received: Callable[[InverterReading], None],
        on_log_line: Callable[[LogLine], None],
    ) -> None:
        self._config, self._received, self._on_log_line = config, received, on_log_line
        self._main: ModbusLink | None = None
        self._spare: ModbusLink | None = None
        self._map: sunspec.InverterMap | None = None
        self._wanted_w: float | None = None  # None: stopped
        self._order = 0  # counts the orders, so that an overtaken one is not carried on
        self._done = -1  # the last order that the inverter has acknowledged
        self._running = False
        self._wake = asyncio.Event()
        self._stop_done = asyncio.Event()
        self._heartbeat = 0
        self._problem = ""
        self._reported_s = self._opened_s = float("-inf")
        self._notes: set[str] = set()  # notes logged since the inverter last worked steadily
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to connect; needs a running loop."""
        self.tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_spare())]

    # Orders

    def stop(self) -> None:
        """Stop the bridge and set zero power. On the wire when this returns, if there is a connection."""
        self._wanted_w = None
        self._order += 1
        self._running = False
        self._stop_done.clear()
        for link in (self._spare, self._main):
            if link is not None and link.opened and self._map is not None:
                for pdu in self._stop_requests(self._map):
                    link.send(pdu)
        self._wake.set()

    def set_power(self, power_w: float) -> None:
        """Run at this AC power (W, positive into the battery); a newer order replaces one that is still waiting."""
        self._wanted_w = power_w
        self._order += 1
        self._wake.set()

    async def stopped(self, timeout_s: float) -> bool:
        """Whether the inverter has acknowledged the stop within this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._stop_done.wait()
        return self._stop_done.is_set()

    async def close(self) -> None:
        """End both connections."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for link in (self._main, self._spare):
            if link is not None:
                link.close()

    @staticmethod
    def _stop_requests(map_: sunspec.InverterMap) -> list[bytes]:
        zero = write_request(map_.set_address, sunspec.set_power_registers(0.0, map_.set_scale))
        if map_.operation_address is None:
            return [zero]
        return [write_request(map_.operation_address, [sunspec.STOP]), zero]

    # The working connection

    async def _work(self) -> None:
        loop, backoff_s = asyncio.get_running_loop(), _BACKOFF_MIN_S
        while True:
            self._opened_s = float("inf")
            try:
                await self._open_main()
                await self._serve()
            except ModbusError as error:
                self._report(str(error))
            except Exception as error:  # noqa: BLE001  (no answer of an inverter may end the controller)
                self._report(f"what it answers cannot be understood: {error!r}")
            finally:
                if self._main is not None:
                    self._main.close()
            if loop.time() - self._opened_s >= _SETTLED_S:
                backoff_s = _BACKOFF_MIN_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _BACKOFF_MAX_S)

    async def _open_main(self) -> None:
        config = self._config
        link = await ModbusLink.connect(config.host, config.port, config.unit_id, config.request_timeout_s)
        self._main, self._running, self._done = link, False, -1
        self._map = map_ = await sunspec.discover(link)
        if self._wanted_w is None:
            await self._carry_out(link, map_)
        if await sunspec.is_local(link, map_):
            self._note("the inverter is switched to local control (715.LocRemCtl)")
        if not await sunspec.arm_reversion(link, map_, config.revert_s):
            self._note("the inverter has no automatic fallback to zero power (704.WSetRvrtTms)")

    async def _serve(self) -> None:
        link, map_ = self._main, self._map
        assert link is not None
        assert map_ is not None
        loop = asyncio.get_running_loop()
        self._opened_s, polled_s, refreshed_s = loop.time(), float("-inf"), float("-inf")
        while True:
            self._wake.clear()
            now_s = loop.time()
            if self._done != self._order or now_s - refreshed_s >= _HEARTBEAT_S:
                refreshed_s = now_s
                await self._carry_out(link, map_)
            if now_s - polled_s >= self._config.poll_s:
                polled_s = now_s
                await self._poll(link, map_)
            if self._done == self._order:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(polled_s + self._config.poll_s):
                        await self._wake.wait()

    async def _poll(self, link: ModbusLink, map_: sunspec.InverterMap) -> None:
        reading = await sunspec.read_state(link, map_)
        if asyncio.get_running_loop().time() - self._opened_s >= _SETTLED_S:
            self._notes.clear()
            if self._problem:
                self._problem = ""
                self._log_text(Level.INFO, "the inverter answers again")
        if self._wanted_w is None and reading.state in sunspec.RUNNING_STATES:
            self._done = -1  # another client started it, or it restarted on its own
        self._received(reading)

    async def _carry_out(self, link: ModbusLink, map_: sunspec.InverterMap) -> None:
        """Bring the inverter to the newest order. An order that is overtaken on the way is left where it is."""
        order, wanted_w = self._order, self._wanted_w
        try:
            if wanted_w is None:
                for pdu in self._stop_requests(map_):
                    await link.send(pdu)
                if order == self._order:
                    self._stop_done.set()
            else:
                if abs(wanted_w) > map_.most_w:
                    self._note(f"the setpoint is limited to {map_.most_w:g} W, the largest value of 704.WSet")
                # The setpoint is also what restarts the inverter's reversion timer, so it is repeated every second.
                await link.write(map_.set_address, sunspec.set_power_registers(wanted_w, map_.set_scale))
                if order == self._order and not self._running and map_.operation_address is not None:
                    self._running = True
                    await link.write(map_.operation_address, [sunspec.START])
        except ModbusRefusal as error:
            self._running = False
            raise ModbusError(f"it refuses the setpoint: {error}") from error
        self._done = order

    # The spare connection

    async def _keep_spare(self) -> None:
        """Hold the second connection open; its heartbeat proves each second that a stop would go through."""
        reported = False
        while True:
            try:
                await self._beat()
                reported = False
            except Exception as error:  # noqa: BLE001  (see `_work`)
                if self._spare is not None and not isinstance(error, ModbusError):
                    self._spare.close()
                if not reported and self._main is not None and self._main.opened:
                    reported = True
                    why = str(error) if isinstance(error, ModbusError) else repr(error)
                    self._log_text(Level.WARNING, f"no second connection for the stop, it will use the first: {why}")
            # Before the map is known the first heartbeat should not have to wait a whole period.
            await asyncio.sleep(_HEARTBEAT_S if self._map is not None else _BACKOFF_MIN_S)

    async def _beat(self) -> None:
        """One heartbeat, on a new connection where there is none."""
        config = self._config
        if self._spare is None or not self._spare.opened:
            self._spare = await ModbusLink.connect(config.host, config.port, config.unit_id, config.request_timeout_s)
        if self._map is not None and self._map.heartbeat_address is not None:
            self._heartbeat = (self._heartbeat + 1) & 0x7FFFFFFF
            heartbeat = [self._heartbeat >> 16, self._heartbeat & 0xFFFF]
            await self._spare.write(self._map.heartbeat_address, heartbeat)

    def _report(self, problem: str) -> None:
        """Log a problem once until it is over; a different one at most every `_REPORT_EVERY_S`."""
        now_s = asyncio.get_running_loop().time()
        if problem != self._problem and (not self._problem or now_s - self._reported_s >= _REPORT_EVERY_S):
            self._problem, self._reported_s = problem, now_s
            self._log_text(Level.WARNING, f"inverter {self._config.host}:{self._config.port}: {problem}")

    def _note(self, text: str) -> None:
        """Log a lasting condition once."""
        if text not in self._notes:
            self._notes.add(text)
            self._log_text(Level.WARNING, text)

    def _log_text(self, level: Level, text: str) -> None:
        self._on_log_line(LogLine(level, "-", text))
