"""An emulated Fluke 8846A at the inverter's AC terminals: true RMS volts, and amperes through a current transformer.

A reading is the mean over a fifth of a second from the moment it is asked for (20 Hz filter). The current input ends at
10 A, so larger currents come through a transformer of `current_ratio` (primary to secondary).

Its own errors, drawn once from the seed (evenly within ±): volts 0.06 % of the reading and 0.03 % of the range, amperes
0.15 % and 0.06 %. Beyond 120 % of the range it answers 9.9E37.
"""

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import Ratio, Seed
from v2g_bench.instruments.emulated.calls import Answer, Call, Later, command
from v2g_bench.instruments.emulated.meter import HEALTHY, OVERLOAD, EmulatedMeter, MeterDefects, Probe
from v2g_bench.instruments.emulated.settings import Number, Stepped, Switch
from v2g_bench.instruments.registry import emulated

READING_S = 0.2
VOLTAGE_RANGES_V = (0.1, 1.0, 10.0, 100.0, 1000.0)
CURRENT_RANGES_A = (0.1, 0.4, 1.0, 3.0, 10.0)


@emulated("fluke-8846a")
class Fluke8846A(EmulatedMeter):
    """Function VOLT:AC or CURR:AC, one at a time."""

    identity = "FLUKE,8846A,0000001,08/02/10-11:53"

    voltage_range_v = Stepped("[SENSe:]VOLTage:AC:RANGe", VOLTAGE_RANGES_V, 1000.0, "V")
    current_range_a = Stepped("[SENSe:]CURRent:AC:RANGe", CURRENT_RANGES_A, 10.0, "A")
    voltage_auto = Switch("[SENSe:]VOLTage:AC:RANGe:AUTO", True)
    current_auto = Switch("[SENSe:]CURRent:AC:RANGe:AUTO", True)
    bandwidth_hz = Number("[SENSe:]DETector:BANDwidth", 3, 200, 20, "HZ")

    def __init__(
        self,
        probe: Probe,
        clock: Clock,
        current_ratio: Ratio = 1.0,
        seed: Seed = 0,
        defects: MeterDefects = HEALTHY,
    ) -> None:
        self.current_ratio = current_ratio
        self._function = "VOLT"
        self._reading_until_s = 0.0
        super().__init__(probe, clock, seed, defects)
        self._errors = {
            "VOLT": (self.error_within(6e-4), self.error_within(3e-4)),
            "CURR": (self.error_within(1.5e-3), self.error_within(6e-4)),
        }

    def reset(self, now_s: float) -> None:
        """*RST: volts."""
        super().reset(now_s)
        self._function = "VOLT"

    @command("SYSTem:REMote", "SYSTem:LOCal")
    def _remote(self, call: Call) -> Answer:
        return None

    @command("CONFigure:VOLTage:AC")
    def _configure_volts(self, call: Call) -> Answer:
        return self._configure("VOLT", "voltage", "voltage_range_v", call)

    @command("CONFigure:CURRent:AC")
    def _configure_amperes(self, call: Call) -> Answer:
        return self._configure("CURR", "current", "current_range_a", call)

    def _configure(self, function: str, quantity: str, setting: str, call: Call) -> Answer:
        call.at_most(2)
        self._function = function
        self.values[f"{quantity}_auto"] = not call.args
        if call.args:
            self.apply(setting, call.args[0])
        return None

    @command("[SENSe:]FUNCtion#?", "CONFigure?")
    def _function_is(self, call: Call) -> Answer:
        return f'"{self._function}:AC"'

    @command("READ?")
    def _read(self, call: Call) -> Answer:
        function, end_s = self._function, call.now_s + READING_S
        return Later(
            lambda now_s: now_s >= end_s,
            lambda now_s: self._reading(function, end_s),
            lambda now_s: end_s,
        )

    @command("MEASure:VOLTage:AC?")
    def _measure_volts(self, call: Call) -> Answer:
        self._configure_volts(call)
        return self._read(call)

    @command("MEASure:CURRent:AC?")
    def _measure_amperes(self, call: Call) -> Answer:
        self._configure_amperes(call)
        return self._read(call)

    def _reading(self, function: str, end_s: float) -> float:
        if self.defects.stuck:
            return 1.0
        ac = self.probe.ac(end_s - READING_S, end_s)
        true = ac.voltage_v if function == "VOLT" else ac.current_a / self.current_ratio
        auto = self.voltage_auto if function == "VOLT" else self.current_auto
        steps = VOLTAGE_RANGES_V if function == "VOLT" else CURRENT_RANGES_A
        fixed = self.voltage_range_v if function == "VOLT" else self.current_range_a
        full = next((step for step in steps if step * 1.2 >= true), steps[-1]) if auto else fixed
        gain, offset = self._errors[function]
        value = true * (1 + gain) * self.defects.scale + offset * full + float(self.rng.normal(0.0, 1e-5)) * full
        return value if value <= 1.2 * full else OVERLOAD
