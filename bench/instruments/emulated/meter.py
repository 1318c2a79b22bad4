"""Common parts of every emulated meter: a probe into the plant, a clock, seeded errors of its own, and defects for tests."""

from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import PauseS, Ranged, Within
from v2g_bench.instruments.emulated.calls import Answer, Call, Exchange
from v2g_bench.instruments.emulated.scpi import Instrument

Samples = NDArray[np.float64]

OVERLOAD = 9.9e37  # what SCPI instruments answer for a value beyond the range


class AcQuantities(Protocol):
    """Means over a window; power is positive into the battery, voltage and current are RMS."""

    @property
    def power_w(self) -> float:
        """Real power (W)."""
        ...

    @property
    def voltage_v(self) -> float:
        """RMS (V)."""
        ...

    @property
    def current_a(self) -> float:
        """RMS (A)."""
        ...

    @property
    def frequency_hz(self) -> float:
        """Of the fundamental (Hz)."""
        ...


class Probe(Protocol):
    """Where the meters touch the plant. Times are on the bench clock (s) and lie in the past."""

    def dc_current(self, t: Samples) -> Samples:
        """DC current (A, + into the battery) at the times `t`."""
        ...

    def ac(self, t_from_s: float, t_to_s: float) -> AcQuantities:
        """Means from `t_from_s` to `t_to_s`."""
        ...


@dataclass(frozen=True)
class MeterDefects(Ranged):
    """What can be wrong with a meter, for tests of whoever must notice it.

    stuck: the reading no longer follows the input; scale: factor on every reading; time_base: relative error of the
    sample interval on top of the meter's own; hang: no answer; late_answer_s: answers come that late; identity: what
    *IDN? says instead; full_error_queue: errors that never end; answers_another: each query gets the answer of the
    query before it; truncated_block: half of a block is sent.
    """

    stuck: bool = False
    scale: Annotated[float, Within(-1e6, 1e6)] = 1.0
    time_base: Annotated[float, Within(-0.5, 1)] = 0.0
    hang: bool = False
    late_answer_s: PauseS = 0.0
    identity: str = ""
    full_error_queue: bool = False
    answers_another: bool = False
    truncated_block: bool = False


HEALTHY = MeterDefects()


class EmulatedMeter(Instrument):
    """An instrument with a probe. `defects` may be replaced while it runs; `seed` fixes its errors and its noise."""

    def __init__(self, probe: Probe, clock: Clock, seed: int = 0, defects: MeterDefects = HEALTHY) -> None:
        self.probe = probe
        self.clock = clock
        self.defects = defects
        self.rng = np.random.default_rng(seed)
        self.last_response = b"\n"
        super().__init__()

    def external_trigger(self, time_s: float) -> None:
        """An edge on the rig's sync line at `time_s` (bench clock); meters without that input do not see it."""

    def execute(self, message: str) -> Exchange:
        """One program message, damaged as `defects` describe."""
        return _Defective(super().execute(message), self)

    def error_within(self, half_width: float) -> float:
        """One draw of an error that stays the same for the life of the instrument, evenly within ± half_width."""
        return float(self.rng.uniform(-half_width, half_width))

    def next_error(self) -> str:
        """The oldest error; with `full_error_queue`, errors without end."""
        return '-350,"Queue overflow"' if self.defects.full_error_queue else super().next_error()

    def _common_identify(self, call: Call) -> Answer:
        return self.defects.identity or self.identity


class _Defective:
    """An exchange that fails as the meter's defects define; without defects, exactly the exchange."""

    def __init__(self, run: Exchange, meter: EmulatedMeter) -> None:
        self.due_s = run.due_s
        self.response: bytes | None = None
        self._run = run
        self._meter = meter
        self._send_s: float | None = None

    def advance(self, now_s: float) -> bool:
        defects = self._meter.defects
        if defects.hang:
            self.due_s = float("inf")
            return False
        if self._send_s is None:
            if not self._run.advance(now_s):
                self.due_s = self._run.due_s
                return False
            self._send_s = now_s + (defects.late_answer_s if self._run.response else 0.0)
        if now_s < self._send_s:
            self.due_s = self._send_s
            return False
        self.response = self._spoiled(self._run.response, defects)
        return True

    def _spoiled(self, response: bytes | None, defects: MeterDefects) -> bytes | None:
        if response is None:
            return None
        previous, self._meter.last_response = self._meter.last_response, response
        if defects.answers_another:
            return previous
        if defects.truncated_block and response.startswith(b"#"):
            return response[: len(response) // 2]
        return response
