"""Frames of the BMS that are no news, out of order, of two senders or too short; see `bms.tampering` for the manners."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.bms.tampering import MANNERS, SCOPES, Tampering
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import BusExpectation

MOST_PCT, HALF_PCT, SOME_PCT, TWO_SENDERS_PCT = 40.0, 25.0, 60.0, 140.0
ON_ITS_WAY_PCT = 10.0  # a frame that left just before is no sign that others come
WINDOW_S = 0.05


@dataclass(frozen=True)
class TamperedFrames(Fault):
    """Frames in `scope` leave in this `manner`, all but one of `good_of` (0: all); `step` is that of the counter."""

    manner: str
    scope: str = "all"
    good_of: int = 0
    step: int = 1

    kind: ClassVar[str] = "tampered_frames"

    def __post_init__(self) -> None:
        self.check("good_of", 0, 1000, whole=True)
        self.check("step", 1, 255, whole=True)
        for field, known in (("manner", [one for one in MANNERS if one != "write"]), ("scope", SCOPES)):
            if getattr(self, field) not in known:
                raise BenchError(
                    f"fault {self.kind}", f"no {field} {getattr(self, field)!r}", f"use {', '.join(known)}"
                )

    def transmit(self) -> DisturbanceSettings:
        """The same, for the transmit path."""
        what = cast(Any, Tampering)(self.manner, self.scope, int(self.good_of), int(self.step))
        return DisturbanceSettings(tampering=what)

    def readback(self) -> BusExpectation:
        """What the traffic in its scope shows: each manner has a measure of its own."""
        share = (HALF_PCT if self.good_of else MOST_PCT, math.inf)  # a frame more than expected may come
        bounds = {
            "freeze": {"repeated_pct": share},
            "damage": {"bad_pct": share},
            "drop": {"lost_pct": (SOME_PCT, 100.0)} if self.good_of else {"received_pct": (0.0, ON_ITS_WAY_PCT)},
            "swap": {"out_of_step_pct": (MOST_PCT, math.inf)},
            "stride": {"out_of_step_pct": (MOST_PCT, math.inf)},
            "jump": {"out_of_step": (1.0, math.inf)},
            "restart": {"out_of_step": (1.0, math.inf)},
            "second": {"received_pct": (TWO_SENDERS_PCT, math.inf)},
            "shorten": {"short_pct": (MOST_PCT, math.inf)},
        }[self.manner]
        frames = max(4, 3 * int(self.good_of))
        return BusExpectation(window_s=WINDOW_S, bounds=bounds, min_expected=frames, scope=self.scope)
