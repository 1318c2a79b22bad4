import asyncio

import pytest

from v2g_bench.errors import BenchError


def test_sleeping_takes_simulated_time_alone(loop, timeline):
    async def work():
        await asyncio.sleep(3600)
        return loop.time()

    assert loop.complete(work(), within_s=7200) == pytest.approx(3700.0, abs=1e-4)
    assert timeline.now_s() == pytest.approx(3700.0, abs=1e-4)


def test_a_timeout_in_virtual_time(loop):
    async def work():
        async with asyncio.timeout(0.5):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        loop.complete(work(), within_s=1.0)


def test_work_that_does_not_end_in_time_is_an_error(loop):
    with pytest.raises(BenchError, match="not ended within 1 s"):
        loop.complete(asyncio.sleep(2), within_s=1.0)


def test_a_cancelled_timer_never_fires(loop, timeline):
    fired = []
    loop.call_later(0.1, fired.append, 1).cancel()
    loop.call_later(0.2, fired.append, 2)
    timeline.pause(1.0)
    assert fired == [2]


def test_no_loop_is_left_running(loop, timeline):
    with loop.entered():
        assert asyncio.get_running_loop() is loop
    timeline.pause(0.1)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_a_deadline_that_is_a_rounding_error_short_is_reached(loop):
    """A program that waits until t + 0.2 and then finds 0.19999 s gone must not spin at one instant."""

    async def work():
        polled = loop.time()
        for _ in range(50):
            while loop.time() - polled < 0.2:
                try:
                    async with asyncio.timeout_at(polled + 0.2):
                        await asyncio.Event().wait()
                except TimeoutError:
                    pass
            polled = loop.time()

    loop.complete(work(), within_s=11.0)


def test_what_no_task_takes_care_of_is_kept(loop):
    loop.call_exception_handler({"message": "lost"})
    assert loop.trouble == [{"message": "lost"}]
