"""The watch over held locks: a loss is said, a file system that hangs is said, and the lock is given back once."""

import threading
import time
from pathlib import Path

import pytest

from v2g_bench.rig.safety import lock_watch as lockwatch
from v2g_bench.rig.safety.lock_watch import LockWatch


class Holding:
    """Locks that are held until `gone` is set; `hung` is waited for, as a file system that does not answer."""

    def __init__(self):
        self.gone, self.released, self.looked = "", 0, threading.Event()
        self.paths = [Path("/locks/a.json")]
        self.answers = threading.Event()
        self.answers.set()

    def lost(self):
        self.looked.set()
        self.answers.wait(30)
        return self.gone

    def release(self):
        self.released += 1


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(lockwatch, "REFRESH_S", 0.01)
    holding = Holding()
    watch = LockWatch(holding)
    watch.start()
    yield holding, watch
    holding.answers.set()
    watch.release()
    watch.join(20)


def wait_for(condition):
    until_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.005)


def test_a_lock_that_is_held_is_no_problem_and_its_loss_is(watched):
    holding, watch = watched
    assert holding.looked.wait(20)
    assert watch.problem() == ""
    holding.gone = "the lock on X is lost"
    wait_for(watch.problem)
    assert watch.problem() == "the lock on X is lost"


def test_a_loss_stays_one(watched):
    holding, watch = watched
    holding.gone = "lost"
    wait_for(watch.problem)
    holding.gone = ""
    watch.join(20)
    assert watch.problem() == "lost"


def test_a_file_system_that_does_not_answer_keeps_nobody_waiting_and_is_said(watched, monkeypatch):
    holding, watch = watched
    holding.answers.clear()
    holding.looked.clear()
    assert holding.looked.wait(20)
    assert watch.problem() == ""
    monkeypatch.setattr(lockwatch, "HUNG_S", 0.0)
    assert watch.problem() == "the folder of the locks has not answered for 0 s: /locks"
    watch.release()
    assert holding.released == 0


def test_given_back_it_is_looked_at_no_more(watched):
    holding, watch = watched
    watch.release()
    assert holding.released == 1
    holding.gone = "removed, rightly"
    assert not watch.is_alive()
    assert watch.problem() == ""
