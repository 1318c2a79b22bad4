from math import inf

import pytest

from v2g_bench.ems.protection.watchdog import BmsWatchdog, InverterWatch


def _fresh(watchdog: BmsWatchdog, now_s: float) -> None:
    watchdog.on_frame("Safety", now_s)
    watchdog.on_frame("Limits", now_s)


@pytest.fixture
def watchdog() -> BmsWatchdog:
    return BmsWatchdog({"Safety": 0.1, "Limits": 1.0}, recover_s=0.5, startup_s=2.0)


def test_waits_for_every_message(watchdog: BmsWatchdog) -> None:
    watchdog.tick(0.0)
    assert not watchdog.alive
    watchdog.on_frame("Safety", 0.01)
    assert not watchdog.alive
    watchdog.on_frame("Limits", 0.05)
    assert watchdog.alive
    assert watchdog.silent is None


def test_silence_is_reported_after_the_start_up_time(watchdog: BmsWatchdog) -> None:
    watchdog.tick(0.0)
    watchdog.tick(2.0)
    assert watchdog.silent is None
    watchdog.tick(2.1)
    assert watchdog.silent == "no good Limits for 1000 ms" or watchdog.silent == "no good Safety for 100 ms"


def test_boundary_of_the_timeout(watchdog: BmsWatchdog) -> None:
    _fresh(watchdog, 1.0)
    assert watchdog.deadline_s() == pytest.approx(1.1)
    watchdog.tick(1.1)
    assert watchdog.alive
    watchdog.tick(1.1001)
    assert not watchdog.alive
    assert watchdog.silent == "no good Safety for 100 ms"
    assert watchdog.deadline_s() == inf


def test_one_missing_message_is_enough(watchdog: BmsWatchdog) -> None:
    _fresh(watchdog, 0.0)
    for step in range(1, 21):
        watchdog.on_frame("Limits", step * 0.1)
        watchdog.tick(step * 0.1 + 0.05)
    assert watchdog.silent == "no good Safety for 100 ms"


def test_comes_back_only_after_a_fresh_time(watchdog: BmsWatchdog) -> None:
    _fresh(watchdog, 0.0)
    watchdog.tick(0.3)
    alive = {}
    for step in range(0, 60):
        now_s = 10.0 + step * 0.01
        _fresh(watchdog, now_s)
        watchdog.tick(now_s)
        alive[step] = watchdog.alive
    assert not alive[0]
    assert not alive[49]
    assert alive[51]
    assert watchdog.silent is None


def test_a_gap_while_coming_back_starts_over(watchdog: BmsWatchdog) -> None:
    _fresh(watchdog, 0.0)
    watchdog.tick(0.3)
    _fresh(watchdog, 10.0)
    watchdog.tick(10.3)
    _fresh(watchdog, 10.4)
    watchdog.tick(10.45)
    _fresh(watchdog, 10.49)
    _fresh(watchdog, 10.55)
    assert not watchdog.alive


def test_lost_line_is_silent_at_once(watchdog: BmsWatchdog) -> None:
    _fresh(watchdog, 0.0)
    watchdog.lose("hub gone")
    assert not watchdog.alive
    assert watchdog.silent == "hub gone"


def test_messages_that_are_not_watched_do_not_feed_it(watchdog: BmsWatchdog) -> None:
    _fresh(watchdog, 0.0)
    watchdog.on_frame("Cells", 0.2)
    watchdog.tick(0.2)
    assert not watchdog.alive


def test_inverter_watch() -> None:
    watch = InverterWatch(timeout_s=1.0, recover_s=0.5)
    watch.tick(0.0)
    assert (watch.online, watch.offline) == (False, None)
    watch.on_answer(0.1)
    assert watch.online
    watch.tick(1.1)
    assert watch.online
    watch.tick(1.2)
    assert not watch.online
    assert watch.offline == "no answer for 1 s"
    watch.on_answer(5.0)
    assert not watch.online
    watch.on_answer(5.4)
    assert not watch.online
    watch.on_answer(5.5)
    assert watch.online
    assert watch.offline is None


def test_inverter_that_never_answers() -> None:
    watch = InverterWatch(timeout_s=1.0)
    watch.tick(0.0)
    watch.tick(1.1)
    assert watch.offline is not None
