"""What electromagnetic interference (EMI) and a faulty transmitter do to frames on their way to the bus.

A seeded core without I/O: a frame and its time go in, the frames that really leave and their times come out. The frame
comes in with its end-to-end counter and CRC already filled in, so a flipped bit leaves the CRC stale: this represents
corruption that the CAN controller's own CRC cannot see (in the ECU or in a gateway), which is what the end-to-end
protection exists for. A lost frame is simply absent, as after a bus error without retransmission.

Bursts: a disturbance hits `burst_frames` frames in a row, and the share of disturbed frames stays what was asked for.
With bursts of length B and share L the chance that a burst begins at an undisturbed frame is p = L / (B - L (B - 1)).
It follows from the mean run (1 - p) / p of good frames between two bursts.

>>> import can
>>> path = Disturbance(seed=1)
>>> path.settings = DisturbanceSettings(silent=True)
>>> path.transmit(can.Message(arbitration_id=0x100), now_s=0.0)
[]
"""

import copy
import random
from dataclasses import asdict, dataclass
from typing import NamedTuple

import can


@dataclass(frozen=True)
class DisturbanceSettings:
    """How bad the transmit path is. Percentages are shares of the frames that the BMS wants to send.

    loss_pct: frames that never appear; flip_pct: frames with one to three flipped payload bits; burst_frames: how many
    frames in a row one loss or flip hits; jitter_ms: each frame is delayed by 0 to this much, evenly distributed, the
    frames of one identifier keep their order; duplicate_pct: frames that appear twice; silent: nothing appears; frozen:
    every frame is the last one of its identifier again; longest_gap: so many frames of one identifier at most are lost
    in a row (0: no bound), for noise that is no silence.
    """

    loss_pct: float = 0.0
    flip_pct: float = 0.0
    burst_frames: int = 1
    jitter_ms: float = 0.0
    duplicate_pct: float = 0.0
    silent: bool = False
    frozen: bool = False
    longest_gap: int = 0

    def joined(self, other: "DisturbanceSettings") -> "DisturbanceSettings":
        """Both at once: independent losses combine, the longer burst and the larger jitter count."""

        def both(a_pct: float, b_pct: float) -> float:
            return 100.0 * (1.0 - (1.0 - a_pct / 100.0) * (1.0 - b_pct / 100.0))

        return DisturbanceSettings(
            loss_pct=both(self.loss_pct, other.loss_pct),
            flip_pct=both(self.flip_pct, other.flip_pct),
            burst_frames=max(self.burst_frames, other.burst_frames),
            jitter_ms=max(self.jitter_ms, other.jitter_ms),
            duplicate_pct=both(self.duplicate_pct, other.duplicate_pct),
            silent=self.silent or other.silent,
            frozen=self.frozen or other.frozen,
            longest_gap=self._joined_gap(other),
        )

    def _joined_gap(self, other: "DisturbanceSettings") -> int:
        """The wider bound of those that lose frames; none where one of them has none."""
        gaps = [one.longest_gap for one in (self, other) if one.loss_pct > 0]
        return max(gaps) if gaps and all(gaps) else 0


QUIET = DisturbanceSettings()


@dataclass
class DisturbanceCounters:
    """How many frames came in, and what became of them. A frame can be flipped, delayed and duplicated at once."""

    offered: int = 0
    passed_clean: int = 0
    lost: int = 0
    flipped: int = 0
    delayed: int = 0
    duplicated: int = 0
    silenced: int = 0

    def to_dict(self) -> dict[str, int]:
        """The counters by name."""
        return asdict(self)


class Sent(NamedTuple):
    """One frame that leaves: when (bench clock), what, and whether its payload is as the BMS made it."""

    at_s: float
    frame: can.Message
    clean: bool = True


class _Burst:
    """Decides for each frame in turn whether it is hit: bursts of a fixed length at a given overall share."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._left = rng, 0

    def hits(self, share_pct: float, length: int) -> bool:
        if share_pct <= 0:
            self._left = 0
            return False
        if self._left == 0:
            share = share_pct / 100.0
            if self._rng.random() >= share / (length - share * (length - 1)):
                return False
            self._left = length
        self._left -= 1
        return True


class Disturbance:
    """The transmit path. `settings` may be replaced at any time; the same seed and frames give the same outcome."""

    def __init__(self, seed: int = 0) -> None:
        self.settings = QUIET
        self.counters = DisturbanceCounters()
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start the random sequence again, from `seed`; a running burst ends."""
        self._rng = random.Random(seed)
        self._loss, self._flip = _Burst(self._rng), _Burst(self._rng)
        self._last_s: dict[tuple[int, bool], float] = {}
        self._newest: dict[tuple[int, bool], can.Message] = {}
        self._gap: dict[tuple[int, bool], int] = {}

    @property
    def idle(self) -> bool:
        """True while every frame leaves as it came, at once."""
        return self.settings is QUIET and not self._last_s

    def transmit(self, frame: can.Message, now_s: float) -> list[Sent]:
        """The frames that leave because `frame` was handed over at `now_s`: none, one, or two (a duplicate)."""
        settings, counters = self.settings, self.counters
        counters.offered += 1
        key = (frame.arbitration_id, frame.is_extended_id)
        if settings.frozen:
            frame = self._newest.get(key, frame)
        self._newest[key] = frame
        if self.idle:
            self._gap.pop(key, None)
            counters.passed_clean += 1
            return [Sent(now_s, frame)]
        if settings.silent:
            counters.silenced += 1
            return []
        if self._loses(key):
            counters.lost += 1
            return []
        flipped = self._flip.hits(settings.flip_pct, settings.burst_frames) and len(frame.data) > 0
        if flipped:
            counters.flipped += 1
            frame = self._with_flipped_bits(frame)
        sent = Sent(self._delayed(frame, now_s), frame, clean=not flipped)
        if self._rng.random() * 100.0 < settings.duplicate_pct:
            counters.duplicated += 1
            return [sent, sent]
        if not flipped and sent.at_s == now_s:
            counters.passed_clean += 1
        return [sent]

    def _loses(self, key: tuple[int, bool]) -> bool:
        """Whether this frame is lost; never the one that would make the gap of its identifier longer than allowed."""
        settings, gap = self.settings, self._gap.get(key, 0)
        lost = self._loss.hits(settings.loss_pct, settings.burst_frames)
        lost = lost and not (settings.longest_gap and gap >= settings.longest_gap)
        self._gap[key] = gap + 1 if lost else 0
        return lost

    def _with_flipped_bits(self, frame: can.Message) -> can.Message:
        """A copy with one to three different payload bits inverted (CRC-16 finds every such pattern)."""
        bits = range(8 * len(frame.data))
        damaged = copy.copy(frame)
        damaged.data = bytearray(frame.data)
        for bit in self._rng.sample(bits, k=self._rng.randint(1, 3)):
            damaged.data[bit // 8] ^= 1 << (bit % 8)
        return damaged

    def _delayed(self, frame: can.Message, now_s: float) -> float:
        """When the frame leaves; never before an earlier frame of the same identifier."""
        key = (frame.arbitration_id, frame.is_extended_id)
        if self.settings.jitter_ms <= 0:
            at_s = max(now_s, self._last_s.pop(key, now_s))
        else:
            at_s = max(now_s + self._rng.random() * self.settings.jitter_ms / 1e3, self._last_s.get(key, now_s))
            self._last_s[key] = at_s
        if at_s > now_s:
            self.counters.delayed += 1
        return at_s
