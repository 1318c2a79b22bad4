"""What is wrong with a wire, as data, and the hand that makes a `Wire` so.

A `Condition` is one thing that is wrong; several hold at once. `Conditions` applies the list as a whole: what is no longer
in it is removed.

>>> Condition(terminators=1, length_m=30).to_dict()
{'terminators': 1, 'length_m': 30}
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Protocol

from v2g_bench.can.physics.bus import Wire
from v2g_bench.can.physics.encode import INTERMISSION
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.interference import Interference
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.line import Line
from v2g_bench.can.physics.node import Node
from v2g_bench.can.physics.noise import BitErrors, GilbertElliott, NoiseSource, SwitchingNoise
from v2g_bench.inputs.ranges import CanId, FrequencyHz, PauseS, PowerW, Ranged, Within

ALWAYS = 1e-3
Rate = Annotated[float, Within(0, 1)]
TRAFFIC = "traffic"  # the name of nodes that only make load


@dataclass(frozen=True)
class Condition(Ranged):
    """bit_error_rate: of every bit; burst_*, gap_s: mean times and the rate inside a burst; switching_*: volts rms at rated
    power on a terminated line, frequency of the bridge, ringing after each edge; terminators, length_m: the line; shorted:
    held dominant; cut: name of a node whose wires are open; sick, sick_share: a node and the share of its frames that it
    sends wrong; sampling, sample_point: a node and where in a bit it samples; load_*: a node that sends frames of this
    identifier and length so often that it alone would take this share of the time.
    """

    bit_error_rate: Rate = 0.0
    burst_error_rate: Rate = 0.0
    burst_s: PauseS = 0.0
    gap_s: PauseS = 0.0
    switching_v: Annotated[float, Within(0, 1000)] = 0.0
    switching_hz: FrequencyHz = 20_000.0
    ring_s: PauseS = 2e-6
    rated_w: PowerW = 11_000.0
    terminators: Annotated[int, Within(0, 10)] = 2
    length_m: Annotated[float, Within(0, 10_000)] = 0.0
    shorted: bool = False
    cut: str = ""
    sick: str = ""
    sick_share: Rate = 0.0
    sampling: str = ""
    sample_point: Rate = 0.0
    load_share: Rate = 0.0
    load_id: CanId = 0
    load_length: Annotated[int, Within(0, 64)] = 64

    def to_dict(self) -> dict[str, Any]:
        """What differs from a wire without defects, JSON-ready."""
        return {key: value for key, value in asdict(self).items() if value != _SOUND[key]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Condition":
        """The condition of `to_dict`; ValueError for an unknown key."""
        unknown = sorted(set(data) - set(_SOUND))
        if unknown:
            raise ValueError(f"a wire has no {', '.join(unknown)}")
        return cls(**data)

    def source(self, seed: int) -> NoiseSource | None:
        """Its noise, if it makes some."""
        if self.bit_error_rate:
            return BitErrors(self.bit_error_rate)
        if self.burst_error_rate:
            return GilbertElliott(self.gap_s, self.burst_s, self.burst_error_rate, seed=seed)
        if self.switching_v:
            return SwitchingNoise(self.switching_v, self.switching_hz, self.ring_s, self.rated_w)
        return None


_SOUND = {field.name: field.default for field in fields(Condition)}


class WireControl(Protocol):
    """The hand on a wire, wherever it runs."""

    def set(self, conditions: list[Condition]) -> None:
        """All that is wrong from now on; an empty list: nothing."""
        ...

    def power(self, power_w: float) -> None:
        """What the inverter near the wire does now."""
        ...

    def status(self) -> dict[str, Any]:
        """Resistance between the wires, load, frames, destroyed frames, and every node's counters and state."""
        ...


class Conditions:
    """Applies conditions to a wire. length_m: of the cable as it is built; seed: of everything random."""

    def __init__(self, wire: Wire, *, length_m: float = 5.0, seed: int = 0) -> None:
        self._wire, self._length_m, self._seed = wire, length_m, seed
        self._conditions: list[Condition] = []
        self._traffic: dict[Condition, Node] = {}
        self._power_w = 0.0
        self._sources: dict[Condition, NoiseSource] = {}
        self._disturb()

    def set(self, conditions: Iterable[Condition], now_s: float) -> None:
        """These and no others, from now on."""
        self._conditions = list(conditions)
        for condition in [known for known in self._traffic if known not in self._conditions]:
            self._wire.leave(self._traffic.pop(condition))
        for condition in self._conditions:
            if condition.load_share and condition not in self._traffic:
                self._traffic[condition] = self._start_traffic(condition, now_s)
        self._wire.short(any(condition.shorted for condition in self._conditions), now_s)
        for node in self._wire.nodes:
            self.joined(node, now_s)
        self._disturb()

    def joined(self, node: Node, now_s: float) -> None:
        """A node that is new meets what is wrong."""
        cut = any(condition.cut == node.name for condition in self._conditions)
        if cut == node.attached:
            self._wire.cut(node, cut, now_s)
        sick = max((c.sick_share for c in self._conditions if c.sick == node.name), default=0.0)
        if sick != node.sick_share:
            self._wire.make_sick(node, sick)
        points = [c.sample_point for c in self._conditions if c.sampling == node.name]
        if points:
            own = Interference(self._wire.timing, self._seed, points[0])
            own.set(self._line(), {})
            self._wire.own[node] = own
        else:
            self._wire.own.pop(node, None)

    def power(self, power_w: float) -> None:
        """The inverter's power, for noise that follows it."""
        if power_w != self._power_w:
            self._power_w = power_w
            if any(condition.switching_v for condition in self._conditions):
                self._disturb()

    def status(self, now_s: float) -> dict[str, Any]:
        """See `WireControl`."""
        wire = self._wire
        return {
            "time_s": now_s,
            "ohm": wire.interference.line.resistance_ohm,
            "load_pct": wire.load.percent(now_s),
            "frames": wire.frames,
            "destroyed": wire.destroyed,
            "nodes": {node.name: node.status() for node in wire.nodes},
            "conditions": [condition.to_dict() for condition in self._conditions],
        }

    def _line(self) -> Line:
        missing = min((condition.terminators for condition in self._conditions), default=2)
        length_m = max((condition.length_m for condition in self._conditions), default=0.0) or self._length_m
        return Line(length_m, missing, max(2, len(self._wire.nodes)))

    def _disturb(self) -> None:
        kept = {
            condition: self._sources.get(condition) or condition.source(self._seed) for condition in self._conditions
        }
        self._sources = {condition: source for condition, source in kept.items() if source is not None}
        sources = {str(place): source for place, source in enumerate(self._sources.values())}
        self._wire.interference.set(self._line(), sources, self._power_w)

    def _start_traffic(self, condition: Condition, now_s: float) -> Node:
        node = self._wire.join(TRAFFIC)
        fd = condition.load_length > 8
        frame = WireFrame(condition.load_id, bytes([0x55] * condition.load_length), fd=fd, brs=fd)
        bits = frame_bits(frame)
        lasts_s = self._wire.timing.duration_s(bits.nominal + INTERMISSION, bits.data)
        # A node that never pauses is always ready before the wire is free again.
        period_s = lasts_s / condition.load_share if condition.load_share < 1 else ALWAYS * lasts_s
        self._wire.babble(node, frame, period_s, now_s)
        return node
