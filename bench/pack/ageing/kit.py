"""The cell of KIT's bat-age-model (Luh 2024): NMC / C-SiO, 3 Ah; made for V2G, in four losses that grow by steps.

SEI growth, cyclic wear, wear at low voltage, lithium plating. The first three run into a counterforce that grows with
the loss itself, so each has a ceiling (SEI after 650 days, wear after 146 equivalent full cycles): later V2G costs next
to nothing by construction. Each step depends on the state, so the order of the stress matters. All takes the terminal
voltage, OCV + I R, and the C-rate of the remaining capacity.
"""

import itertools
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import numpy as np

from v2g_bench.pack.ageing.law import kelvin
from v2g_bench.pack.ageing.series import Floats, Series

CELL_AH = 3.0
REFERENCE_V = 3.73
LOW_V = 3.2
SEI_COUNTER = 1.78e-8  # 1/s
WEAR_COUNTER = 9.5e-7  # per C-rate x s
LOW_COUNTER = 2.47e-4  # per C-rate x s
BLOCK_S = 86400.0  # what is stepped together


@dataclass(frozen=True)
class KitState:
    """The four losses, as shares of 3.0 Ah; a new cell has none."""

    sei: float = 0.0
    wear: float = 0.0
    low: float = 0.0
    plating: float = 0.0

    @property
    def total(self) -> float:
        """The lost share of the capacity."""
        return self.sei + self.wear + self.low + self.plating

    @property
    def capacity_ah(self) -> float:
        """What is left of 3.0 Ah."""
        return CELL_AH * (1.0 - self.total)


def ocv_v(soc: Floats) -> Floats:
    """OCV in V over SoC 0..1: KIT's fit to a discharge at C/20."""
    voltage = np.asarray(3.3 + 0.9 * soc)
    low, high = soc < 0.1326, soc > 0.87
    voltage[low] += 0.02 * (1.0 - np.exp(28.0 * (0.1326 - soc[low])))
    voltage[high] += 0.03 * (((soc[high] - 0.935) / 0.065) ** 2 - 1.0)
    return voltage


def anode_v(voltage: Floats) -> Floats:
    """Anode potential in V at a terminal voltage; by its authors rather a guess than a calibration."""
    return np.select(
        [voltage > 4.095, voltage > 3.83, voltage > 3.65, voltage > 3.5],
        [
            2.5 - 0.59047619 * voltage,
            np.full_like(voltage, 0.082),
            0.890555556 - 0.211111111 * voltage,
            np.full_like(voltage, 0.12),
        ],
        2.15 - 0.58 * voltage,
    )


def resistance_ohm(lost: float | Floats) -> float | Floats:
    """Of the cell that has lost this share."""
    return 0.05 + 0.1 * lost


def sei_rate(voltage: Floats, temperature_k: Floats) -> Floats:
    """Growth of the SEI loss without its counterforce, 1/s."""
    warm = np.exp(-2375.0 * (1.0 / temperature_k - 1.0 / 298.15))
    return 1.49e-9 * warm * np.exp(1.2 * (voltage - REFERENCE_V))


def wear_rate(voltage: Floats, lost: float | Floats) -> Floats:
    """Growth of the wear without its counterforce, per C-rate x s; faster beyond 14 % of loss."""
    return 2.67e-7 * np.abs(voltage - REFERENCE_V) * np.exp(2.25 * np.maximum(np.subtract(lost, 0.14), 0.0))


def low_rate(voltage: Floats, temperature_k: Floats) -> Floats:
    """Growth of the loss at low voltage without its counterforce, per C-rate x s."""
    warm = np.exp(1050.0 * (1.0 / temperature_k - 1.0 / 298.15))
    return 3.6e-5 * warm * np.maximum(LOW_V - voltage, 0.0)


def effective_resistance(temperature_k: Floats, lost: float | Floats) -> Floats:
    """V per C-rate by which a charge lowers the anode potential."""
    cold = (0.029 * np.maximum(314.65 - temperature_k, 0.0)) ** 3.5
    return (0.07 + cold) * np.exp(0.33 * np.asarray(lost))


def plating_rate(voltage: Floats, temperature_k: Floats, c_rate: Floats, lost: float | Floats) -> Floats:
    """Growth of the plating loss, 1/s; 0 unless it charges and the anode is below 0 V. c_rate of what is left, 1/h."""
    charging = np.maximum(c_rate, 0.0)
    below = np.maximum(effective_resistance(temperature_k, lost) * charging - anode_v(voltage), 0.0)
    return np.where(charging > 0, below * 5.3e-8 * charging**2.15, 0.0)


