"""How a rig is opened and closed: all parts or none, and every part is closed, whatever the others do."""

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts.opening import NEEDED_ROLES, Opening, Step, open_database, opened, roles_of


class Rig(Opening):
    """Opens what it is told to."""

    def __init__(self):
        super().__init__(load_rig("virtual"))
        self.opening, self.troubles = [], []

    def steps(self):
        return [Step(f"part {number}", one) for number, one in enumerate(self.opening)]

    def _troubles(self):
        return self.troubles


@pytest.fixture
def rig():
    return Rig()


def closers(rig, *ends):
    """Parts that end so when they are closed: an exception, or None; the list of those that were asked to."""
    closed = []

    def closer(number, end):
        def close():
            closed.append(number)
            if end is not None:
                raise end

        return close

    for number, end in enumerate(ends):
        rig._later(f"part {number}", closer(number, end))
    return closed


def test_the_last_opened_is_closed_first(rig):
    closed = closers(rig, None, None, None)
    rig.close()
    assert closed == [2, 1, 0]
    rig.close()
    assert closed == [2, 1, 0]


def test_all_are_closed_and_all_that_failed_is_said(rig):
    closed = closers(rig, ValueError("zero"), None, BenchError("two", "is stuck"))
    with pytest.raises(BenchError, match="not all parts closed: part 2: two: is stuck; part 0: zero"):
        rig.close()
    assert closed == [2, 1, 0]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, pytest.fail.Exception])
def test_an_interruption_waits_until_all_are_closed(rig, interruption):
    """Ctrl-C, or the timeout of a test, which is no Exception."""
    closed = closers(rig, None, interruption("now"), ValueError("two"))
    with pytest.raises(interruption):
        rig.close()
    assert closed == [2, 1, 0]


def test_an_error_that_came_before_is_not_hidden(rig):
    closed = closers(rig, ValueError("zero"), None)
    rig.close(quiet=True)
    assert closed == [1, 0]


def test_what_went_wrong_besides_is_said_when_all_is_closed(rig):
    closed = closers(rig, ValueError("zero"))
    rig.troubles = ["a task: KeyError()"]
    with pytest.raises(BenchError, match=r"not all parts closed: part 0: zero; a task: KeyError\(\)"):
        rig.close()
    assert closed == [0]


def test_a_part_that_cannot_be_opened_closes_those_before_it_and_none_after_it_is_opened(rig):
    closed, opened = [], []

    def opens(number):
        opened.append(number)
        rig._later(f"part {number}", lambda: closed.append(number))

    def fails():
        raise BenchError("part 2", "is off")

    rig.opening = [lambda: opens(0), lambda: opens(1), fails, lambda: opens(3)]
    with pytest.raises(BenchError, match="part 2: is off"):
        rig.__enter__()
    assert (opened, closed) == ([0, 1], [1, 0])


def test_the_database_has_the_roles_that_every_test_needs(rig):
    db, words = open_database(rig.loaded)
    assert "roles" in words
    assert all(db.has(role) for role in NEEDED_ROLES)
    assert set(NEEDED_ROLES) <= set(roles_of(rig.loaded))


def test_a_part_that_is_asked_for_before_its_step_says_so():
    assert opened(0, "bus") == 0
    with pytest.raises(BenchError, match="capture: is not open"):
        opened(None, "capture")
