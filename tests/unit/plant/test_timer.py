import asyncio
import time
from collections.abc import Callable

from v2g_bench.plant.timer import LoopTimer


def run(play: Callable[[LoopTimer, list[float]], None], enough: int) -> list[float]:
    """When the timer woke, until it has done so `enough` times; fails after 5 s."""

    async def main() -> list[float]:
        woke: list[float] = []
        done = asyncio.Event()

        def wake() -> None:
            woke.append(time.monotonic())
            if len(woke) == enough:
                done.set()

        timer = LoopTimer(asyncio.get_running_loop(), wake)
        try:
            play(timer, woke)
            await asyncio.wait_for(done.wait(), 5)
        finally:
            timer.close()
            timer.close()
        return woke

    return asyncio.run(main())


def test_it_wakes_once_and_never_too_early():
    at_s = time.monotonic() + 0.02
    woke = run(lambda timer, _: timer.set(at_s), enough=1)
    assert len(woke) == 1
    assert woke[0] >= at_s


def test_a_later_setting_replaces_an_earlier_one():
    at_s = time.monotonic() + 0.05

    def play(timer: LoopTimer, woke: list[float]) -> None:
        timer.set(at_s - 0.03)
        timer.set(at_s)

    assert run(play, enough=1)[0] >= at_s


def test_the_past_and_zero_wake_at_once():
    for at_s in (0.0, -1.0, time.monotonic() - 5):
        assert len(run(lambda timer, _, at_s=at_s: timer.set(at_s), enough=1)) == 1
