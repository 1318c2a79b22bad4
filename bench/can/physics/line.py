"""The pair of wires: what a bit's voltage is when it is sampled, and how likely noise makes another bit of it.

A dominant bit drives 2.0 V (ISO 11898-2:2016: 1.5 to 3.0 V), a receiver decides at 0.7 V (it must take 0.5 V as recessive
and 0.9 V as dominant). Nobody drives a recessive bit: the terminators discharge the line, so after a dominant bit

    v(t) = 2.0 V * exp(-(t - late) / tau),    tau = R * C,    late = 100 ns (+ 2 * length * 5 ns/m at the nominal rate)

with R the parallel resistance of the terminators (120 ohm each) and the nodes' inputs (30 kohm each), and C that of the
cable (60 pF/m) and the nodes (100 pF each). Transceivers may shorten a recessive bit by 100 ns (received recessive bit at
2 Mbit/s: 400 to 550 ns). Arbitration and acknowledgement wait for the farthest node and back; at the data rate receivers
follow the edges as they come. On a line without a mismatch this is the same as summing the reflections:
each round trip of 2 * length leaves the share r1 * r2 of the step, r = (R - 120) / (R + 120) at an end, and with both ends
open that is the slow discharge of the whole line. 5 ns/m, 120 ohm and the levels: ISO 11898-2; capacitances: typical
of CAN cable and transceivers (ISO 11898-2 allows up to 100 pF differential per node); the RC view of a missing terminator:
Texas Instruments SLLA270, "Controller Area Network physical layer requirements".

Noise is a differential voltage, Gaussian with a standard deviation in volts as it would be on a terminated line; what
couples in is a current, so a line of higher resistance sees more of it: volts * R / 60 ohm. The chance of a wrong bit is
Q(margin / sigma), the margin being the distance of the voltage at the sample point from 0.7 V.

>>> Line(length_m=5, terminators=2).error_probability(0.0, dominant=False, after_dominant=True, sample_s=400e-9)
0.0
>>> Line(length_m=5, terminators=0).error_probability(0.0, dominant=False, after_dominant=True, sample_s=1.6e-6)
1.0
"""

import math
from dataclasses import dataclass
from functools import cached_property

DOMINANT_V, THRESHOLD_V = 2.0, 0.7
IMPEDANCE_OHM, NODE_OHM, TERMINATED_OHM = 120.0, 30_000.0, 60.0
CABLE_F_PER_M, NODE_F = 60e-12, 100e-12
DELAY_S_PER_M, SHORTENED_S = 5e-9, 100e-9


@dataclass(frozen=True)
class Line:
    """length_m: between the ends; terminators: of 120 ohm, 2 on a good line; nodes: connected transceivers."""

    length_m: float = 5.0
    terminators: int = 2
    nodes: int = 3

    @cached_property
    def resistance_ohm(self) -> float:
        """Between the wires: 60 ohm on a good line."""
        return 1.0 / (self.terminators / IMPEDANCE_OHM + self.nodes / NODE_OHM)

    @cached_property
    def tau_s(self) -> float:
        """The time constant with which a dominant level decays."""
        return self.resistance_ohm * (CABLE_F_PER_M * self.length_m + NODE_F * self.nodes)

    @cached_property
    def noise_gain(self) -> float:
        """How much more of a disturbance is seen than on a terminated line; 1 there."""
        return self.resistance_ohm / (1.0 / (2 / IMPEDANCE_OHM + self.nodes / NODE_OHM))

    def left_v(self, after_s: float, *, round_trip: bool = False) -> float:
        """What is left of a dominant level at this time after the edge to recessive; round_trip: at the nominal rate."""
        passed_s = after_s - SHORTENED_S - (2 * self.length_m * DELAY_S_PER_M if round_trip else 0.0)
        return DOMINANT_V if passed_s <= 0 else DOMINANT_V * math.exp(-passed_s / self.tau_s)

    def error_probability(
        self, noise_v: float, *, dominant: bool, after_dominant: bool, sample_s: float, round_trip: bool = False
    ) -> float:
        """Chance that a bit is read as the other one. noise_v: on a terminated line; sample_s: after its edge."""
        if dominant:
            margin_v = DOMINANT_V - THRESHOLD_V
        else:
            margin_v = THRESHOLD_V - (self.left_v(sample_s, round_trip=round_trip) if after_dominant else 0.0)
        sigma_v = noise_v * self.noise_gain
        if sigma_v <= 0:
            return 0.0 if margin_v > 0 else 1.0
        return 0.5 * math.erfc(margin_v / sigma_v / math.sqrt(2))
