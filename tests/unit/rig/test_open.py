"""An open rig's end: every part is closed, whatever the others do."""

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.load import load_rig
from v2g_bench.rig.open import OpenRig


@pytest.fixture
def rig(tmp_path):
    return OpenRig(load_rig("virtual"), tmp_path, 1, strict=False, note=print)


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
