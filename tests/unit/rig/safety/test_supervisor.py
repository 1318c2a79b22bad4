"""The supervisor's own failures: whatever it stumbles over, the rig goes to its safe state and the bench is told."""

import json
import os
import subprocess
import sys

import pytest

from v2g_bench.rig.file.model import Safety
from v2g_bench.rig.safety import supervisor as module
from v2g_bench.rig.safety.supervisor import Supervisor

LIMITS = Safety().model_dump()


class BrokenLine:
    """A bus whose frames nobody foresaw."""

    can_ask = True

    def __init__(self, error):
        self.error = error

    def fileno(self):
        return -1

    def received(self):
        raise self.error

    ask_open = close = received


@pytest.fixture
def reported(monkeypatch):
    """What the bench is told."""
    lines = []
    monkeypatch.setattr(module.os, "write", lambda _, data: lines.append(json.loads(data)))
    return lines


@pytest.fixture
def supervisor(reported):
    """One that watches over a world that has ended, so that the rig is safe at once."""
    world = subprocess.Popen([sys.executable, "-S", "-c", ""])
    supervisor = Supervisor(-1)
    supervisor._world(world.pid)
    world.wait(20)
    supervisor._limits(LIMITS)
    supervisor._arm()
    yield supervisor
    os.close(supervisor._reach.world)


@pytest.mark.parametrize("error", [OverflowError("too large"), KeyError("role"), ZeroDivisionError(), RecursionError()])
def test_what_nobody_foresaw_on_the_bus_is_a_reason_once(supervisor, reported, error):
    supervisor._reach.line = BrokenLine(error)
    for _ in range(3):
        supervisor._turn()
    (tripped,) = [line for line in reported if "tripped" in line]
    assert tripped["safe"] is True
    assert "has failed itself" in tripped["tripped"]
    assert len([line for line in reported if "problem" in line]) == 1


def test_what_nobody_foresaw_in_a_look_at_the_time_is_a_reason(supervisor, reported, monkeypatch):
    monkeypatch.setattr(supervisor._watch, "due", lambda now_s: 1 / 0)
    supervisor._turn()
    assert [line["safe"] for line in reported if "tripped" in line] == [True]


def test_a_word_that_cannot_be_done_is_told_and_the_next_one_is_done(supervisor, reported, monkeypatch):
    words = b'{"do": "child", "pid": "many"}\n{"do": "deadline", "at_s": -1}\n'
    monkeypatch.setattr(module.os, "read", lambda *_: words)
    assert supervisor._read()
    supervisor._turn()
    assert len([line for line in reported if "problem" in line]) == 1
    assert "not ended in its time" in next(line["tripped"] for line in reported if "tripped" in line)
