"""Open-circuit voltage (OCV) of an NMC cell over its state of charge, as a table.

The table samples the analytic fit for a Samsung SDI 94 Ah prismatic NMC cell given by Collath et al. 2024 (J. Energy
Storage, doi 10.1016/j.est.2024.111508). It stands in for other mid-nickel cells: between published NMC cells the OCV
at one SoC differs by up to 0.1 V. The fit ends at 4.127 V (100 %) and stays above 3.2 V down to 0 %.

>>> round(float(ocv_v(np.array([0.5]))[0]), 3)
3.694
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Collath 2024: OCV = k0 + k1/(1+e^(a1(s-b1))) + k2/(1+e^(a2(s-b2))) + k3/(1+e^(a3(s-1))) + k4/(1+e^(a4 s)) + k5 s
_A = (3.3479, -6.7241, 2.5958, -61.9684)
_B = (0.6350, 1.4376, 1.0, 0.0)
_K = (4.5868, 3.1768, -3.8418, -4.6932, 0.3618, 0.9949)


def fitted_ocv_v(soc: Floats) -> Floats:
    """The published fit itself, V; soc from 0 to 1, any shape."""
    value = _K[0] + _K[5] * soc
    for k, a, b in zip(_K[1:5], _A, _B, strict=True):
        value = value + k / (1.0 + np.exp(a * (soc - b)))
    return np.asarray(value)


# 0.5 % steps: linear interpolation stays within 0.5 mV of the fit.
SOC_POINTS: Floats = np.linspace(0.0, 1.0, 201)
OCV_POINTS_V: Floats = fitted_ocv_v(SOC_POINTS)


def ocv_v(soc: Floats) -> Floats:
    """OCV in V at SoC 0..1 (any shape) by linear interpolation; held at the ends outside 0..1."""
    return np.interp(soc, SOC_POINTS, OCV_POINTS_V)


def soc_at(ocv: float) -> float:
    """The SoC (0..1) of a cell at rest at `ocv` V: the inverse of the table, held at its ends."""
    return float(np.interp(ocv, OCV_POINTS_V, SOC_POINTS))
