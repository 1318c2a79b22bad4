"""Threads that hang are let go at the end of each test: nothing here waits by the clock for what must happen."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from v2g_bench.ems.ports.aside import Worker

SOON_S, LONG_S = 0.01, 30.0


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """`wait` on it is a disk that hangs until the test ends."""
    event = threading.Event()
    yield event
    event.set()


def test_result_and_error_come_back_in_order() -> None:
    seen: list[int] = []

    async def play() -> None:
        worker = Worker("w")
        assert await worker.run(lambda: threading.current_thread().name, LONG_S) == "w"
        assert worker.give(lambda: seen.append(1))
        assert worker.give(lambda: 1 / 0)
        with pytest.raises(FileNotFoundError, match="gone"):
            await worker.run(lambda: _raise(FileNotFoundError("gone")), LONG_S)
        await worker.run(lambda: seen.append(2), LONG_S)
        assert worker.busy_s == 0.0

    asyncio.run(play())
    assert seen == [1, 2]


def _raise(error: Exception) -> None:
    raise error


def test_loop_goes_on_while_a_thread_hangs_and_what_waits_behind_is_not_begun(hung: threading.Event) -> None:
    begun: list[str] = []

    async def play() -> None:
        worker = Worker("w")
        with pytest.raises(TimeoutError, match=r"no end within 0\.01 s"):
            await worker.run(hung.wait, SOON_S)
        assert worker.busy_s > 0.0
        with pytest.raises(TimeoutError):
            await worker.run(lambda: begun.append("given up"), SOON_S)
        hung.set()
        await worker.run(lambda: begun.append("after"), LONG_S)

    asyncio.run(play())
    assert begun == ["after"]


def test_error_that_comes_too_late_is_nobodys(hung: threading.Event) -> None:
    """Not the loop's either: there it would end the controller."""
    trouble: list[object] = []

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context))
        worker = Worker("w")
        with pytest.raises(TimeoutError):
            await worker.run(lambda: hung.wait() and _raise(OSError("late")), SOON_S)
        hung.set()
        await worker.run(gc.collect, LONG_S)
        with pytest.raises(OSError, match="in time"):
            await worker.run(lambda: _raise(OSError("in time")), LONG_S)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(play())
    assert trouble == []


def test_no_more_wait_than_there_is_room_for(hung: threading.Event) -> None:
    async def play() -> list[bool]:
        worker = Worker("w", most_waiting=3)
        with pytest.raises(TimeoutError):
            await worker.run(hung.wait, SOON_S)
        given = [worker.give(lambda: None) for _ in range(5)]
        with pytest.raises(TimeoutError, match="3 others wait"):
            await worker.run(lambda: None, LONG_S)
        return given

    assert asyncio.run(play()) == [True, True, True, False, False]


def test_process_ends_while_a_thread_hangs() -> None:
    code = (
        "import asyncio, time\nfrom v2g_bench.ems.ports.aside import Worker\n"
        "async def play():\n"
        "    try:\n        await Worker('w').run(lambda: time.sleep(1000), 0.01)\n"
        "    except TimeoutError as error:\n        print(error)\n"
        "asyncio.run(play())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "no end within 0.01 s\n"), done.stderr
