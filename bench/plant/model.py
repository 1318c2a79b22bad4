"""The plant: pack, contactors, power stage and grid as one model that is stepped and asked. No clock, no I/O.

Times are bench-clock seconds; power and current are positive into the battery. A command first steps the plant to its
own time and then acts; what it causes later (a bridge that stops after bridge_stop_s, a contactor that opens after
contactor_open_s) happens at exactly that time, wherever the steps fall. Between its events the DC current is linear;
after a stop or an opening it decays exponentially. `dc_current` can therefore be sampled afterwards at any rate.

Not modelled: the current that charges the link capacitor during precharge, ripple on AC quantities and ageing (the
state of health stays as configured; energy throughput and cycle count grow).

>>> plant = Plant(PlantConfig(), seed=1, now_s=0.0)
>>> plant.request_contactors(True, 0.0)
>>> plant.enable_bridge(True, 0.0)
>>> plant.set_ac_power(-3000.0, 0.0)
>>> plant.step(1.0)
>>> round(plant.ac_power_w), round(plant.dc_current_a, 1)
(-3000, -8.8)
"""

from dataclasses import replace
from math import pi

import numpy as np

from v2g_bench.grid.supply import AcQuantities, Grid, SteadyGrid
from v2g_bench.pack.contactors import ContactorState
from v2g_bench.plant.circuit import Circuit
from v2g_bench.plant.config import PlantConfig, PlantDefects
from v2g_bench.plant.sensors import Floats, PackReading, PackSensors, SensorOverrides
from v2g_bench.plant.truth import TruthEvent, isolation_time

__all__ = [
    "AcQuantities",
    "PackReading",
    "Plant",
    "PlantConfig",
    "PlantDefects",
    "SensorOverrides",
    "TruthEvent",
]

GRID_POINTS = 64  # per window of `ac`


