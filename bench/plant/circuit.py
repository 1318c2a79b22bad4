"""The power circuit in motion: chain of cells, contactors, power stage and coolant, advanced from event to event.

Each stretch between two events becomes one `Segment` of the history. While power flows the DC current is linear from
its last value to the one that the power at the end of the stretch needs; otherwise it relaxes to what a quiet circuit
draws: after a bridge stop with current_decay_s, after a contactor opened with contactor_arc_s.
"""

from collections import deque
from math import exp

import numpy as np

from v2g_bench.inverter.stage import PowerStage, charge_current_a
from v2g_bench.pack.cells import CellChain
from v2g_bench.pack.contactors import Contactors, ContactorState
from v2g_bench.pack.thermal import PackThermal
from v2g_bench.plant.config import PlantConfig
from v2g_bench.plant.current import EMF_SLOPE, Floats, History, Segment, segment_means
from v2g_bench.plant.truth import TruthEvent

HISTORY_S = 120.0
TRUTH_EVENTS = 10_000
LONGEST_STEP_S = 1.0
THERMAL_STEP_S = 0.5  # temperatures and resistances move over minutes
AT_REST_A = 1e-9
LINK_TAU_S = 2.0  # the DC link behind open contactors empties through its resistor: below 60 V in 4 s; an assumption


