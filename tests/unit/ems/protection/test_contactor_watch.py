"""A contactor that was asked to open and is not reported open is not trusted until it is."""

import pytest

from v2g_bench.ems.protection.contactor_watch import ContactorWatch


@pytest.fixture
def watch() -> ContactorWatch:
    watch = ContactorWatch(within_s=0.3)
    watch.update(asked_closed=True, state=2.0, now_s=1.0)
    watch.update(asked_closed=False, state=2.0, now_s=2.0)
    return watch


@pytest.mark.parametrize(("state", "name"), [(2.0, "closed"), (3.0, "welded"), (1.0, "precharging"), (7.0, "7")])
def test_not_open_in_time_is_stuck(watch: ContactorWatch, state: float, name: str) -> None:
    watch.update(asked_closed=False, state=state, now_s=2.29)
    assert watch.stuck is None
    watch.update(asked_closed=False, state=state, now_s=2.31)
    assert watch.stuck is not None
    assert name in watch.stuck


def test_open_in_time_is_good(watch: ContactorWatch) -> None:
    watch.update(asked_closed=False, state=0.0, now_s=2.2)
    watch.update(asked_closed=False, state=0.0, now_s=9.0)
    assert watch.stuck is None


def test_only_open_contactors_are_trusted_again(watch: ContactorWatch) -> None:
    watch.update(asked_closed=False, state=3.0, now_s=2.31)
    watch.update(asked_closed=True, state=2.0, now_s=3.0)
    assert watch.stuck is not None
    watch.update(asked_closed=False, state=0.0, now_s=4.0)
    assert watch.stuck is None


def test_a_bms_that_reports_nothing_is_not_judged(watch: ContactorWatch) -> None:
    watch.update(asked_closed=False, state=None, now_s=2.2)
    watch.update(asked_closed=False, state=2.0, now_s=9.0)
    assert watch.stuck is None
