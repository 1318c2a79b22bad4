"""Work that may take any time (files, names, terminals) runs outside the loop in which the trip runs.

A disk that hangs blocks a thread on which nothing waits: not the loop, not the end of the process. What needs the
result waits for it in the loop, and not for ever:

    limits = await Worker("limits").run(partial(load_limits, path), timeout_s=2.0)   TimeoutError: it has not ended
    Worker("terminal").give(partial(os.write, 1, b"ready\\n"))                        False: it is behind, and full
"""

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

Result = TypeVar("Result")
Work = Callable[[], object]
_MOST_WAITING = 1000


class Aside(Protocol):
    """Where work is done that the loop must not wait for; `Worker` is it."""

    def give(self, work: Work) -> bool:
        """Queue work after that queued before; its errors are dropped. False when the queue is full."""

    async def run(self, work: Callable[[], Result], timeout_s: float) -> Result:
        """Its result, or what it raises. Raises: TimeoutError when it has not ended by then; it may still do so later."""


class Worker:
    """One thread, begun with the first work, which does one thing after the other. Calls from the loop's thread only."""

    def __init__(self, name: str, most_waiting: int = _MOST_WAITING) -> None:
        self._name, self._most_waiting = name, most_waiting
        self._jobs: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy_since_s: float | None = None

    @property
    def busy_s(self) -> float:
        """For how long it has been at what it is doing now, in s."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def give(self, work: Work) -> bool:
        """See `Aside`."""
        if self._jobs.qsize() >= self._most_waiting:
            return False
        self._jobs.put(work)
        if self._thread is None:
            # A daemon: at its end the interpreter waits for every other thread, one that hangs on a disk included.
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        return True

    async def run(self, work: Callable[[], Result], timeout_s: float) -> Result:
        """See `Aside`."""
        future: concurrent.futures.Future[Result] = concurrent.futures.Future()
        if not self.give(partial(_settle, future, work)):
            raise TimeoutError(f"{self._most_waiting} others wait for the same")
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # also when nothing waits for it any more
        try:
            await asyncio.wait({waiting}, timeout=timeout_s)
        finally:
            # Work that has not begun is dropped, and the result of work that ends later is ignored.
            given_up = waiting.cancel()
            future.cancel()
        if given_up:
            raise TimeoutError(f"no end within {timeout_s:g} s")
        return waiting.result()

    def _work(self) -> None:
        while True:
            work = self._jobs.get()
            self._busy_since_s = time.monotonic()
            # The next one needs the thread; `run` has its error.
            with contextlib.suppress(Exception):
                work()
            self._busy_since_s = None


def _settle(future: "concurrent.futures.Future[Result]", work: Callable[[], Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  (it is raised again where it is waited for)
        future.set_exception(error)
    else:
        future.set_result(result)
