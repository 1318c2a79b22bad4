"""Electromagnetic interference (EMI) from the power stage on the CAN wires."""

import math
from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import BusExpectation

CLEAR_PCT = 15.0  # of the frames: a loss by chance in one window is not that far from its mean
NO_SILENCE = 2  # lost frames of one identifier in a row are noise; receivers call 3 to 10 missed cycles a silence


def above(limit_pct: float, times: float) -> float:
    """A loss of so many times the limit (%), but no more beyond it than a BMS that is still heard."""
    return min(times * limit_pct, limit_pct + CLEAR_PCT, (limit_pct + 100.0) / 2)


def noise(limit_pct: float, times: float) -> "EmiNoise":
    """Lost frames of so many times the limit (%), and no silence by chance: what is tested is the noise alone.

    The gap is longer than NO_SILENCE only where so high a loss is not to be had without.
    """
    loss_pct = above(limit_pct, times)
    for gap in range(NO_SILENCE, 100):
        fault = EmiNoise(loss_pct=loss_pct, longest_gap=gap)
        if 100.0 * fault.loss_share() >= (limit_pct + loss_pct) / 2:
            return fault
    return EmiNoise(loss_pct=loss_pct)


@dataclass(frozen=True)
class EmiNoise(Fault):
    """Frames of the BMS are lost, come with flipped bits, up to `jitter_ms` late, or twice; each share is of all of its frames.

    burst_frames: how many in a row one loss or flip hits. longest_gap: so many of one identifier are lost in a row at the
    most (0: no bound).
    """

    loss_pct: float = 0.0
    flip_pct: float = 0.0
    burst_frames: int = 1
    jitter_ms: float = 0.0
    duplicate_pct: float = 0.0
    longest_gap: int = 0

    kind: ClassVar[str] = "emi_noise"

    def __post_init__(self) -> None:
        for field in ("loss_pct", "flip_pct", "duplicate_pct"):
            self.check(field, 0, 100)
        self.check("burst_frames", 1, 1000, whole=True)
        self.check("jitter_ms", 0, 10_000)
        self.check("longest_gap", 0, 1000, whole=True)
        if self.longest_gap and self.burst_frames != 1:
            raise BenchError(
                f"fault {self.kind}: longest_gap", "bounds single losses, not bursts", "leave out burst_frames"
            )
        if not (self.loss_pct or self.flip_pct or self.jitter_ms or self.duplicate_pct):
            raise BenchError(
                f"fault {self.kind}", "disturbs nothing", "give loss_pct, flip_pct, jitter_ms or duplicate_pct"
            )

    def transmit(self) -> DisturbanceSettings:
        """The same numbers, for the transmit path."""
        return DisturbanceSettings(
            self.loss_pct,
            self.flip_pct,
            int(self.burst_frames),
            self.jitter_ms,
            self.duplicate_pct,
            longest_gap=int(self.longest_gap),
        )

    def loss_share(self) -> float:
        """The share of frames that are lost (1).

        Of single losses p a run of k has the weight p^k; with at most g in a row, each frame that passes ends a run of 0 to g.
        """
        share = self.loss_pct / 100.0
        if not self.longest_gap:
            return share
        runs = [share**length for length in range(self.longest_gap + 1)]
        return sum(runs[1:]) / sum(runs)

    def readback(self) -> BusExpectation:
        """Each share is within 4 standard deviations of what was asked for, over enough frames that none can be zero.

        A burst counts as one event: the standard deviation of a share p over n frames is sqrt(p (1 - p) B / n). Losses
        come first, so flips and duplicates are shares of the frames that are left. Only what can be seen from
        the protection of the frames is claimed: flips and duplicates need end-to-end protected messages.
        """
        loss = self.loss_share()
        left = 1.0 - loss
        shares = {
            "lost_pct": (loss, self.burst_frames),
            "bad_pct": (left * self.flip_pct / 100.0, self.burst_frames),
            "repeated_pct": (left * self.duplicate_pct / 100.0, 1),
        }
        asked = {name: (share, run) for name, (share, run) in shares.items() if share > 0}
        frames = max([100.0] + [25.0 * run * (1.0 - share) / share for share, run in asked.values()])
        bounds = {}
        for name, (share, run) in asked.items():
            spread = 4.0 * math.sqrt(share * (1.0 - share) * run / frames) + run / frames / 5.0
            bounds[name] = (100.0 * max(share - spread, 0.04 * share), 100.0 * min(share + spread, 1.0))
        if self.jitter_ms:
            bounds["spread_ms"] = (0.5 * self.jitter_ms, math.inf)
        return BusExpectation(window_s=0.0, bounds=bounds, min_expected=math.ceil(frames))
