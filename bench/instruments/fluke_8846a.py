"""Driver of the Fluke 8845A and 8846A as the multimeter at the inverter's AC terminals.

Its current input ends at 10 A: larger currents come through a transformer, whose ratio is an option.
"""

from v2g_bench.inputs.ranges import ErrorPct, Ratio
from v2g_bench.instruments.answers import NUMBER_BYTES
from v2g_bench.instruments.protocols import Identity, Pending
from v2g_bench.instruments.registry import driver
from v2g_bench.instruments.session import ScpiSession

OVERLOAD = 9e37
VOLTAGE_RANGES_V = (0.1, 1.0, 10.0, 100.0, 1000.0)
CURRENT_RANGES_A = (0.1, 0.4, 1.0, 3.0, 10.0)
READING_BOUND_S = 5.0  # autorange and the slow AC filter


@driver("fluke-8846a")
class Fluke8846A:
    """current_ratio: primary to secondary current of the transformer in front of the current input; 1 without one.
    ratio_pct: how far that ratio may be off (a class 0.5 transformer: 0.5).
    """

    def __init__(self, session: ScpiSession, current_ratio: Ratio = 1.0, ratio_pct: ErrorPct = 0.5) -> None:
        self._session = session
        self._ratio = current_ratio
        self._ratio_rel = ratio_pct / 100 if current_ratio != 1 else 0.0
        self._identity = session.identify(r"^FLUKE,884[56]A,")
        for command in ("SYST:REM", "*RST", "*CLS"):
            session.write(command)
        session.check_errors("*RST")

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        return self._identity

    def ac_voltage(self) -> Pending:
        """Begin to measure the true RMS voltage (V). BenchError, also later: beyond every range, or no answer."""
        return self._begin("VOLT", 1.0)

    def ac_current(self) -> Pending:
        """Begin to measure the true RMS current (A) on the primary side. BenchError as above."""
        return self._begin("CURR", self._ratio)

    def rms_accuracy(self, voltage_v: float, current_a: float) -> tuple[float, float, str]:
        """One-year accuracy of AC volts (V) and AC amperes (A, on the primary side) at 45 to 66 Hz."""
        volts = 6e-4 * abs(voltage_v) + 3e-4 * _range(VOLTAGE_RANGES_V, abs(voltage_v))
        secondary_a = abs(current_a) / self._ratio
        amperes = 1.5e-3 * secondary_a + 6e-4 * _range(CURRENT_RANGES_A, secondary_a)
        amperes = amperes * self._ratio + self._ratio_rel * abs(current_a)
        return volts, amperes, "8846A, one-year AC accuracy as entered in this driver; ratio of the transformer"

    def close(self) -> None:
        """Give the resource back."""
        self._session.close()

    def _begin(self, function: str, factor: float) -> Pending:
        self._session.write(f"CONF:{function}:AC")
        self._session.check_errors(f"CONF:{function}:AC")
        answer = self._session.query("FUNC1?").strip('"')
        if answer != f"{function}:AC":
            raise self._session.doubt(f"its function is {answer!r} after {function}:AC was chosen")
        reading = self._session.ask("READ?", NUMBER_BYTES)

        def value() -> float:
            answer = self._session.answer(reading, max(self._session.timeout_s, READING_BOUND_S))
            read = self._session.number("READ?", answer)
            self._session.check_errors("READ?")
            if abs(read) >= OVERLOAD:
                raise self._session.error(
                    f"{function}:AC is beyond the range",
                    "a current transformer, and its current_ratio in the rig file?",
                )
            return read * factor

        return value


def _range(ranges: tuple[float, ...], value: float) -> float:
    """The largest range that autorange may have chosen for this value: it leaves one downwards at 11 % of it."""
    return max((full for full in ranges if 0.11 * full <= value), default=ranges[0])