class Circuit:
    """The moving parts of a plant and their past. Times in s; power and current positive into the battery.

    Commands go to `stage` and `contactors` at `now_s`, followed by `take_events` for what they cause at once.
    """

    def __init__(self, config: PlantConfig, seed: int, now_s: float) -> None:
        self.now_s = now_s
        self.stage = PowerStage(config.rated_power_w, config.ramp_w_per_s, config.efficiency, config.bridge_stop_s)
        self.contactors = Contactors(config.contactor_open_s, config.contactor_close_s, config.precharge_s)
        self.chain = _seeded_chain(config, seed)
        self.thermal = PackThermal(config.cells, config.modules, config.temperature_c, config.ambient_c, seed)
        self.chain.refresh_resistance(self.thermal.cells_c)
        self.cell_heat_w: Floats = np.zeros(config.cells)
        self.cooling = False
        self.current_a, self.ac_power_w = -config.leakage_current_a, 0.0
        self.energy_kwh = config.cycle_count * 2 * config.nominal_energy_kwh
        self.truth: deque[TruthEvent] = deque(maxlen=TRUTH_EVENTS)
        self.history = History(HISTORY_S)
        self._config = config
        self._decay_s = config.contactor_arc_s
        self._thermal_due_s = 0.0
        self._link_changed_s, self._link_v = now_s, 0.0  # at the contactors' last change
        resistance = self.chain.resistance_ohm()
        self.history.append(Segment(now_s, now_s, self.current_a, emf_v=self.chain.emf_v(), resistance_ohm=resistance))

    def step(self, now_s: float) -> None:
        """Advance to now_s through everything that happens before; an earlier time changes nothing."""
        self.take_events()
        while self.now_s < now_s:
            event_s = min(self.stage.next_event_s, self.contactors.next_event_s)
            self._run(min(now_s, self.now_s + LONGEST_STEP_S, event_s))
            self.take_events()

    def rest(self, soc: float, temperature_c: float, capacity_ah: float) -> None:
        """Put the pack at rest at a mean SoC of `soc` (0..1), one temperature, and with this capacity."""
        self.thermal.rest(temperature_c)
        self.chain.resize(capacity_ah)
        self.chain.rest(soc)
        self.chain.refresh_resistance(self.thermal.cells_c)
        self._thermal_due_s = 0.0

    def note(self, event: str, time_s: float) -> None:
        """Put an event into the ground truth."""
        self.truth.append(TruthEvent(time_s, event))

    def pack_voltage_v(self) -> float:
        """Voltage at the pack's terminals now, V."""
        return self.chain.emf_v() + self.chain.resistance_ohm() * self.current_a

    def roles(self) -> dict[str, float]:
        """What is true of the pack now, without any sensor: signal roles in their canonical units."""
        cells_c, cells_v = self.thermal.cells_c, self.chain.voltages_v(self.current_a)
        return {
            "cell_temperature_max": float(cells_c.max()),
            "cell_temperature_min": float(cells_c.min()),
            "cell_voltage_max": float(cells_v.max()),
            "cell_voltage_min": float(cells_v.min()),
            "pack_voltage": self.pack_voltage_v(),
            "pack_current": self.current_a,
            "contactor_state": float(self.contactors.state),
        }

    def link_voltage_v(self) -> float:
        """Voltage of the inverter's DC link now, V: the pack's when connected, rising in precharge, else bleeding."""
        if self.contactors.conducting:
            return self.pack_voltage_v()
        since_s = self.now_s - self._link_changed_s
        if self.contactors.state is ContactorState.PRECHARGE:
            tau_s = max(self._config.precharge_s, 1e-6) / 5
            return self.pack_voltage_v() + (self._link_v - self.pack_voltage_v()) * exp(-since_s / tau_s)
        return self._link_v * exp(-since_s / LINK_TAU_S)

    def request_contactors(self, closed: bool, now_s: float) -> None:
        """Ask the contactors to close or open; now_s counts, even if the steps have overtaken it by a moment."""
        link_v, state = self.link_voltage_v(), self.contactors.state
        self.contactors.request(closed, now_s)
        if self.contactors.state is not state:
            self._link_changed_s, self._link_v = self.now_s, link_v
        self.take_events()

    def take_events(self) -> None:
        """Let everything happen that is due now."""
        while self.contactors.next_event_s <= self.now_s:
            link_v = self.link_voltage_v()
            state = self.contactors.advance(self.now_s)
            self._link_changed_s, self._link_v = self.now_s, link_v
            if state is not None:
                self.note(f"contactor_{state.name.lower()}", self.now_s)
            if self.contactors.conducting != self.stage.carrying:
                self.stage.connect(self.contactors.conducting, self.now_s)
                self._decay_s = self._config.contactor_arc_s
        while self.stage.next_event_s <= self.now_s:
            if self.stage.advance(self.now_s):
                self.note("bridge_stop", self.now_s)
                if self.stage.carrying:
                    self._decay_s = self._config.current_decay_s

    def _run(self, until_s: float) -> None:
        """Advance to until_s, before which nothing happens."""
        segment = self._driven(until_s) if self.stage.active else self._relaxing(until_s)
        dt_s = until_s - self.now_s
        line = segment.current_a, segment.current_slope, segment.current_rest_a, segment.tau_s
        mean_a, mean_sq = segment_means(*line, 0.0, dt_s)
        self._advance_pack(dt_s, mean_a, mean_sq)
        self.energy_kwh += abs(mean_a) * (segment.emf_v + segment.resistance_ohm * mean_a) * dt_s / 3.6e6
        emf_slope = (self.chain.emf_v() - segment.emf_v) / dt_s
        self.history.append((*segment[:EMF_SLOPE], emf_slope, segment.resistance_ohm))
        left = exp(-dt_s / segment.tau_s) if segment.tau_s else 1.0
        swing_a = segment.current_a - segment.current_rest_a
        if segment.tau_s:
            self.current_a = segment.current_rest_a + swing_a * left
        else:
            self.current_a = segment.current_a + segment.current_slope * dt_s
        self.ac_power_w = segment.power_w * left + segment.power_slope * dt_s
        self.now_s = until_s

    def _driven(self, until_s: float) -> Segment:
        """The bridge sets the power: the current that the cells answer it with."""
        dt_s, emf_v, resistance = until_s - self.now_s, self.chain.emf_v(), self.chain.resistance_ohm()
        start_w, end_w = self.stage.power_w(self.now_s), self.stage.power_w(until_s)
        end_a = charge_current_a(self.stage.dc_power_w(end_w), emf_v, resistance) - self._config.standby_current_a
        return Segment(
            start_s=self.now_s,
            end_s=until_s,
            current_a=self.current_a,
            current_slope=(end_a - self.current_a) / dt_s,
            power_w=start_w,
            power_slope=(end_w - start_w) / dt_s,
            emf_v=emf_v,
            resistance_ohm=resistance,
        )

    def _relaxing(self, until_s: float) -> Segment:
        """No power flows: the current decays to what the quiet circuit draws."""
        rest_a = -(self._config.standby_current_a if self.stage.carrying else self._config.leakage_current_a)
        at_rest = abs(self.current_a - rest_a) <= AT_REST_A
        return Segment(
            start_s=self.now_s,
            end_s=until_s,
            current_a=rest_a if at_rest else self.current_a,
            current_rest_a=rest_a,
            power_w=0.0 if at_rest else self.ac_power_w,
            tau_s=0.0 if at_rest else self._decay_s,
            emf_v=self.chain.emf_v(),
            resistance_ohm=self.chain.resistance_ohm(),
        )

    def _advance_pack(self, dt_s: float, mean_a: float, mean_sq: float) -> None:
        self._thermal_due_s += dt_s
        warm = self._thermal_due_s >= THERMAL_STEP_S
        self.chain.step(dt_s, mean_a * dt_s, mean_sq * dt_s, self.thermal.cells_c if warm else None)
        if warm:
            heat_j = self.chain.take_heat_j() + self.cell_heat_w * self._thermal_due_s
            self.thermal.step(self._thermal_due_s, heat_j, self.cooling)
            self._thermal_due_s = 0.0


def _seeded_chain(config: PlantConfig, seed: int) -> CellChain:
    # A healthy pack shows 20 to 60 mV between its strings.
    string_delta_v = float(np.random.default_rng([seed, 0xDE17A]).uniform(0.025, 0.050))
    return CellChain(
        config.cells,
        config.capacity_ah * config.soh_pct / 100,
        config.soc_pct / 100,
        seed,
        strings=config.strings,
        string_delta_v=string_delta_v,
    )
