"""The offset between frame timestamps and digitizer, measured with an edge that both see: `v2g-bench calibrate`.

The rig's sync line goes to the digitizer's trigger and, for this, to its input as well. The bench knows when the line
rose; the record shows when the digitizer saw it rise. What lies between is the latency of the trigger, and goes into
the next records' times. What was measured is one TOML file per rig, in the same place as the qualifications'
(`$XDG_STATE_HOME/v2g-bench/calibration/RIG.dc_current.toml`); it stands beside the laboratory's certificate, which
says how far amplitudes can be trusted.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import Identity
from v2g_bench.instruments.trigger_timing import LEAST_PULSES, MeasuredTiming
from v2g_bench.metrology.step import step_in
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.measuring.trace import RATE_HZ
from v2g_bench.rig.parts.real import OpenRig
from v2g_bench.rig.parts.timing import Edge

BEFORE_S, AFTER_S = 0.002, 0.002


def calibrate(
    loaded: LoadedRig, pulses: int, folder: Path, *, strict: bool, now: datetime, note: Callable[[str], None]
) -> MeasuredTiming:
    """Measure the trigger latency over so many common edges. BenchError where the rig has no such edge."""
    if pulses < LEAST_PULSES:
        raise BenchError("calibrate", f"{pulses} pulses say too little about the spread", f"at least {LEAST_PULSES}")
    rig = loaded.rig
    if not rig.sync.marks(rig.meters.dc_current.emulated):
        raise BenchError(
            f"{loaded.path}: sync",
            "no edge is described that reaches the digitizer's trigger and its input at a time the bench knows",
            "wire one, and describe it under [sync]: trigger and mark",
        )
    with OpenRig(loaded, folder, 1, strict=strict, note=note, temporary=True) as parts:
        identity = parts.instruments.digitizer.identity()
        applied_s = parts.instruments.trigger_latency_s() or 0.0
        seen = [_pulse(parts) for _ in range(pulses)]
    return timing_from(
        seen,
        identity,
        rig=rig.name,
        now=now.astimezone(UTC).replace(microsecond=0),
        applied_s=applied_s,
    )


def timing_from(
    seen: Sequence[tuple[float, Edge]], identity: Identity, *, rig: str, now: datetime, applied_s: float = 0.0
) -> MeasuredTiming:
    """The latency from pairs (time of the edge in the record, the edge as the bench knows it).

    applied_s: what the digitizer's driver has already put into the record's times.
    """
    late = np.array([in_record_s - edge.time_s for in_record_s, edge in seen])
    sd_s = float(late.std(ddof=1))
    # The width of what the bench knows of an edge may be the same error in all of them: it does not average out.
    known_s = max(edge.half_width_s for _, edge in seen) / np.sqrt(3.0)
    u_s = float(np.hypot(sd_s / np.sqrt(late.size), known_s))
    return MeasuredTiming(
        maker=identity.maker,
        model=identity.model,
        serial=identity.serial,
        rig=rig,
        measured=now,
        pulses=late.size,
        offset_s=applied_s - float(late.mean()),
        sd_s=sd_s,
        expanded_s=2.0 * u_s,
    )


def _pulse(parts: OpenRig) -> tuple[float, Edge]:
    """One common edge: when the record shows it, and when it was."""
    digitizer = parts.instruments.digitizer
    digitizer.arm(sample_rate_hz=min(RATE_HZ, digitizer.max_sample_rate_hz), before_s=BEFORE_S, after_s=AFTER_S)
    edge = parts.instruments.sync.pulse(seen=True)
    record = digitizer.fetch(edge.time_s)
    return step_in(record, digitizer.timing().aperture_s), edge
