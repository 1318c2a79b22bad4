"""The outcome of one frame whose bits were hit: what each node sees, at which bit it detects it, and how long it takes.

A hit that all nodes see is found by the transmitter at that very bit. One that a single node sees is found when that
node's decoder finds it (stuff, form, CRC), by the true rules and on the true bits; then its error flag destroys the frame
for everybody, unless it is error-passive: then it alone has missed it. What a receiver takes for a good frame is handed
to it as it saw it, right or wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from v2g_bench.can.physics.decode import Reception, decode
from v2g_bench.can.physics.encode import Encoded, encode
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.node import Node

FLAG = 6
_REST = "1" * 700  # an idle wire, for a decoder that was led to expect a longer frame

encoded = lru_cache(maxsize=512)(encode)  # a frame is encoded when it is hit; its repetitions need not be again


@dataclass
class Outcome:
    """ok: the sender saw its frame through. found: node -> (bit at which it knew of an error, kind). accepted: the
    receivers that took it, with what they saw where that was another frame. last: the last bit of the frame that was on
    the wire, flags_end: the last bit of the error flags (counted like bits of the frame, at the nominal rate).
    lost: transmitters that took the error for a lost arbitration, and so were receivers when they found it.
    """

    ok: bool
    last: int
    flags_end: int = -1
    found: dict[Node, tuple[int, str]] = field(default_factory=dict)
    accepted: dict[Node, WireFrame] = field(default_factory=dict)
    lost: set[Node] = field(default_factory=set)


def judge(
    frame: WireFrame,
    transmitters: Sequence[Node],
    receivers: Sequence[Node],
    common: int | None,
    local: Mapping[Node, Sequence[int]],
) -> Outcome:
    """The outcome for a frame in which bit `common` is wrong for all, and the bits in `local` for one node each."""
    code = encoded(frame)
    found, accepted = _own_errors(code, frame, transmitters, receivers, local)
    if common is not None:
        for sender in transmitters:
            if sender not in found or found[sender][0] > common:
                found[sender] = common, "ack" if common == code.ack else "bit"
    # Only an active node, or the transmitter that falls silent, changes what the others see.
    in_doubt = [at for node, (at, _) in found.items() if node in transmitters or node.counters.state == "active"]
    if not in_doubt:
        return _seen_through(code, frame, transmitters, receivers, found, accepted)
    first = min(in_doubt)
    wire = _flipped(code.bits, [common]) if common is not None and common <= first else code.bits
    lost = {
        sender
        for sender in transmitters
        if sender in found and found[sender][0] == first < code.arbitration_end and code.bits[first] == "1"
    }
    flagging = [
        node for node, (at, _) in found.items() if at == first and node.counters.state == "active" and node not in lost
    ]
    broken = wire[: first + 1] + ("0" if flagging else "1") * (FLAG + 6) + _REST
    outcome = Outcome(ok=False, last=first, lost=lost)
    outcome.found = {node: (at, kind) for node, (at, kind) in found.items() if at <= first and node not in lost}
    seen = decode(broken)
    for sender in transmitters:
        if sender not in outcome.found:
            _sender_learns(outcome, sender, code, first, bool(flagging), seen)
    for node in receivers:
        if node in outcome.found:
            continue
        if seen.frame is not None:
            outcome.accepted[node] = accepted.get(node, frame)
        else:
            outcome.found[node] = max(seen.at, first), seen.error
    outcome.ok = all(sender not in outcome.found for sender in transmitters)
    outcome.flags_end = max((at for at, _ in outcome.found.values()), default=first) + FLAG
    return outcome


def _own_errors(
    code: Encoded,
    frame: WireFrame,
    transmitters: Sequence[Node],
    receivers: Sequence[Node],
    local: Mapping[Node, Sequence[int]],
) -> tuple[dict[Node, tuple[int, str]], dict[Node, WireFrame]]:
    """What each node that saw different bits would detect if no other node did anything."""
    found: dict[Node, tuple[int, str]] = {}
    accepted: dict[Node, WireFrame] = {}
    for node, places in local.items():
        if node in transmitters:
            found[node] = min(places), "ack" if min(places) == code.ack else "bit"
        elif node in receivers:
            seen = decode(_flipped(code.bits, places) + _REST)
            if seen.frame is None:
                found[node] = min(seen.at, len(code.bits) - 1), seen.error
            elif seen.frame != frame:
                accepted[node] = seen.frame
    return found, accepted


def _seen_through(
    code: Encoded,
    frame: WireFrame,
    transmitters: Sequence[Node],
    receivers: Sequence[Node],
    found: dict[Node, tuple[int, str]],
    accepted: dict[Node, WireFrame],
) -> Outcome:
    """No node destroyed the frame: it is good if one acknowledged it."""
    end = len(code.bits) - 1
    if any(node not in found or found[node][0] > code.ack for node in receivers) or len(transmitters) > 1:
        received = {node: accepted.get(node, frame) for node in receivers if node not in found}
        return Outcome(True, end, found=found, accepted=received)
    troubles = dict.fromkeys(transmitters, (code.ack, "ack")) | found
    return Outcome(False, code.ack, code.ack + FLAG, troubles)


def _sender_learns(outcome: Outcome, sender: Node, code: Encoded, first: int, dominant: bool, seen: Reception) -> None:
    """The transmitter finds the flag of another at its next recessive bit; in the arbitration it falls silent first."""
    place = code.bits.find("1", first + 1) if dominant else -1
    if sender in outcome.lost or 0 <= place < code.arbitration_end:
        outcome.lost.add(sender)
        outcome.found[sender] = max(seen.at, first), seen.error or "stuff"
    elif place >= 0:
        outcome.found[sender] = place, "ack" if place == code.ack else "bit"


def _flipped(bits: str, places: Sequence[int]) -> str:
    changed = list(bits)
    for place in places:
        changed[place] = "1" if changed[place] == "0" else "0"
    return "".join(changed)
