"""A step in a record is found between the samples; what is no step is an error."""

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.metrology.step import step_in
from v2g_bench.metrology.waveform import Waveform

DT = 20e-6


def record(edge_s, *, aperture_s=DT, noise_a=0.003, height_a=20.0, seed=1, start_s=99.998, count=200):
    """Samples at the middles of their apertures, each the mean over it of a step at edge_s."""
    middles = start_s + DT * np.arange(count)
    after = np.clip((middles + aperture_s / 2 - edge_s) / aperture_s, 0.0, 1.0)
    noise = np.random.default_rng(seed).normal(0, noise_a, count)
    return Waveform(start_s, DT, height_a * after - 0.05 + noise)


@pytest.mark.parametrize("aperture_s", [DT, DT / 2])
@pytest.mark.parametrize("place", np.linspace(0, 1, 11))
def test_the_edge_is_found_between_the_samples(place, aperture_s):
    edge_s = 100.0 + place * DT
    # Between two apertures nobody looks: the edge is then known to half of that gap.
    assert step_in(record(edge_s, aperture_s=aperture_s), aperture_s) == pytest.approx(
        edge_s, abs=0.1e-6 + (DT - aperture_s)
    )


def test_no_edge_is_an_error():
    with pytest.raises(BenchError, match="is not seen"):
        step_in(record(200.0), DT)


def test_a_spike_or_a_ramp_is_no_edge():
    quiet = record(200.0).samples
    spike = quiet.copy()
    spike[100] += 20.0
    ramp = quiet + np.clip(np.linspace(-20.0, 20.0, 200), 0.0, None)
    for samples in (spike, ramp):
        with pytest.raises(BenchError, match="not a clean step"):
            step_in(Waveform(99.998, DT, samples), DT)
