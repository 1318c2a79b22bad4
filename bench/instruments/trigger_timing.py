"""The measured timing of a digitizer's trigger: the file that `v2g-bench calibrate` writes, checked."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from v2g_bench.errors import BenchError
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import LatencyS, Within
from v2g_bench.inputs.text import read_toml
from v2g_bench.instruments.protocols import Identity
from v2g_bench.metrology.calibration import CoverageFactor, LatencyErrorS

LEAST_PULSES = 10


VALID_DAYS = 90


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


def read_timing(path: Path) -> MeasuredTiming:
    """A stored measurement; BenchError naming file and key if it cannot be used."""
    hint = "run v2g-bench calibrate again"
    return validated(MeasuredTiming, read_toml(path, hint), str(path), hint)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + '"'
