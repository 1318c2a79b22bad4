"""An asyncio loop without a selector: its clock and its timers are the timeline's.

The controller's shell and the inverter's Modbus server are asyncio programs; here they run as they are, under simulated
time. Callbacks of one instant keep asyncio's own order, first asked for, first run. Streams are in memory: `network`.
"""

import asyncio
import contextvars
import itertools
from asyncio import events
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar, cast

from v2g_bench.errors import BenchError
from v2g_bench.sim.network import Network
from v2g_bench.sim.timeline import Timeline

# One turn of an asyncio program. Not zero: programs compare times that they have added up, and one that is a rounding
# error short must not find the same "now" for ever.
TURN_S = 1e-6

INSIDE = nullcontext()

Result = TypeVar("Result")


class _Timer(asyncio.TimerHandle):
    """asyncio's handle, which can be cancelled in the timeline as well."""

    _event: Any = None

    def cancel(self) -> None:
        if self._event is not None:
            self._event.cancel()
        super().cancel()


class SimLoop(asyncio.AbstractEventLoop):
    """What asyncio programs need of a loop that never sleeps: timers, tasks, futures, streams in memory.

    It is the running loop while events of its timeline happen, and inside `entered`.
    Nothing runs by itself: the timeline runs it. `trouble`: exceptions that no task has handled, in order.
    """

    def __init__(self, timeline: Timeline, network: Network) -> None:
        self._timeline, self._network = timeline, network
        timeline.around = self.entered
        self._handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None
        self._names = itertools.count(1)
        self.trouble: list[dict[str, Any]] = []

    def entered(self) -> AbstractContextManager[object]:
        """Inside, this loop is the running one."""
        return INSIDE if events._get_running_loop() is self else self._entered()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            yield
        finally:
            events._set_running_loop(before)

    def complete(self, work: Coroutine[Any, Any, Result], within_s: float) -> Result:
        """Run a coroutine to its end, and the simulation with it; BenchError if that takes longer."""
        with self.entered():
            task = self.create_task(work)
        if not self._timeline.wait(task.done, self._timeline.now_s() + within_s):
            task.cancel()
            raise BenchError("simulation", f"{work} has not ended within {within_s:g} s")
        return cast(Result, task.result())

    def time(self) -> float:
        return self._timeline.now_s()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    # typeshed's signatures of AbstractEventLoop differ between Python versions: these take what is really passed

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._timeline.at(self.time() + TURN_S, handle._run)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = _Timer(when, callback, args, self, context)
        handle._event = self._timeline.at(max(when, self.time() + TURN_S), handle._run)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer has left the timeline by itself."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name or f"sim-{next(self._names)}", context=context)

    def set_exception_handler(
        self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> None:
        self._handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._handler is None:
            self.default_exception_handler(context)
        else:
            self._handler(self, context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.trouble.append(context)

    async def create_connection(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> Any:  # type: ignore[override]
        """A stream to the listener at this address; OSError where there is none."""
        return await self._network.connect(self, factory, (host, port))

    async def create_server(self, factory: Callable[[], asyncio.Protocol], host: str, port: int = 0) -> Any:  # type: ignore[override]
        """Listen in this simulation alone."""
        return self._network.listen(self, factory, (host, port))