@dataclass(frozen=True)
class Block:
    """A stretch that is stepped with one state: at rest the SEI alone grows, with current everything does.

    All columns are times in s, V, K and 1/h of the nominal capacity; weights may be negative, to take a time away again.
    """

    rest_s: Floats
    rest_sei: Floats
    dt_s: Floats
    ocv: Floats
    warm_k: Floats
    c_rate: Floats
    sei_warm: Floats
    corrections: bool = False  # whether the rest holds the time with current too, at OCV

    @classmethod
    def of(cls, dt_s: Floats, ocv: Floats, warm_k: Floats, c_rate: Floats) -> "Block":
        """From samples."""
        rest, moving = c_rate == 0, c_rate != 0
        warm = warm_k[moving]
        at_rest, with_current = (dt_s[rest], sei_rate(ocv[rest], warm_k[rest])), (dt_s[moving], ocv[moving], warm)
        return cls(*at_rest, *with_current, c_rate[moving], sei_rate(np.full_like(warm, REFERENCE_V), warm))


def grown(state: KitState, at: KitState, block: Block) -> KitState:
    """`state` after the block, everything at the rates of the state `at`; nothing shrinks."""
    sei = state.sei + float(np.maximum(block.rest_sei - SEI_COUNTER * at.sei, 0.0) @ block.rest_s)
    if not len(block.dt_s):
        return KitState(sei, state.wear, state.low, state.plating)
    lost = at.total
    voltage = block.ocv + CELL_AH * block.c_rate * resistance_ohm(lost)
    rate = block.c_rate / max(1.0 - lost, 1e-3)
    charge = np.abs(rate) * block.dt_s
    force = block.sei_warm * np.exp(1.2 * (voltage - REFERENCE_V))
    sei += float(np.maximum(force - SEI_COUNTER * at.sei, 0.0) @ block.dt_s)
    if block.corrections:
        at_ocv = block.sei_warm * np.exp(1.2 * (block.ocv - REFERENCE_V))
        sei -= float(np.maximum(at_ocv - SEI_COUNTER * at.sei, 0.0) @ block.dt_s)
    wear = state.wear + float(np.maximum(wear_rate(voltage, lost) - WEAR_COUNTER * at.wear, 0.0) @ charge)
    low = state.low
    for place in np.nonzero(voltage < LOW_V)[0].tolist():  # its ceiling is reached within a cycle: no common state
        there = slice(place, place + 1)
        ceiling = float(low_rate(voltage[there], block.warm_k[there])[0]) / LOW_COUNTER
        if ceiling > low:
            low = ceiling + (low - ceiling) * float(np.exp(-LOW_COUNTER * charge[place]))
    plated = float(plating_rate(voltage, block.warm_k, rate, lost) @ block.dt_s)
    return KitState(sei, wear, low, state.plating + plated)


def advance(state: KitState, before: KitState | None, block: Block) -> KitState:
    """The state after the block, at the rates of its middle: foretold from the block `before`, or tried first."""
    begin, end = (state, grown(state, state, block)) if before is None else (before, state)
    middle = (now + 0.5 * (b - a) for now, a, b in zip(astuple(state), astuple(begin), astuple(end), strict=True))
    return grown(state, KitState(*middle), block)


def stepped(series: Series, state: KitState = KitState(), repeats: int = 1) -> KitState:
    """The state after the series, `repeats` times over; unknown intervals do not age. SoC and C-rate as in the series.

    The SoC counts at the end of each interval, as its authors do. A day shares one state, that of its middle: within
    5e-5 Ah of sample by sample after a year.
    """
    before = None
    days = list(_blocks(series)) if repeats > 1 else ()
    for _ in range(repeats):
        for block in days or _blocks(series):
            state, before = advance(state, before, block), state
    return state


def _blocks(series: Series) -> Iterator[Block]:
    edges = np.searchsorted(series.time_s, np.arange(series.time_s[0], series.time_s[-1], BLOCK_S)).tolist()
    known = series.known
    for begin, end in itertools.pairwise([*edges, len(series.time_s) - 1]):
        here = known[begin:end]
        if not here.any():
            continue
        dt = np.diff(series.time_s[begin : end + 1])[here]
        soc = np.clip(series.soc[begin + 1 : end + 1][here], 0.0, 1.0)
        warm_k = kelvin(series.temperature_c[begin + 1 : end + 1][here])
        yield Block.of(dt, ocv_v(soc), warm_k, series.rate(begin, end)[here])
