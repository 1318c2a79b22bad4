"""Which bits of a frame are wrong: the line's margins and all sources of noise, bit by bit, at no cost while all is quiet.

Candidates are drawn at the highest chance that any bit can have now (the distances between them are geometric), and each
is then accepted with its own chance over that highest one: exact, also while the chances change ("thinning").

A hit is seen by all nodes alike with the probability 1 - `LOCAL_SHARE`, otherwise by one of them alone: the pair is
common, thresholds and sample points are not. The share, `LOCAL_SHARE`, is an assumption.
"""

import math
import random
from collections.abc import Mapping

from v2g_bench.can.physics.encode import Encoded
from v2g_bench.can.physics.line import Line
from v2g_bench.can.physics.noise import NoiseSource
from v2g_bench.can.physics.timing import BitTiming

LOCAL_SHARE = 0.2
_FAR = 1 << 60


class Interference:
    """`line` and `sources` may be changed at any time through `set`; `power_w` is the inverter's."""

    def __init__(self, timing: BitTiming, seed: int = 0, sample_point: float | None = None) -> None:
        self._timing = timing
        self._sample = sample_point  # of a node that samples elsewhere than the bus was designed for
        self._rng = random.Random(seed)
        self.line, self.sources, self.power_w = Line(), dict[str, NoiseSource](), 0.0
        self.set(self.line, {})

    def set(self, line: Line, sources: Mapping[str, NoiseSource], power_w: float = 0.0) -> None:
        """The line and what disturbs it from now on."""
        self.line, self.sources, self.power_w = line, dict(sources), power_w
        volts, rate = 0.0, 0.0
        for source in self.sources.values():
            more_v, more_rate = source.peak(power_w)
            volts, rate = math.hypot(volts, more_v), 1 - (1 - rate) * (1 - more_rate)
        chances = [self._chance(volts, rate, *kind) for kind in _KINDS]
        self._peak = min(1.0, max(chances))
        self._gap = self._next_gap()

    @property
    def quiet(self) -> bool:
        """No bit can be wrong."""
        return self._peak <= 0.0

    def passes(self, bits: int) -> bool:
        """True if none of the next bits is a candidate: they are used up. False changes nothing; see `hits`."""
        if self._gap < bits:
            return False
        self._gap -= bits
        return True

    def hits(self, code: Encoded, begin_s: float) -> list[int]:
        """The wrong bits of a frame that begins then, in order."""
        found, at, bits = [], self._gap, code.bits
        while at < len(bits):
            if self._taken(at, code, begin_s):
                found.append(at)
            at += 1 + self._next_gap()
        self._gap = at - len(bits)
        return found

    def next_wrong(self, begin_s: float, bits: int, dominant: bool) -> int | None:
        """The first wrong one of this many equal bits at the nominal rate (an error flag or delimiter); None if all pass."""
        at = self._gap
        while at < bits:
            volts, rate = self._at(begin_s + at * self._timing.bit_s)
            chance = self._chance(volts, rate, dominant, False, False)
            if self._rng.random() * self._peak < chance:
                self._gap = self._next_gap()
                return at
            at += 1 + self._next_gap()
        self._gap = at - bits
        return None

    def local(self) -> bool:
        """Whether the hit just drawn is seen by one node alone."""
        return self._rng.random() < LOCAL_SHARE

    def choose(self, count: int) -> int:
        """One of so many nodes."""
        return self._rng.randrange(count)

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self._rng.random() < share

    def _taken(self, at: int, code: Encoded, begin_s: float) -> bool:
        bits = code.bits
        dominant = bits[at] == "0"
        fast = 0 <= code.brs < at <= code.delimiter
        volts, rate = self._at(begin_s + self._timing.sample_s(code, at))
        chance = self._chance(volts, rate, dominant, at > 0 and bits[at - 1] == "0", fast)
        return self._rng.random() * self._peak < chance

    def _at(self, time_s: float) -> tuple[float, float]:
        volts, rate = 0.0, 0.0
        for source in self.sources.values():
            more_v, more_rate = source.at(time_s, self.power_w)
            volts, rate = math.hypot(volts, more_v), 1 - (1 - rate) * (1 - more_rate)
        return volts, rate

    def _chance(self, volts: float, rate: float, dominant: bool, after_dominant: bool, fast: bool) -> float:
        timing = self._timing
        share = timing.data_sample_point if fast else timing.sample_point
        sample_s = (share if self._sample is None else self._sample) * (timing.data_bit_s if fast else timing.bit_s)
        wrong = self.line.error_probability(
            volts,
            dominant=dominant,
            after_dominant=after_dominant and not dominant,
            sample_s=sample_s,
            round_trip=not fast,
        )
        return 1 - (1 - rate) * (1 - wrong)

    def _next_gap(self) -> int:
        """Bits until the next candidate, that one not counted."""
        if self._peak <= 0:
            return _FAR
        if self._peak >= 1:
            return 0
        return min(_FAR, int(math.log(1.0 - self._rng.random()) / math.log1p(-self._peak)))


_KINDS = [(dominant, after, fast) for dominant in (False, True) for after in (False, True) for fast in (False, True)]
