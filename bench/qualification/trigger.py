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
from typing import Annotated

import numpy as np
from pydantic import Field

from v2g_bench.checked import Checked, validated
from v2g_bench.errors import BenchError
from v2g_bench.meters.protocols import Identity
from v2g_bench.metrology.calibration import CoverageFactor, LatencyErrorS
from v2g_bench.metrology.step import step_in
from v2g_bench.qualification.result import state_folder
from v2g_bench.rig.load import LoadedRig
from v2g_bench.rig.open import OpenRig
from v2g_bench.rig.trace import RATE_HZ, Edge
from v2g_bench.textfile import read_toml
from v2g_bench.within import LatencyS, Within

LEAST_PULSES = 10
VALID_DAYS = 90
BEFORE_S, AFTER_S = 0.002, 0.002

Text = Annotated[str, Field(min_length=1)]


class MeasuredTiming(Checked):
    """The trigger latency of one digitizer on one rig. Times in s; expanded_s = k u(offset_s)."""

    maker: Text
    model: Text
    serial: Text
    rig: Text
    measured: datetime
    pulses: Annotated[int, Within(LEAST_PULSES, 1_000_000)]
    offset_s: LatencyS
    sd_s: LatencyErrorS
    expanded_s: LatencyErrorS
    k: CoverageFactor = 2.0

    def save(self, path: Path) -> None:
        """Write it, all or nothing; BenchError if the disk refuses."""
        lines = ["# measured by v2g-bench calibrate; times in seconds"]
        for key, value in self.model_dump().items():
            text = value.isoformat() if isinstance(value, datetime) else repr(value)
            lines.append(f"{key} = {_quoted(value) if isinstance(value, str) else text}")
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise BenchError(str(path), f"cannot be written: {error.strerror}") from None

    def problem(self, identity: Identity, now: datetime) -> str:
        """Why it cannot be used for this instrument now; "" if it can."""
        for what in ("maker", "model", "serial"):
            if getattr(self, what) != getattr(identity, what):
                return f"the trigger was measured on {what} {getattr(self, what)!r}, not {getattr(identity, what)!r}"
        age_days = (now - self.measured).total_seconds() / 86_400
        if not 0 <= age_days <= VALID_DAYS:
            return f"the trigger was measured {age_days:.0f} days ago, which counts for {VALID_DAYS} days"
        return ""

    def __str__(self) -> str:
        return (
            f"{self.maker} {self.model}, serial {self.serial}: trigger latency {1e6 * self.offset_s:.2f} us "
            f"± {1e6 * self.expanded_s:.2f} us (k = {self.k:g}), sd {1e6 * self.sd_s:.2f} us, {self.pulses} pulses"
        )


def timing_path(loaded: LoadedRig) -> Path:
    """Where the rig's measured timing is kept."""
    return state_folder().parent / "calibration" / f"{loaded.rig.name}.dc_current.toml"


def read_timing(path: Path) -> MeasuredTiming:
    """A stored measurement; BenchError naming file and key if it cannot be used."""
    mend = "run v2g-bench calibrate again"
    return validated(MeasuredTiming, read_toml(path, mend), str(path), mend)


def timing_of(loaded: LoadedRig, path: Path | None = None) -> MeasuredTiming | None:
    """The rig's measured timing, None where it has never been measured; BenchError for a broken file."""
    path = path or timing_path(loaded)
    return read_timing(path) if path.exists() else None


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
        identity = parts.digitizer.identity()
        applied = getattr(parts, "timing", None)
        seen = [_pulse(parts) for _ in range(pulses)]
    return timing_from(
        seen,
        identity,
        rig=rig.name,
        now=now.astimezone(UTC).replace(microsecond=0),
        applied_s=applied.offset_s if applied is not None else 0.0,
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
    digitizer = parts.digitizer
    digitizer.arm(sample_rate_hz=min(RATE_HZ, digitizer.max_sample_rate_hz), before_s=BEFORE_S, after_s=AFTER_S)
    edge = parts.sync.pulse(seen=True)
    record = digitizer.fetch(edge.time_s)
    return step_in(record, digitizer.timing().aperture_s), edge


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + '"'
