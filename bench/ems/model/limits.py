"""limits.conf: the window of state of charge (SoC) in which V2G may move, and the window at work.

The file is KEY=VALUE lines; # begins a comment:

    MIN_SOC=25
    MAX_SOC=75

An invalid file is refused as a whole; the limits in force stay in force.
"""

from dataclasses import dataclass
from pathlib import Path

from v2g_bench.ems.model.setpoint import Ceiling
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_text
from v2g_bench.inputs.ranges import Within, shown

PERCENT = Within(0, 100)
_KEYS = ("MIN_SOC", "MAX_SOC")


@dataclass(frozen=True, slots=True)
class SocLimits:
    """In percent; 0 <= min < max <= 100. The defaults are the manual's example."""

    min_soc_pct: float = 25.0
    max_soc_pct: float = 75.0


@dataclass(frozen=True, slots=True)
class InForce:
    """The limits at a moment. why: for the operator, after the limit; empty while they are those of limits.conf."""

    limits: SocLimits
    why: str = ""


def parse_limits(text: str, where: str) -> SocLimits:
    """The limits in the text of a limits.conf.

    Raises: BenchError naming file, line and reason. Both keys must be there: a forgotten one must not fall back.
    """
    found: dict[str, float] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        at = f"{where}: line {number}"
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise BenchError(at, f"not KEY=VALUE: {shown(line)}", "write for example MIN_SOC=25")
        if key not in _KEYS:
            raise BenchError(at, f"unknown key {shown(key)}", f"known keys: {', '.join(_KEYS)}")
        if key in found:
            raise BenchError(at, f"{key} is here a second time", "keep one of the two lines")
        found[key] = _percent(value, at, key)
    for key in _KEYS:
        if key not in found:
            raise BenchError(where, f"{key} is missing", f"add a line {key}=…")
    if found["MIN_SOC"] >= found["MAX_SOC"]:
        raise BenchError(
            where,
            f"MIN_SOC={found['MIN_SOC']:g} is not below MAX_SOC={found['MAX_SOC']:g}",
            "leave a window between them",
        )
    return SocLimits(found["MIN_SOC"], found["MAX_SOC"])


def load_limits(path: Path) -> SocLimits:
    """`parse_limits` of a file. Raises: BenchError, also when the file cannot be read."""
    try:
        text = read_text(path, "utf-8-sig")  # some editors put a mark before the first line
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(
            str(path), f"cannot be read: {unreadable(error)}", "it holds two lines: MIN_SOC=25 and MAX_SOC=75"
        ) from error
    return parse_limits(text, str(path))


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a text file could not be read, without its path."""
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error.strerror)


def _percent(value: str, at: str, key: str) -> float:
    try:
        return PERCENT.real(float(value.removesuffix("%")))
    except ValueError:
        raise BenchError(at, f"{key}={shown(value)} is not a number {PERCENT}", "percent, for example 25") from None


class SocWindow:
    """No discharge at or below MIN_SOC, no charge at or above MAX_SOC.

    Once stopped, a direction returns only when the SoC has come back by `hysteresis_pct`, so that the cells' recovery
    after the load has ended cannot make it chatter. While calibrating, charging continues to 100 %.
    """

    def __init__(self, limits: SocLimits, hysteresis_pct: float = 0.5) -> None:
        self.limits = limits  # as configured
        self.in_force: InForce | None = None  # what a departure or an override makes of them
        self._hysteresis_pct = hysteresis_pct
        self._low = self._high = False

    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        """What the window forbids at this SoC; None if nothing."""
        limits, why = (self.in_force.limits, self.in_force.why) if self.in_force else (self.limits, "")
        low, high = limits.min_soc_pct, 100.0 if calibrating else limits.max_soc_pct
        self._low = soc_pct <= low or (self._low and soc_pct < low + self._hysteresis_pct)
        self._high = soc_pct >= high or (self._high and not calibrating and soc_pct > high - self._hysteresis_pct)
        if self._low:
            return Ceiling(f"SoC {soc_pct:.1f} % at MIN_SOC {low:.4g} %{why}", discharge_w=0.0)
        if self._high:
            return Ceiling(f"SoC {soc_pct:.1f} % at MAX_SOC {high:.4g} %{why}", charge_w=0.0)
        return None
