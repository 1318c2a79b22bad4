"""The bench's own floor: what it needs for a frame, a reading and a command when there is no controller to wait for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import can
import numpy as np

from v2g_bench.can.columns import Frame
from v2g_bench.errors import BenchError
from v2g_bench.qualification.score import Outcome
from v2g_bench.rig.parts.real import OpenRig

ECHOES = 50
READINGS = 20
ECHO_S = 1.0
HIGHEST_ID = 0x7FF


@dataclass(frozen=True)
class Floor:
    """One quantity in ms: how many, mean, standard deviation, largest."""

    name: str
    n: int
    mean_ms: float
    sd_ms: float
    largest_ms: float

    @classmethod
    def of(cls, name: str, values_ms: Iterable[float]) -> "Floor | None":
        """None where there are no values."""
        array = np.array(list(values_ms), dtype=np.float64)
        if not array.size:
            return None
        largest = float(array[np.argmax(np.abs(array))])
        return cls(name, int(array.size), float(array.mean()), float(array.std(ddof=min(1, array.size - 1))), largest)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.mean_ms:.3f} ms, sd {self.sd_ms:.3f} ms, largest {self.largest_ms:.3f} ms ({self.n})"
        )


def floor(parts: OpenRig, outcomes: Sequence[Outcome]) -> list[Floor]:
    """Echo, inverter and, from the valid trials, frame stamp, meter and control."""
    timestamped, captured = _echoes(parts)
    valid = [one for one in outcomes if not one.void]
    found = [
        Floor.of("echo: send() to the stamp of the own frame", timestamped),
        Floor.of("echo: send() to the own frame in the capture", captured),
        Floor.of("inverter: one reading by Modbus", _readings(parts)),
        Floor.of("frame: its stamp - when its sender handed it over", _known(one.t0_error_ms for one in valid)),
        Floor.of("meter: crossing in the record - current truly gone", _known(one.t1_error_ms for one in valid)),
        Floor.of("control: the responder's stop to the inverter's answer", _known(one.control_ms for one in valid)),
        # A stall that the monitor missed would show here: nothing else adds to the delay.
        Floor.of("chain: true latency - the responder's delay", _known(_added_ms(one) for one in valid)),
        Floor.of("plant: the responder's stop to the current truly gone", _known(one.plant_ms for one in valid)),
    ]
    return [one for one in found if one is not None]


def _added_ms(outcome: Outcome) -> float | None:
    return None if outcome.true_ms is None else outcome.true_ms - outcome.delay_ms


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _echoes(parts: OpenRig) -> tuple[list[float], list[float]]:
    """Send frames of an identifier that nobody uses: ms from send() to the timestamp, and to the frame in the capture."""
    used = {spec.frame_id for spec in parts.bus.db.messages.values() if not spec.is_extended}
    free = next((one for one in range(HIGHEST_ID, 0, -1) if one not in used), None)
    if free is None:
        raise BenchError(
            str(parts.bus.db.path), "uses every standard identifier: none is left to measure the echo with"
        )
    timestamped, captured = [], []
    for number in range(ECHOES):
        data = number.to_bytes(2, "big")
        before_s = parts.clock.now_s()
        parts.bus.node.bus.send(can.Message(arbitration_id=free, is_extended_id=False, data=data), timeout=ECHO_S)
        try:
            # A timestamp may lie a few microseconds before the call: the two clocks are joined to that much.
            frame = parts.bus.capture.wait_for(partial(_is, free, data), before_s - 0.001, ECHO_S)
        except TimeoutError:
            raise BenchError("echo", f"the own frame did not come back within {ECHO_S:g} s") from None
        captured.append(1e3 * (parts.clock.now_s() - before_s))
        timestamped.append(1e3 * (frame.timestamp_s - before_s))
    return timestamped, captured


def _is(frame_id: int, data: bytes, frame: Frame) -> bool:
    return frame.frame_id == frame_id and frame.data == data


def _readings(parts: OpenRig) -> list[float]:
    found = []
    for _ in range(READINGS):
        before_s = parts.clock.now_s()
        parts.inverter.reading()
        found.append(1e3 * (parts.clock.now_s() - before_s))
    return found
