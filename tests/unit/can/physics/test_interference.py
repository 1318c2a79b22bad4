import math

import pytest

from v2g_bench.can.physics.encode import encode
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.interference import Interference
from v2g_bench.can.physics.line import Line
from v2g_bench.can.physics.noise import BitErrors, SwitchingNoise
from v2g_bench.can.physics.timing import BitTiming

CODE = encode(WireFrame(0x301, bytes(range(64)), fd=True, brs=True))
BITS = len(CODE.bits)


def hit_share(interference, frames=3000, step_s=1e-3):
    hits = []
    for number in range(frames):
        if not interference.passes(BITS):
            hits += interference.hits(CODE, number * step_s)
    return hits, len(hits) / frames / BITS


def test_a_quiet_line_hits_nothing():
    quiet = Interference(BitTiming())
    assert quiet.quiet
    assert hit_share(quiet) == ([], 0.0)


@pytest.mark.parametrize("rate", [1e-4, 1e-2, 0.3])
def test_the_bit_error_rate_is_what_was_asked_for(rate):
    noisy = Interference(BitTiming(), seed=2)
    noisy.set(Line(), {"ber": BitErrors(rate)})
    frames = 1500 if rate < 0.1 else 150
    _hits, share = hit_share(noisy, frames)
    assert share == pytest.approx(rate, abs=4 * math.sqrt(rate / frames / BITS))


def test_the_thinning_gives_the_chance_of_each_kind_of_bit():
    """Recessive bits have the smaller margin (0.7 V against 1.3 V): Q(0.7 / 0.4) = 4.0 % of them, 0.06 % of the others."""
    noisy = Interference(BitTiming(), seed=2)
    noisy.set(Line(length_m=1), {"hum": SwitchingNoise(0.4, switching_hz=1.0, ring_s=1.0, rated_w=1.0)}, power_w=1.0)
    hits, _ = hit_share(noisy, 2000)
    recessive = sum(CODE.bits[at] == "1" for at in hits) / 2000 / CODE.bits.count("1")
    dominant = sum(CODE.bits[at] == "0" for at in hits) / 2000 / CODE.bits.count("0")
    assert recessive == pytest.approx(0.0401, rel=0.1)
    assert dominant == pytest.approx(0.00058, rel=0.3)


def test_switching_noise_hits_only_while_the_bridge_switches():
    noisy = Interference(BitTiming(), seed=2)
    noisy.set(Line(), {"bridge": SwitchingNoise(5.0, 20_000, 2e-6, 1000)}, power_w=1000)
    timing = BitTiming()
    hits = noisy.hits(CODE, 0.0)
    assert hits
    assert all((timing.sample_s(CODE, at) % 25e-6) < 2e-6 for at in hits)
    noisy.set(Line(), noisy.sources, power_w=0.0)
    assert noisy.quiet


def test_a_missing_terminator_on_a_long_cable_hits_the_first_recessive_bits_at_the_data_rate():
    noisy = Interference(BitTiming())
    noisy.set(Line(length_m=40, terminators=1), {})
    hits = noisy.hits(CODE, 0.0)
    assert hits
    assert all(CODE.bits[at - 1 : at + 1] == "01" and CODE.brs < at <= CODE.delimiter for at in hits)
