"""Faults on this rig: injected, proven on the bus by readback, and always taken back.

The timestamp of the frame that first carries the fault is t0 of the measurement. It comes from the bus, never from the
moment at which the fault was requested.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from v2g_bench.can.trace import raw_counts
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.evidence.record import Shown
from v2g_bench.faults import (
    BmsSilence,
    BusExpectation,
    CountExpectation,
    Expectation,
    Fault,
    WireExpectation,
    WireFault,
)
from v2g_bench.faults.carried import as_carried, carried, wrong_side
from v2g_bench.faults.expectation import DANGEROUS_ABOVE
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.parts.timing import Timestamp
from v2g_bench.rig.parts.traffic import bms_frames, window

READBACK_S = 5.0
HEALTHY_S = 3.0
POLL_S = 0.01
SILENCE = Shown(silence=True)
BEFORE_S = 1.0  # of the bus before a fault: a silence counts from the last frame


@dataclass(frozen=True)
class Active:
    """A fault that is in force, with the value that is on the bus.

    on_bus: the stamp of the first frame that carries it (of the last frame for silence).
    """

    fault: Fault
    on_bus: Timestamp


class Injector:
    """Injects into the emulated world of this rig, or by the gateway in front of its BMS."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._silencing = 0  # how many blocks that may silence the BMS are open

    @contextmanager
    def active(
        self,
        faults: Sequence[Fault],
        phase_s: float,
        meanwhile: Callable[[], object] | None = None,
        *,
        alone: bool = False,
    ) -> Iterator[Active]:
        """The faults, all at once, each proven by readback, while the block runs; see `Bench.inject`.

        BenchError if one of them does not reach the bus in time. Of several the first on the bus counts.
        """
        parts = self._parts
        client = parts.world.faults
        kinds = ", ".join(fault.kind for fault in faults)
        if client is None:
            raise BenchError(
                f"fault {kinds}",
                "this rig has no emulated BMS and no gateway to inject it through",
                "put the BMS on [bus.bms] and the controller on [bus.ems]",
            )
        hidden = [fault.kind for fault in faults if not fault.on_the_bus()]
        if parts.loaded.rig.has_gateway and hidden:
            raise NotTested(f"{hidden[0]} changes nothing on the bus: no gateway can produce it before a real BMS")
        faults = [carried(fault, parts.bus.db) for fault in faults]
        for fault in faults:
            self._require_roles(fault)
        before = parts.bus.latest_all()
        wire: dict[str, Any] = {}
        if any(isinstance(fault.readback(), WireExpectation) for fault in faults):
            if parts.world.plant is None:
                raise NotTested(f"{kinds}: a fault of the modelled wire, and this rig has none")
            wire = parts.world.plant.client.wire()
        asked_s = parts.clock.now_s()
        with self._silence(any(fault.transmit() is not None or fault.wire() is not None for fault in faults)):
            only = {"alone": True} if alone and not parts.loaded.rig.has_gateway else {}
            injections = [client.inject(fault, at_s=asked_s + phase_s, **only) for fault in faults]
            try:
                # `meanwhile` or the ramp of one fault may take long, and only then is looked for the other fault.
                with parts.bus.capture.holding(asked_s - BEFORE_S):
                    if meanwhile is not None:
                        meanwhile()
                    proofs = [
                        Active(fault, self._proof(fault, before, asked_s, asked_s + phase_s, wire)) for fault in faults
                    ]
                yield min(proofs, key=lambda active: active.on_bus.time_s)
            finally:
                for injection in reversed(injections):
                    client.clear(injection)
            parts.bus.require_good()
            for fault in faults:
                self._wait_for_health(fault, before)

    def _require_roles(self, fault: Fault) -> None:
        """NotTested where the battery has no signal that could show the fault."""
        expected, db = fault.readback(), self._parts.bus.db
        named = [expected.role, expected.minus] if isinstance(expected, Expectation) else []
        if missing := [role for role in named if role and not db.has(role.partition("[")[0])]:
            raise NotTested(f"{db.path.name} has no signal for {', '.join(missing)}")

    @contextmanager
    def _silence(self, on_purpose: bool) -> Iterator[None]:
        """The supervisor knows that what the BMS sends is kept from the bus on purpose, until the last such fault is over."""
        if not on_purpose:
            yield
            return
        self._silencing += 1
        self._parts.safety.allow_silence(True)
        try:
            yield
        finally:
            self._silencing -= 1
            self._parts.safety.allow_silence(self._silencing > 0)

    def _proof(
        self, fault: Fault, before: dict[str, float], asked_s: float, from_s: float, wire: dict[str, Any]
    ) -> Timestamp:
        expected = fault.readback()
        frames_s = 2 * self._takes_s(expected.min_expected) if isinstance(expected, BusExpectation) else 0.0
        bound_s = max(READBACK_S, frames_s) + fault.full_after_s(before) + max(0.0, from_s - asked_s)
        if isinstance(expected, BusExpectation):
            return self._traffic_proof(fault, expected, from_s, bound_s)
        if isinstance(expected, CountExpectation):
            return self._count_proof(fault, expected, from_s, bound_s)
        if isinstance(expected, WireExpectation):
            return self._wire_proof(fault, expected, wire, from_s + bound_s)
        expected = as_carried(expected, fault, self._parts.bus.db)
        roles = expected.roles()
        if expected.met_by(before, before):
            raise BenchError(
                f"fault {fault.kind}", f"the bus shows it already: {expected}", "inject it into a pack that is healthy"
            )
        # The frame itself must carry the fault: one of another message would only repeat what was seen before.
        frame = self._parts.bus.wait_for(
            lambda seen: any(role in seen for role in roles) and expected.met_by(before | seen, before),
            asked_s,
            bound_s,
        )
        if frame is None:
            raise BenchError(f"fault {fault.kind}", f"not seen on the bus within {bound_s:.1f} s: {expected}")
        self._require_side(fault, expected, before | self._parts.bus.db.decode(frame.message()), before)
        known = {role: float(before[role]) for role in roles if role in before}
        shown = Shown(**asdict(expected), before=known, asked_s=asked_s)
        return replace(self._parts.bus.timestamp(frame.timestamp_s), shown=shown)

    def _count_proof(self, fault: Fault, expected: CountExpectation, from_s: float, bound_s: float) -> Timestamp:
        """Wait for the first frame with that count."""
        bus, clock = self._parts.bus, self._parts.clock
        spec, codec = bus.db.message_of(expected.role), bus.db.codec(expected.role)
        mask = (1 << codec.length) - 1
        while clock.now_s() < from_s + bound_s:
            frames = bus.capture.frames(since_s=from_s).carrying(spec)
            hits = np.flatnonzero((raw_counts(codec, frames.data, spec.length) & mask) == expected.raw & mask)
            if len(hits):
                return bus.timestamp(float(frames.timestamp_s[hits[0]]))
            clock.pause(POLL_S)
        raise BenchError(f"fault {fault.kind}", f"not seen on the bus within {bound_s:.1f} s: {expected}")

    def _takes_s(self, frames: int) -> float:
        """How long the BMS takes to send so many cyclic frames, by the cycles in its database."""
        rate_hz = sum(1 / spec.cycle_s for spec in self._parts.bus.db.senders("BMS") if spec.cycle_s > 0)
        return frames / rate_hz if rate_hz else 0.0

    def _require_side(
        self, fault: Fault, expected: Expectation, seen: dict[str, float], before: dict[str, float]
    ) -> None:
        """NotTested where the bus shows the fault on the other side of a limit than the test means."""
        thresholds, quantity = self._parts.loaded.rig.dut.thresholds, expected.quantity(seen, before)
        limits = {
            **DANGEROUS_ABOVE,
            "cell_temperature_max - cell_temperature_min": thresholds.gradient_k,
            "change of soc": thresholds.soc_divergence_pct,
        }
        if quantity is not None and (reason := wrong_side(expected, quantity, limits)):
            raise NotTested(f"fault {fault.kind}: {reason}; {self._parts.bus.db.path.name} has no finer steps")

    def _wire_proof(
        self, fault: Fault, expected: WireExpectation, before: Mapping[str, Any], until_s: float
    ) -> Timestamp:
        """Wait until the counters of the wire's nodes show it."""
        parts = self._parts
        assert parts.world.plant is not None
        while not expected.met_by(before, now := parts.world.plant.client.wire()):
            if parts.clock.now_s() >= until_s:
                raise BenchError(f"fault {fault.kind}", f"not seen within {READBACK_S:g} s {expected}", f"seen: {now}")
            before = expected.next_before(before, now)
            parts.clock.pause(POLL_S)
        if not isinstance(fault, WireFault) or not fault.silences:
            return parts.bus.timestamp(parts.clock.now_s())
        received = bms_frames(parts.bus.db, parts.bus.capture.frames(since_s=until_s - 2 * READBACK_S))
        if not len(received):
            raise BenchError(f"fault {fault.kind}", "the BMS was silent before it was silenced")
        return replace(parts.bus.timestamp(float(received.timestamp_s[-1]) + 1e-6), shown=SILENCE)

    def _traffic_proof(self, fault: Fault, expected: BusExpectation, from_s: float, bound_s: float) -> Timestamp:
        """Wait until the traffic since the injection shows it. A silence is proven from its last frame on."""
        parts = self._parts
        deadline_s = from_s + bound_s
        seen = None
        while parts.clock.now_s() < deadline_s:
            parts.clock.pause(POLL_S)
            now_s = parts.clock.now_s()
            columns = parts.bus.capture.frames(since_s=from_s - BEFORE_S)
            started_s = from_s
            if isinstance(fault, BmsSilence):
                received = bms_frames(parts.bus.db, columns)
                if not len(received):
                    raise BenchError(f"fault {fault.kind}", "the BMS was silent before it was silenced")
                started_s = float(received.timestamp_s[-1]) + 1e-6
            seen = window(parts.bus.db, columns, started_s, max(started_s, now_s), expected.scope)
            if expected.met_by(seen):
                return replace(parts.bus.timestamp(started_s), shown=SILENCE if isinstance(fault, BmsSilence) else None)
        raise BenchError(
            f"fault {fault.kind}", f"not seen on the bus within {bound_s:.1f} s: {expected}", f"what was seen: {seen}"
        )

    def _wait_for_health(self, fault: Fault, before: dict[str, float]) -> None:
        """After the fault: until the bus no longer shows it; BenchError if it stays."""
        expected, cleared_s = fault.readback(), self._parts.clock.now_s()
        if isinstance(expected, Expectation):
            expected = as_carried(expected, fault, self._parts.bus.db)
        if isinstance(expected, WireExpectation) and not self._bms_received(cleared_s):
            raise BenchError(f"fault {fault.kind}", f"taken back, and the BMS is not heard for {HEALTHY_S:g} s")
        if isinstance(fault, BmsSilence):
            if self._parts.bus.wait_for(lambda seen: "pack_voltage" in seen, cleared_s, HEALTHY_S) is None:
                raise BenchError(
                    f"fault {fault.kind}", f"the BMS is still silent {HEALTHY_S:g} s after it was taken back"
                )
            return
        if not isinstance(expected, Expectation):
            return
        gone = self._parts.bus.wait_for(
            lambda seen: expected.role in seen and not expected.met_by(before | seen, before), cleared_s, HEALTHY_S
        )
        if gone is None and expected.role not in self._parts.bus.latest_all():
            raise BenchError(f"fault {fault.kind}", f"taken back, and the BMS has sent no {expected.role} since")
        if gone is None:
            raise BenchError(
                f"fault {fault.kind}", f"still on the bus {HEALTHY_S:g} s after it was taken back: {expected}"
            )

    def _bms_received(self, since_s: float) -> bool:
        return self._parts.bus.wait_for(lambda seen: "contactor_state" in seen, since_s, HEALTHY_S) is not None
