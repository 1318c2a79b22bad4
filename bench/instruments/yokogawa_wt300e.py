"""Driver of the Yokogawa WT300E family (WT310E, WT332E, WT333E) as an AC power analyzer, first element.

Its values are means over its update interval (100 ms at least): they show how much power flows, never when it stopped.
A fresh reading waits for the end of two updates, so that its whole window lies after the call.
"""

import math
from collections.abc import Iterator

from v2g_bench.inputs.ranges import CurrentA, TimeS, VoltageV
from v2g_bench.instruments.protocols import Identity, PowerReading
from v2g_bench.instruments.registry import driver
from v2g_bench.instruments.session import ScpiSession

ITEMS = ("U", "I", "P", "FU")


@driver("yokogawa-wt300e")
class YokogawaWT300E:
    """voltage_range_v, current_range_a: fixed ranges; update_s: one of the instrument's update intervals.

    into_battery: False where the current terminals are wired so that power into the battery reads negative.
    """

    def __init__(
        self,
        session: ScpiSession,
        voltage_range_v: VoltageV = 300.0,
        current_range_a: CurrentA = 20.0,
        update_s: TimeS = 0.1,
        into_battery: bool = True,
    ) -> None:
        self._session = session
        self._update_s = update_s
        self._voltage_range_v, self._current_range_a = voltage_range_v, current_range_a
        self._range_w = voltage_range_v * current_range_a
        self._sign = 1.0 if into_battery else -1.0
        session.error_query = ":STAT:ERR?"
        self._identity = session.identify(r"^YOKOGAWA,WT3(10|32|33)E")
        session.write("*CLS")
        session.write(":COMM:HEAD OFF")
        session.write(f":INP:VOLT:RANG {voltage_range_v:g}V")
        session.write(f":INP:CURR:RANG {current_range_a:g}A")
        session.write(f":RATE {update_s * 1000:g}MS")
        session.write(f":NUM:FORM ASC;:NUM:NORM:NUM {len(ITEMS)}")
        session.write(":NUM:NORM:" + ";".join(f"ITEM{place} {item},1" for place, item in enumerate(ITEMS, 1)))
        session.write(":STAT:FILT1 FALL")
        session.check_errors("its configuration")
        wanted = {":INP:VOLT:RANG?": voltage_range_v, ":INP:CURR:RANG?": current_range_a, ":RATE?": update_s}
        for query, value in wanted.items():
            if (read := session.query_float(query)) != value:
                raise session.doubt(f"{query} answers {read:g} after {value:g} was set")
        session.check_errors("its configuration was read back")

    def identity(self) -> Identity:
        """Who answered when it was opened."""
        return self._identity

    def read(self, *, fresh: bool = True) -> PowerReading:
        """The four quantities. fresh: their window began after this call; else the last update, of any age.

        BenchError: no update came, an input is beyond its range, or the answer is not what was asked for.
        """
        if fresh:
            self._await_update()
            self._await_update()
        return self._take()

    def series(self, count: int) -> Iterator[PowerReading]:
        """So many readings of windows that follow each other, the first begun after this call; BenchError as `read`."""
        yield self.read(fresh=True)
        for _ in range(count - 1):
            self._await_update()
            yield self._take()

    def _take(self) -> PowerReading:
        """The last update."""
        values = self._session.query_floats(":NUM:NORM:VAL?", len(ITEMS), finite=False)  # NAN, INF
        time_s = self._session.clock.now_s()
        self._session.check_errors(":NUM:NORM:VAL?")
        if not all(map(math.isfinite, values)):
            raise self._session.error(
                f"no value or beyond the range: {dict(zip(ITEMS, values, strict=True))}",
                "larger ranges in the rig file?",
            )
        voltage_v, current_a, power_w, frequency_hz = values
        return PowerReading(self._sign * power_w, voltage_v, current_a, frequency_hz, time_s, self._update_s)

    def power_accuracy(self, power_w: float) -> tuple[float, str]:
        """0.1 % of the reading + 0.05 % of the range: the family's basic accuracy at 45 to 66 Hz and unity power factor."""
        return 0.001 * abs(
            power_w
        ) + 0.0005 * self._range_w, "WT300E basic accuracy, as entered: confirm by calibration"

    def most_w(self, voltage_v: float) -> float:
        """At the nominal current of its range; up to 130 % of it (data sheet) shows what comes on top."""
        return self._current_range_a * voltage_v

    def rms_accuracy(self, voltage_v: float, current_a: float) -> tuple[float, float, str]:
        """The same shares of reading and range, for RMS voltage (V) and current (A)."""
        volts, amperes = (
            0.001 * abs(value) + 0.0005 * full
            for value, full in ((voltage_v, self._voltage_range_v), (current_a, self._current_range_a))
        )
        return volts, amperes, "WT300E basic accuracy, as entered: confirm by calibration"

    def close(self) -> None:
        """Give the resource back."""
        self._session.close()

    def _await_update(self) -> None:
        """Return at the end of the next update; its bit in the event register is the proof."""
        self._session.query_int(":STAT:EESR?")  # forgets the updates so far
        self._session.write(":COMM:WAIT 1")
        if not self._session.query_int(":STAT:EESR?", self._session.timeout_s + 2 * self._update_s) & 1:
            raise self._session.doubt("the wait for the next update ended without one")
