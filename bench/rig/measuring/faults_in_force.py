"""The faults that a test has in force, never beyond what the pack may be exposed to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from v2g_bench.errors import BenchError
from v2g_bench.faults import Fault
from v2g_bench.faults.base import HEALTHY
from v2g_bench.rig.measuring.injection import Active, Injector
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.safety.envelope import Envelope
from v2g_bench.rig.safety.physical import stimulates


@dataclass(frozen=True)
class Injected:
    """What was injected at once, for the run's record, on the clock of its capture (s).

    From when it was asked for until it was taken back; on_bus_s: its first frame, None where it was never seen.
    """

    faults: list[str]
    asked_s: float
    on_bus_s: float | None
    cleared_s: float


class FaultsInForce:
    """Injects faults and takes them back.

    in_force: those of now, for whoever must not trust what they touch; last: the one that reached the bus last; injected: all
    that are over.
    """

    def __init__(self, parts: Parts, envelope: Envelope) -> None:
        self._parts, self._envelope = parts, envelope
        self._injector = Injector(parts)
        self.in_force: list[Fault] = []
        self.last: Active | None = None
        self.injected: list[Injected] = []

    @contextmanager
    def inject(
        self,
        *faults: Fault,
        phase_s: float = 0.0,
        meanwhile: Callable[[], object] | None = None,
        alone: bool = False,
    ) -> Iterator[Active]:
        """See `Bench.inject`."""
        self._check_envelope(faults)
        self._parts.dut.controller.log.mark()  # what it said of an earlier fault is no answer to this one
        self.in_force += faults
        asked_s, on_bus_s = self._wall_s(self._parts.clock.now_s()), None
        try:
            with self._injector.active(faults, phase_s, meanwhile, alone=alone) as active:
                self.last = active
                on_bus_s = self._wall_s(active.on_bus.time_s)
                yield active
        finally:
            for fault in faults:
                self.in_force.remove(fault)
            cleared_s = self._wall_s(self._parts.clock.now_s())
            self.injected.append(Injected([fault.kind for fault in faults], asked_s, on_bus_s, cleared_s))

    @contextmanager
    def starting(self, *faults: Fault) -> Iterator[None]:
        """A controller that is started, without a past, while these faults are in force: it knows nothing else."""
        with ExitStack() as injected:
            for fault in faults:
                injected.enter_context(self.inject(fault))
            self._parts.dut.fresh(heal=False)
            yield

    def _wall_s(self, bench_s: float) -> float:
        return bench_s + self._parts.clock.wall_minus_bench_s()

    def _check_envelope(self, faults: Sequence[Fault]) -> None:
        """BenchError if the pack itself is beyond the envelope, or a fault would bring it there.

        What the bench writes into frames, or makes an emulated BMS say, heats no cell: a stimulus has no limit here. Where
        a real BMS is heard directly, its values can only be had by the real battery being so.
        """
        physical = self._parts.world.physical()
        if breach := self._envelope.breach(physical):
            output = ", ".join(map(str, faults))
            raise BenchError("fault", f"{output} is not injected: {breach}", "let the pack come back inside first")
        for fault in () if stimulates(self._parts.loaded.rig) else faults:
            if breach := self._envelope.breach(fault.signals({**HEALTHY, **physical})):
                raise BenchError("fault", f"{fault}: {breach}", "the rig file decides how far a test may go")
