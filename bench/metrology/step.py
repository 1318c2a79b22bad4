"""Where a step rose inside a record: how the bench finds the edge of its sync line in a digitizer's samples.

>>> step_in(Waveform.of(0.0, 1e-3, [0.0] * 8 + [5.0] + [10.0] * 8), 1e-3)
0.008
"""

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.metrology.waveform import Waveform

CLEAR_SIGMA = 8.0


def step_in(waveform: Waveform, aperture_s: float) -> float:
    """When a step rose inside a record (bench clock, s); BenchError when there is none, or noise hides it.

    A sample is a mean over its aperture: the one that holds the step says by its height how much of it came after.
    """
    samples = waveform.samples
    low, high = float(np.median(samples[: len(samples) // 4])), float(np.max(samples))
    sigma = max(float(np.std(samples[: len(samples) // 4])), 1e-12)
    if high - low < 4 * CLEAR_SIGMA * sigma:
        raise BenchError("sync edge", "is not seen in the record", "does the sync line reach the digitizer's input?")
    place = int(np.argmax(samples - low > CLEAR_SIGMA * sigma))
    plateau = samples[place + 1 : place + 5]
    if place == 0 or plateau.size == 0 or float(np.min(plateau)) - low < 0.5 * (high - low):
        raise BenchError("sync edge", "is not a clean step in the record", "what else reaches the digitizer's input?")
    share = min(1.0, (float(samples[place]) - low) / (float(np.median(plateau)) - low))
    return float(waveform.start_s + place * waveform.dt_s + (0.5 - share) * aperture_s)
