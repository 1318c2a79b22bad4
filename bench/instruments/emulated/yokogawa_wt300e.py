"""An emulated Yokogawa WT310E at the inverter's AC terminals.

What it does as the real one: new values every update interval (100 ms and up), each a mean over that interval; reading
twice within one interval gives the same values, unless :COMM:WAIT waits for the end of the next update (bit 0 of the
extended event register, through its transition filter).

Its own errors, drawn once from the seed (evenly within ±): 0.1 % of the reading and 0.05 % of the range for voltage,
current and power, 0.01 % for the frequency. An input beyond 140 % of its range is answered as INF.
"""

import math

from v2g_bench.clock import Clock
from v2g_bench.inputs.ranges import Seed
from v2g_bench.instruments.emulated.calls import Answer, Call, Later, command
from v2g_bench.instruments.emulated.meter import HEALTHY, EmulatedMeter, MeterDefects, Probe
from v2g_bench.instruments.emulated.settings import Choice, Integer, Number, Stepped, Switch
from v2g_bench.instruments.emulated.syntax import ScpiError, matches_one, read_number, short_form
from v2g_bench.instruments.registry import emulated

ITEMS = ("U", "I", "P", "S", "FU", "FI")


@emulated("yokogawa-wt300e")
class YokogawaWT300E(EmulatedMeter):
    """One input element; power is positive into the battery, as its terminals are wired."""

    identity = "YOKOGAWA,WT310E,C2PH00001V,F1.03"

    voltage_range_v = Stepped("INPut:VOLTage:RANGe", (15.0, 30.0, 60.0, 150.0, 300.0, 600.0), 600.0, "V")
    current_range_a = Stepped("INPut:CURRent:RANGe", (0.5, 1.0, 2.0, 5.0, 10.0, 20.0), 20.0, "A")
    update_s = Stepped("RATE", (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0), 0.25, "S")
    header = Switch("COMMunicate:HEADer", False)
    numeric_format = Choice("NUMeric:FORMat", ("ASCii",), "ASC")
    count = Integer("NUMeric[:NORMal]:NUMber", 1, 6, 3)
    hold = Switch("HOLD", False)
    filter_1 = Choice("STATus:FILTer#", ("RISE", "FALL", "BOTH", "NEVer"), "NEV")
    event_mask = Number("STATus:EESE", 0, 65535, 0)

    def __init__(self, probe: Probe, clock: Clock, seed: Seed = 0, defects: MeterDefects = HEALTHY) -> None:
        self._updated_s = clock.now_s()
        self._values: dict[str, float] = {}
        self._events = 0
        self._items = ["U", "I", "P", "U", "U", "U"]
        super().__init__(probe, clock, seed, defects)
        self.errors = {item: (self.error_within(1e-3), self.error_within(0.5e-3)) for item in ("U", "I", "P")}
        self.frequency_error = self.error_within(1e-4)

    def reset(self, now_s: float) -> None:
        """*RST: the settings and the items."""
        super().reset(now_s)
        self._items = ["U", "I", "P", "U", "U", "U"]

    def tick(self, now_s: float) -> None:
        """Carry out the update that ended last before `now_s`; a display that is stuck or held has none."""
        intervals = math.floor((now_s - self._updated_s) / self.update_s + 1e-9)
        if intervals > 0:
            self._updated_s += intervals * self.update_s
            if not (self.hold or (self.defects.stuck and self._values)):
                self._measure(self._updated_s)
        super().tick(now_s)

    def _measure(self, end_s: float) -> None:
        ac = self.probe.ac(end_s - self.update_s, end_s)
        full = {"U": self.voltage_range_v, "I": self.current_range_a}
        full["P"] = full["U"] * full["I"]
        true = {"U": ac.voltage_v, "I": ac.current_a, "P": ac.power_w}
        over = {item for item in ("U", "I") if true[item] > 1.4 * full[item]}
        for item, (gain, offset) in self.errors.items():
            value = true[item] * (1 + gain) * self.defects.scale + offset * full[item]
            value += float(self.rng.normal(0.0, 1e-5)) * full[item]
            self._values[item] = math.inf if item in over or (item == "P" and over) else value
        self._values["S"] = self._values["U"] * self._values["I"]
        self._values["FU"] = self._values["FI"] = ac.frequency_hz * (1 + self.frequency_error)
        if self.filter_1 in ("FALL", "BOTH"):
            self._events |= 1

    @command("NUMeric[:NORMal]:ITEM#")
    def _set_item(self, call: Call) -> Answer:
        call.at_most(2)
        if not 1 <= call.suffixes[0] <= len(self._items):
            raise ScpiError(-114, call.header)
        if round(read_number(call.arg(1, "1"))) != 1:
            raise ScpiError(-222, call.header)
        self._items[call.suffixes[0] - 1] = short_form(matches_one(call.arg(0), ITEMS))
        return None

    @command("NUMeric[:NORMal]:ITEM#?")
    def _item(self, call: Call) -> Answer:
        if not 1 <= call.suffixes[0] <= len(self._items):
            raise ScpiError(-114, call.header)
        return f"{self._items[call.suffixes[0] - 1]},1"

    @command("NUMeric[:NORMal]:VALue?")
    def _value(self, call: Call) -> Answer:
        values = (self._values.get(item, math.nan) for item in self._items[: self.count])
        return ",".join("NAN" if math.isnan(v) else "INF" if math.isinf(v) else f"{v:.4E}" for v in values)

    @command("STATus:EESR?")
    def _take_events(self, call: Call) -> Answer:
        events, self._events = self._events, 0
        return events

    @command("COMMunicate:WAIT")
    def _wait_for_event(self, call: Call) -> Answer:
        mask = round(read_number(call.arg(0)))
        return Later(lambda now_s: self._happened(now_s, mask), lambda now_s: None, self._next_update_s)

    def _happened(self, now_s: float, mask: int) -> bool:
        self.tick(now_s)
        return bool(self._events & mask)

    def _next_update_s(self, now_s: float) -> float:
        return self._updated_s + self.update_s

    @command("STATus:ERRor?")
    def _status_error(self, call: Call) -> Answer:
        return self.next_error()