class Plant:
    """One pack behind contactors on one bidirectional power stage on the grid.

    Public attributes: config, defects (set them freely; they act from the next step on), sensors_override, grid,
    cooling_requested, balancing, cell_heat_w (W of foreign heat into each cell, such as an internal short).
    Starts with contactors open, bridge off, setpoint 0, cooling off. The same seed and calls give the same bytes.
    """

    def __init__(self, config: PlantConfig, seed: int, now_s: float) -> None:
        self.config = config
        self.defects = replace(config.defects)
        self.grid: Grid = SteadyGrid(config.grid_hz, config.grid_v)
        self.cooling_requested = False
        self._start_s = now_s
        self._circuit = Circuit(config, seed, now_s)
        self._sensors = PackSensors(config, seed, self._circuit.chain, self._circuit.thermal, now_s)
        self._reading: tuple[tuple[float, int, int], PackReading] | None = None

    # ---- time and commands

    def step(self, now_s: float) -> None:
        """Advance to now_s, however long that is; a time that the plant has already passed changes nothing."""
        self._apply_defects()
        self._circuit.step(now_s)

    def set_ac_power(self, power_w: float, now_s: float) -> None:
        """Ramp to power_w at the AC terminals (+ = charge), clamped to the rated power; kept while it is off."""
        self.step(now_s)
        self._circuit.stage.set_power(power_w, self.now_s)

    def enable_bridge(self, on: bool, now_s: float) -> None:
        """Start the bridge at now_s, or stop it at now_s + bridge_stop_s (at once if the plant is past that)."""
        self.step(now_s)
        circuit, was_on = self._circuit, self.bridge_on
        circuit.note("bridge_start_command" if on else "bridge_stop_command", now_s)
        # a command that the steps have overtaken by a moment still stops the bridge at its own time
        circuit.stage.enable(on, self.now_s if on else now_s)
        if on and not was_on:
            circuit.note("bridge_start", self.now_s)
        circuit.take_events()

    def request_contactors(self, closed: bool, now_s: float) -> None:
        """Close (through precharge) or open; asking for what was already asked for changes nothing."""
        if closed == self._circuit.contactors.requested:  # a controller repeats itself with every frame
            return
        self.step(now_s)
        self._circuit.note("contactor_close_command" if closed else "contactor_open_command", now_s)
        self._circuit.request_contactors(closed, now_s)

    def request_cooling(self, on: bool, now_s: float) -> None:
        """Run the coolant pump and the chiller, or not; a failed pump does not run in either case."""
        if on == self.cooling_requested:
            return
        self.step(now_s)
        self.cooling_requested = on
        self._circuit.cooling = self.cooling_on

    def reset(
        self,
        now_s: float,
        soc_pct: float | None = None,
        temperature_c: float | None = None,
        capacity_ah: float | None = None,
    ) -> None:
        """A quiet healthy pack again: at rest, at soc_pct and temperature_c, with capacity_ah (None: as configured),
        overrides cleared.

        Defects go back to those of the config, foreign heat and balancing end. The controller's commands are kept:
        contactor request, bridge, setpoint, cooling. What a defect kept from being done (a welded contactor that was
        asked to open, an ignored stop or setpoint) is done now. Throughput and cycle count go on.
        """
        self.step(now_s)
        self.defects = replace(self.config.defects)
        self.sensors_override.clear_all()
        self.cell_heat_w[:] = 0.0
        self.balancing = False
        self._circuit.rest(
            (self.config.soc_pct if soc_pct is None else soc_pct) / 100,
            self.config.temperature_c if temperature_c is None else temperature_c,
            self.config.capacity_ah * self.config.soh_pct / 100 if capacity_ah is None else capacity_ah,
        )
        self._apply_defects()
        self._circuit.stage.recover(self.now_s)
        self._circuit.note("reset", self.now_s)
        self._reading = None
        self._circuit.take_events()

    def _apply_defects(self) -> None:
        defects, circuit = self.defects, self._circuit
        stage, contactors = circuit.stage, circuit.contactors
        stage.ignore_stop, stage.ignore_setpoint = defects.ignore_stop, defects.ignore_setpoint
        stage.stop_extra_s, stage.power_gain = defects.bridge_stop_extra_s, defects.power_gain
        contactors.open_extra_s, contactors.skip_precharge = defects.contactor_open_extra_s, defects.skip_precharge
        contactors.weld(defects.weld_contactor, self.now_s)
        circuit.cooling = self.cooling_on

    @property
    def now_s(self) -> float:
        """How far the model has got, s."""
        return self._circuit.now_s

    @property
    def cell_heat_w(self) -> Floats:
        """Foreign heat into each cell, W (change its elements): such as an internal short."""
        return self._circuit.cell_heat_w

    # ---- what the controller's other parts see

    @property
    def sensors(self) -> PackReading:
        """What the BMS senses now (at the latest step), overrides included."""
        key = (self.now_s, self.sensors_override.version, int(self._sensed_contactors()))
        if self._reading is None or self._reading[0] != key:
            sensed_a = self.dc_current_a * self.defects.bms_current_scale
            self._reading = (key, self._sensors.read(self.now_s, sensed_a, key[2], self._circuit.energy_kwh))
        return self._reading[1]

    def _sensed_contactors(self) -> ContactorState:
        """The contactors as their auxiliary contacts show them."""
        state = self.contactor_state
        if state is not ContactorState.OPEN:
            return state
        if self.defects.stuck_feedback:
            return ContactorState.CLOSED
        return ContactorState.WELDED if self.defects.weld_pole else state

    @property
    def sensors_override(self) -> SensorOverrides:
        """What the BMS is made to sense."""
        return self._sensors.overrides

    @property
    def bridge_on(self) -> bool:
        """Whether the bridge really switches."""
        return self._circuit.stage.running

    @property
    def bridge_commanded(self) -> bool:
        """Whether the bridge was last commanded to run: what an inverter that ignores a stop would still report."""
        return self._circuit.stage.commanded

    @property
    def ac_setpoint_w(self) -> float:
        """The power last asked for, clamped to the rated power, W."""
        return self._circuit.stage.setpoint_w

    @property
    def contactor_state(self) -> ContactorState:
        """0 open, 1 precharge, 2 closed, 3 welded."""
        return self._circuit.contactors.state

    @property
    def soc_pct(self) -> float:
        """True mean SoC of the cells, %."""
        return self._circuit.chain.mean_soc * 100

    @property
    def cooling_on(self) -> bool:
        """Whether coolant flows."""
        return self.cooling_requested and not self.defects.pump_failed

    @property
    def balancing(self) -> bool:
        """Whether the BMS bleeds its highest cells."""
        return self._circuit.chain.balancing

    @balancing.setter
    def balancing(self, on: bool) -> None:
        self._circuit.chain.balancing = on

    # ---- what meters see

    @property
    def dc_current_a(self) -> float:
        """Mean DC current now, A."""
        return self._circuit.current_a

    @property
    def ac_power_w(self) -> float:
        """AC power now, W."""
        return self._circuit.ac_power_w

    @property
    def dc_voltage_v(self) -> float:
        """Voltage at the pack's terminals now, V."""
        return self._circuit.pack_voltage_v()

    @property
    def bus_voltage_v(self) -> float:
        """Voltage of the inverter's DC link now, V: the pack's when connected; rising in precharge, else bleeding."""
        return self._circuit.link_voltage_v()

    def dc_current(self, t: Floats) -> Floats:
        """DC current at the times t (s, 1-D), A, with the PWM ripple; shape of t.

        Known for the last 120 s up to the latest step (at most 1 µs beyond, for rounding); BenchError outside. Times
        before the plant began show its first moment: nothing flowed.
        """
        current = self._circuit.history.current_a(t)
        if self.config.ripple_pct == 0.0:
            return current
        cycles = (np.asarray(t, dtype=np.float64) - self._start_s) * self.config.ripple_hz
        cycles -= np.floor(cycles)
        # single precision is 1e-7 of the ripple, and several times faster
        ripple = np.sin((2 * pi * cycles).astype(np.float32))
        ripple *= np.float32(self.config.ripple_pct / 100)
        return np.asarray(current + np.abs(current) * ripple)

    def dc_current_mean(self, t: Floats) -> Floats:
        """DC current at the times t without ripple, A; otherwise like `dc_current`."""
        return self._circuit.history.current_a(t)

    def dc_voltage(self, t: Floats) -> Floats:
        """Voltage at the pack's terminals at the times t, V, without ripple; otherwise like `dc_current`."""
        return self._circuit.history.voltage_v(t)

    def current_ends(self, since_s: float) -> tuple[Floats, Floats]:
        """Both ends of every piece of the mean DC current that ends after `since_s`: times (s), currents (A)."""
        return self._circuit.history.current_ends(since_s)

    def forget_past(self, segments: int) -> None:
        """Keep the last `segments` pieces of the history alone: a plant that is to be copied should be small."""
        self._circuit.history = self._circuit.history.last(segments)

    def constants(self) -> list[Floats]:
        """The large arrays that never change; copies of a plant may share them."""
        return self._sensors.noise_tables()

    def ac(self, t_from_s: float, t_to_s: float) -> AcQuantities:
        """AC quantities over the window t_from_s..t_to_s, at unity power factor; limits of time as for `dc_current`.

        Power is the exact mean. Current is the RMS of the power over the window divided by the mean voltage.
        """
        power_w, power_sq = self._circuit.history.power_means(t_from_s, t_to_s)
        points = np.arange(GRID_POINTS, dtype=np.float64)
        times: Floats = t_from_s + (points + 0.5) * ((t_to_s - t_from_s) / GRID_POINTS)
        voltage_v = float(self.grid.voltage_v(times).mean())
        frequency_hz = float(self.grid.frequency_hz(times).mean())
        return AcQuantities(power_w, voltage_v, power_sq**0.5 / voltage_v, frequency_hz)

    # ---- ground truth

    @property
    def truth(self) -> list[TruthEvent]:
        """What happened, oldest first (the last 10,000 events): commands, bridge_start/_stop, contactor_*, reset."""
        return list(self._circuit.truth)

    def truth_roles(self) -> dict[str, float]:
        """What is true of the pack at `now_s`, whatever its sensors are made to show; roles in canonical units."""
        return self._circuit.roles()

    def truth_isolation(self, after_s: float, fraction: float) -> float | None:
        """The exact time at which |mean current| fell below `fraction` of its value at after_s and stayed there.

        None if it has not, or if no current flowed at after_s.
        """
        return isolation_time(self._circuit.history, after_s, fraction)
