"""The faults that a test has in force, never beyond what the pack may be exposed to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from v2g_bench.errors import BenchError
from v2g_bench.faults import Fault
from v2g_bench.faults.base import HEALTHY
from v2g_bench.rig.measuring.injection import Active, Injector
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.safety.envelope import Envelope
from v2g_bench.rig.safety.physical import stimulates


class FaultsInForce:
    """Injects faults and takes them back. in_force: those of now, for whoever must not trust what they touch; last:
    the one that reached the bus last.
    """

    def __init__(self, parts: Parts, envelope: Envelope) -> None:
        self._parts, self._envelope = parts, envelope
        self._injector = Injector(parts)
        self.in_force: list[Fault] = []
        self.last: Active | None = None

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
        try:
            with self._injector.active(faults, phase_s, meanwhile, alone=alone) as active:
                self.last = active
                yield active
        finally:
            for fault in faults:
                self.in_force.remove(fault)

    @contextmanager
    def starting(self, *faults: Fault) -> Iterator[None]:
        """A controller that is started, without a past, while these faults are in force: it knows nothing else."""
        with ExitStack() as injected:
            for fault in faults:
                injected.enter_context(self.inject(fault))
            self._parts.dut.fresh(heal=False)
            yield

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
