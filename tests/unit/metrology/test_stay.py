import numpy as np
import pytest

from v2g_bench.metrology.prepared_record import Reclosed, Unsettled, prepare
from v2g_bench.metrology.stay import last_crossing
from v2g_bench.metrology.waveform import Waveform

DT = 1e-4
HOLD = 10  # samples


def course(*pieces):
    """A scene of (samples, current) pieces after a fault at sample 500, 8 A before it."""
    samples = np.concatenate([np.full(500, 8.0), *(np.full(n, current) for n, current in pieces)])
    wave = Waveform(0.0, DT, samples + 0.01 * np.random.default_rng(1).standard_normal(samples.size))
    return prepare(wave, 500 * DT, 0.05, HOLD * DT, 0.05)[0], wave


def crossing(*pieces):
    found = last_crossing(*course(*pieces))
    return found.above, found.below


def test_a_cut_lies_in_one_interval():
    assert crossing((200, 8.0), (300, 0.0)) == (199, 200)


@pytest.mark.parametrize(("pulse", "counts"), [(5, False), (9, False), (12, True), (60, True)])
def test_a_return_counts_when_it_is_longer_than_the_hold(pulse, counts):
    pieces = [(200, 8.0), (100, 0.0), (pulse, 8.0), (200, 0.0)]
    if not counts:
        assert crossing(*pieces) == (199, 200)
        return
    with pytest.raises(Reclosed) as error:
        crossing(*pieces)
    assert error.value.first_s == pytest.approx(0.07, abs=2 * DT)
    assert error.value.time_s == pytest.approx(0.08, abs=2 * DT)


def test_a_dip_that_is_too_short_is_not_the_end():
    assert crossing((100, 8.0), (8, 0.0), (50, 8.0), (300, 0.0)) == (157, 158)


def test_a_contactor_that_bounces_is_open_after_its_last_bounce():
    bounces = [(3, 0.0), (3, 8.0)] * 4
    assert crossing((100, 8.0), *bounces, (300, 0.0)) == (123, 124)


def test_the_other_direction_is_seen_as_gone():
    # Reversal of the current is below the threshold of the current that was to stop; `extremes` looks at its size.
    assert crossing((100, 8.0), (300, -8.0)) == (99, 100)


@pytest.mark.parametrize("after", [1, 5, 9])
def test_the_record_must_last_for_the_hold(after):
    with pytest.raises(Unsettled, match="stayed away"):
        crossing((200, 8.0), (after, 0.0))


def test_closed_again_at_the_very_end_is_seen():
    with pytest.raises(Reclosed):
        crossing((200, 8.0), (300, 0.0), (15, 8.0))
