import pytest

from v2g_bench.can.physics.line import Line

FAST_S, SLOW_S = 0.8 * 500e-9, 0.8 * 2e-6


def wrong(line, noise_v=0.0, sample_s=FAST_S):
    return line.error_probability(noise_v, dominant=False, after_dominant=True, sample_s=sample_s)


def test_a_sound_line_has_60_ohm_and_no_errors():
    line = Line(length_m=40)
    assert line.resistance_ohm == pytest.approx(60, rel=0.01)
    assert line.noise_gain == pytest.approx(1)
    assert wrong(line) == 0
    assert line.error_probability(0.0, dominant=True, after_dominant=False, sample_s=FAST_S) == 0


def test_one_missing_terminator_doubles_the_resistance_and_what_noise_does():
    line = Line(terminators=1)
    assert line.resistance_ohm == pytest.approx(120, rel=0.02)
    assert line.noise_gain == pytest.approx(2, rel=0.02)
    assert wrong(line, 0.2) > 100 * wrong(Line(), 0.2) > 0


@pytest.mark.parametrize(("length_m", "fails"), [(2, False), (10, False), (40, True)])
def test_one_missing_terminator_matters_to_the_data_rate_on_a_long_cable_only(length_m, fails):
    assert (wrong(Line(length_m, terminators=1)) == 1.0) == fails
    assert wrong(Line(length_m, terminators=1), sample_s=SLOW_S) == 0.0


def test_without_any_terminator_nothing_goes():
    assert wrong(Line(terminators=0), sample_s=SLOW_S) == 1.0


def test_errors_grow_with_length_rate_and_noise():
    lengths = [wrong(Line(length_m, terminators=1), 0.1) for length_m in (1, 5, 10, 20, 30, 40)]
    assert lengths == sorted(lengths)
    assert wrong(Line(20, terminators=1), 0.1, 0.8e-6) < wrong(Line(20, terminators=1), 0.1, 0.4e-6)
    noises = [wrong(Line(), volts) for volts in (0.05, 0.1, 0.2, 0.4, 0.8)]
    assert noises == sorted(noises)
    assert noises[0] < 1e-12 < noises[-1] < 0.5


def test_a_sample_too_early_sees_the_bit_before():
    assert wrong(Line(), sample_s=50e-9) == 1.0
