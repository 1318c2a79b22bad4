"""The quantities of a shutdown, from its sequence of changes alone."""

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.evidence.compute import recomputed
from v2g_bench.evidence.reading import Reading
from v2g_bench.evidence.record import ORDERED, Change, Evidence, Kind, Sequence
from v2g_bench.evidence.shutdown import (
    ASKED,
    BRIDGE_FIRST,
    CLOSINGS,
    LOAD,
    MOVES,
    OPENED,
    PRECHARGED,
    REQUEST,
    RUN,
    STATE,
    STOPPED,
    moments,
)
from v2g_bench.metrology.component import Component, Term
from v2g_bench.metrology.waveform import Waveform

T0_S = 10.0
BEFORE = [(ORDERED, -3000.0, 9.0), (REQUEST, 1.0, 9.0), (STATE, 2.0, 9.0)]
SOUND = [(ORDERED, 0.0, 10.001), (REQUEST, 0.0, 10.021), (STATE, 0.0, 10.040)]


def sequence(*changes: tuple[str, float, float], before: list[tuple[str, float, float]] = BEFORE) -> Sequence:
    listed = [Change(role=role, value=value, at_s=at_s) for role, value, at_s in [*before, *changes]]
    return Sequence(t0_s=T0_S, until_s=15.0, fraction=0.05, orders=True, changes=listed)


def reading(name: str, seen: Sequence) -> Reading:
    parts = [Component.rectangular(Term.FRAME_STAMP, 0.0001, 1000.0, unit="s")]
    return recomputed(Evidence(kind=Kind.SEQUENCE, name=name, sequence=seen, components=parts))


@pytest.mark.parametrize(
    ("name", "value"), [(BRIDGE_FIRST, 20.0), (STOPPED, 1.0), (ASKED, 21.0), (OPENED, 40.0), (CLOSINGS, 0.0)]
)
def test_a_sound_shutdown(name: str, value: float) -> None:
    found = reading(name, sequence(*SOUND))
    assert found.value == pytest.approx(value)
    assert found.uncertainty is not None


@pytest.mark.parametrize(
    ("lacking", "name", "why"),
    [
        (ORDERED, BRIDGE_FIRST, "bridge was not ordered"),
        (ORDERED, STOPPED, "bridge was not ordered"),
        (REQUEST, BRIDGE_FIRST, "not asked to open"),
        (REQUEST, ASKED, "not asked to open"),
        (STATE, OPENED, "not reported open"),
    ],
)
def test_what_never_happens_has_failed(lacking: str, name: str, why: str) -> None:
    found = reading(name, sequence(*(one for one in SOUND if one[0] != lacking)))
    assert found.value is None
    assert why in found.failed


@pytest.mark.parametrize(
    ("role", "name"), [(ORDERED, BRIDGE_FIRST), (REQUEST, ASKED), (STATE, OPENED), (REQUEST, CLOSINGS)]
)
def test_what_was_not_seen_before_is_nobodys_failure(role: str, name: str) -> None:
    found = reading(name, sequence(*SOUND, before=[one for one in BEFORE if one[0] != role]))
    assert (found.value, found.failed) == (None, "")
    assert role in found.why


def test_a_lower_power_is_no_stop() -> None:
    lowered = (ORDERED, -300.0, 10.001)
    assert reading(BRIDGE_FIRST, sequence(lowered, *SOUND[1:])).failed
    assert reading(BRIDGE_FIRST, sequence((ORDERED, -150.0, 10.001), *SOUND[1:])).value == pytest.approx(20.0)


def test_contactors_first_is_negative() -> None:
    found = reading(BRIDGE_FIRST, sequence((ORDERED, 0.0, 10.030), *SOUND[1:]))
    assert found.value == pytest.approx(-9.0)


@pytest.mark.parametrize(
    ("change", "count"),
    [((REQUEST, 1.0, 12.0), 1), ((STATE, 1.0, 12.0), 1), ((STATE, 2.0, 12.0), 1), ((STATE, 3.0, 12.0), 0)],
)
def test_closing_again_is_counted(change: tuple[str, float, float], count: int) -> None:
    assert reading(CLOSINGS, sequence(*SOUND, change)).value == count


def test_an_unknown_quantity_is_an_error() -> None:
    with pytest.raises(BenchError, match="another version"):
        reading("length", sequence(*SOUND))


def load(asked_s: float, level_a: float = -8.0, ends_s: float = 10.010) -> Reading:
    times_s = np.arange(9.95, 10.3, 2e-5)
    record = Waveform(9.95, 2e-5, np.where(times_s < ends_s, level_a, -0.05))
    seen = sequence(SOUND[0], (REQUEST, 0.0, asked_s), SOUND[2])
    parts = [Component(Term.NOISE, "normal", 0.0), Component.rectangular(MOVES, 0.0)]
    return recomputed(Evidence(kind=Kind.LOAD, name=LOAD, sequence=seen, components=parts), record)


def test_load_is_the_current_at_the_request() -> None:
    assert load(10.005).value == pytest.approx(8.0)
    assert load(10.005, level_a=8.0).value == pytest.approx(8.0)
    assert load(10.021).value == pytest.approx(0.05)


def test_load_of_a_moving_current_is_uncertain() -> None:
    during, after = load(10.0102).uncertainty, load(10.021).uncertainty
    assert during is not None
    assert during.expanded > 1.0
    assert after is not None
    assert after.expanded < 0.01


def test_load_beyond_the_recording_is_unknown() -> None:
    found = load(10.5)
    assert (found.value, found.failed) == (None, "")
    assert "does not reach" in found.why


def test_first_moments() -> None:
    found = moments(sequence(*SOUND))
    assert (found.stopped_s, found.asked_s, found.opened_s, found.closings) == (10.001, 10.021, 10.040, [])


OPENED_ALREADY = [(ORDERED, 0.0, 9.0), (REQUEST, 0.0, 9.0), (STATE, 0.0, 9.0)]
CLOSING = [(REQUEST, 1.0, 10.1), (STATE, 1.0, 10.11), (STATE, 2.0, 10.21), (ORDERED, 3000.0, 10.215)]


def closing(name: str, *changes: tuple[str, float, float]) -> Reading:
    return reading(name, sequence(*changes, before=OPENED_ALREADY))


def test_a_sound_closing() -> None:
    assert closing(PRECHARGED, *CLOSING).value == 1.0
    assert closing(RUN, *CLOSING).value == pytest.approx(5.0)


def test_an_order_to_run_before_they_are_closed_is_negative() -> None:
    assert closing(RUN, *CLOSING[:3], (ORDERED, 3000.0, 10.15)).value == pytest.approx(-60.0)


def test_without_precharge_none_is_counted() -> None:
    assert closing(PRECHARGED, *(one for one in CLOSING if one[:2] != (STATE, 1.0))).value == 0.0


@pytest.mark.parametrize(("name", "why"), [(RUN, "not reported closed"), (PRECHARGED, "not reported closed")])
def test_contactors_that_do_not_close_have_failed(name: str, why: str) -> None:
    assert why in closing(name, CLOSING[0]).failed


def test_an_inverter_that_is_not_ordered_to_run_has_failed() -> None:
    assert "not ordered to run" in closing(RUN, *CLOSING[:3]).failed
