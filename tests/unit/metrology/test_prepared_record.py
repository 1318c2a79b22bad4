import pytest

from v2g_bench.metrology.prepared_record import NoCurrent, RecordTooShort, prepare, require_current
from v2g_bench.metrology.synthetic import Fall


def record(fall, rate=50e3, **more):
    return prepare(fall.waveform(rate, seed=1), fall.fault_s, 0.05, 1e-3, 0.05, **more)


@pytest.mark.parametrize("before_a", [8.0, -8.0])
def test_upright_whatever_the_sign(before_a):
    found, sign = record(Fall(before_a, noise_pct=0.2, ripple_pct=3))
    assert sign == before_a / 8
    assert found.steady.mean == pytest.approx(8, abs=0.01)
    assert found.threshold == pytest.approx(0.4, abs=0.001)
    assert found.sigma == pytest.approx(0.016, rel=0.1)
    assert found.ripples[0].relative == pytest.approx(0.03, rel=0.05)
    assert found.ripples[0].constant == 0.0


def test_a_ripple_that_stays_is_seen_and_smoothed():
    found, _ = record(Fall(8.0, ripple_pct=10, ripple_stays=True, noise_pct=0.1), rate=1e6)
    assert found.ripples[0].constant == pytest.approx(0.8, rel=0.05)
    assert 40 <= found.smooth <= 60  # one period of 50 samples, or near enough
    assert found.left < 0.1 * found.threshold


def test_pulses_in_the_tail_are_no_noise():
    fall = Fall(8.0, noise_pct=0.2)
    wave = fall.waveform(50e3, seed=1)
    wave.samples[9000:9030] += 8.0
    wave.samples[9500:9520] -= 8.0
    found, _ = prepare(wave, fall.fault_s, 0.05, 1e-3, 0.05)
    assert found.sigma == pytest.approx(0.016, rel=0.15)


def test_an_unseen_ripple_is_noted_and_widens_the_level():
    found, _ = record(Fall(), rate=10e3, ripple_hz=20e3, ripple_bound_pct=10.0)
    assert found.u_level == pytest.approx(8 * 0.1 / 2**0.5, rel=0.01)
    assert "cannot be told" in found.notes[0]
    assert record(Fall(), rate=10e3, ripple_hz=20.2e3)[0].notes == []


@pytest.mark.parametrize("fault_s", [999.0, 999.9501, 1000.2])
def test_a_record_without_both_sides_of_the_fault(fault_s):
    with pytest.raises(RecordTooShort, match="8 samples before"):
        prepare(Fall().waveform(1e4, seed=1), fault_s, 0.05, 1e-3, 0.05)


@pytest.mark.parametrize(
    ("fall", "minimum", "says"),
    [
        (Fall(1e-12, noise_pct=1e12), 0.0, "nothing to isolate"),
        (Fall(0.5, noise_pct=0.1), 1.0, "nothing to isolate"),
        (Fall(8.0, noise_pct=40), 0.0, "hidden by noise"),
    ],
)
def test_too_little_current(fall, minimum, says):
    with pytest.raises(NoCurrent, match=says):
        require_current(record(fall)[0], minimum, 0.05)
