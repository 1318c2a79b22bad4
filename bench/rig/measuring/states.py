"""`bench.controller.in_state(NAME)`: by commands and faults into a state, shown to be there, and back.

    with bench.controller.in_state("forced limit", Setting(power_w=-2000)) as state, bench.recording() as trace:
        with state.inject(OverTemperature(cell=1, to_c=46)) as fault: ...

What shows that it is there is what a stranger's controller shows: the power at the inverter, the signals on the bus, its log.
`NotThere` where it is not. In some states power flows (`Situation.flows`), in others a danger finds the controller at rest.
What a `lasting` state latches stays until a full charge; `Setting(fresh=True)` restarts the controller without it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from v2g_bench.errors import NotTested
from v2g_bench.faults import (
    BmsSilence,
    CellImbalance,
    Fault,
    OverCurrent,
    OverTemperature,
    PackTemperature,
    SocDivergence,
    ThermalGradient,
)
from v2g_bench.faults.emi_noise import noise
from v2g_bench.rig.file.model import Thresholds
from v2g_bench.rig.measuring.bus import Bus
from v2g_bench.rig.measuring.command_lines import DutCommandLine, NoStart
from v2g_bench.rig.measuring.faults_in_force import FaultsInForce
from v2g_bench.rig.measuring.injection import Active
from v2g_bench.rig.measuring.latches import Latches
from v2g_bench.rig.measuring.power import Power
from v2g_bench.rig.measuring.rating import RATED_W
from v2g_bench.rig.measuring.steady import wait_for_power
from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts

Direction = Literal["any", "charge", "discharge"]
OPEN, PRECHARGE = 0, 1  # role contactor_state
COMES_W = 300.0  # less than this is not yet the power of a state in which power flows
DERATED_SHARE = 0.9
SHOWN_S, PRECHARGED_S, AFTER_COMMAND_S, SOON_S = 3.0, 1.0, 0.3, 0.01
FORCED_PCT = "30"
DEPARTURE_S, MORE_PCT = 4 * 3600.0, 5.0
WINDOW_S, AHEAD_S, BEGINS_S = 3600.0, 600.0, 4.0
HOT_C, NEAR_PCT, NEAR_K = 46.0, 1.0, 1.0


@dataclass(frozen=True)
class Setting:
    """What a state is entered with, as far as it leaves that open.

    power_w: at the AC side, charge positive. temperature_c, soc_pct: what the BMS reports of the pack; None: as it is.
    fresh: a controller without a past. idle_s: how long it has stood still, in the state of that name.
    """

    power_w: float = -3000.0
    temperature_c: float | None = None
    soc_pct: float | None = None
    fresh: bool = False
    idle_s: float = 2.0


class NotThere(NoStart):
    """The controller is not brought into a state: the bench cannot tell what it would do there."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(f"not brought into the state {state!r}: {message}")


@dataclass
class Situation:
    """The controller is in a state. flows: its power does. inject: how a fault comes there, see `Bench.inject`.

    meanwhile: what is under way in the moment of a danger. from_start: the danger is there before the controller is.
    """

    name: str
    setting: Setting
    flows: bool
    inject: Callable[..., AbstractContextManager[Active]]
    meanwhile: Callable[[], object] | None = None
    from_start: bool = False


@dataclass(frozen=True)
class State:
    """One state. direction: of the power that it is about; temperature_c: it is about a pack that is so warm.

    flows: power does. rated: as much of it as the rig allows. lasting: it takes a full charge to end what comes of it.
    roles: without which the bus does not show that it is there.
    """

    name: str
    enter: Callable[["States", Setting], AbstractContextManager[object]]
    direction: Direction = "any"
    temperature_c: float | None = None
    flows: bool = True
    rated: bool = False
    lasting: bool = False
    roles: tuple[str, ...] = ()

    def fits(self, setting: Setting) -> Setting:
        """This setting, with what the state decides by itself."""
        sign = {"charge": 1.0, "discharge": -1.0, "any": 1.0 if setting.power_w > 0 else -1.0}[self.direction]
        power_w = sign * (RATED_W if self.rated else abs(setting.power_w))
        return replace(setting, power_w=power_w, temperature_c=self.temperature_c or setting.temperature_c)


class States:
    """Brings the controller of an open rig into its states."""

    def __init__(
        self, parts: Parts, power: Power, bus: Bus, latches: Latches, person: DutCommandLine, faults: FaultsInForce
    ) -> None:
        self._parts, self._power, self._bus = parts, power, bus
        self._latches, self._person, self._faults = latches, person, faults

    @contextmanager
    def entered(self, name: str, setting: Setting) -> Iterator[Situation]:
        """See `UnderTest.in_state`."""
        state = STATES[name]
        self._bus.needs(*state.roles)
        setting = state.fits(setting)
        situation = Situation(name, setting, state.flows, self._faults.inject)
        with ExitStack() as around:
            if setting.soc_pct is not None and abs(self._bus.signal("soc") - setting.soc_pct) > NEAR_PCT:
                self._power.pack.charged_to(setting.soc_pct)
            elif setting.fresh:
                self._fresh()
            else:
                self._released()
            if setting.temperature_c is not None and abs(self._warmth_c() - setting.temperature_c) > NEAR_K:
                around.enter_context(self._faults.inject(PackTemperature(to_c=setting.temperature_c)))
            around.enter_context(state.enter(self, setting))
            if name == "starting":
                situation.inject, situation.from_start = self._injected_at_start, True
            if name == "precharging":
                situation.inject = self._injected_soon
            if name == "after a command":
                situation.meanwhile = partial(self._command, setting.power_w)
                situation.inject = partial(self._injected_after, situation.meanwhile)
            if name == "reloading":
                situation.meanwhile = partial(self._parts.dut.controller.must, "reload")
                situation.inject = partial(self._faults.inject, meanwhile=situation.meanwhile)
            yield situation

    # How each of them is entered

    @contextmanager
    def _standby(self, setting: Setting) -> Iterator[None]:
        with self._power.asking(setting.power_w, self._ready_s, releasing=True):
            pass
        wait_for_power(self._parts, 0.0)
        yield

    @contextmanager
    def _starting(self, setting: Setting) -> Iterator[None]:
        yield  # the danger is there before the controller: see `_injected_at_start`

    @contextmanager
    def _injected_at_start(self, *faults: Fault, phase_s: float = 0.0, alone: bool = False) -> Iterator[Active]:
        if not self._parts.dut.controller.restarts:
            raise NotTested("this rig cannot start the controller without a past")
        with ExitStack() as around:
            shown = [self._faults.inject(fault, phase_s=phase_s, alone=alone) for fault in faults]
            active = [around.enter_context(one) for one in shown]
            self._parts.dut.fresh(heal=False)
            self._parts.dut.controller.log.mark()
            yield active[0]

    @contextmanager
    def _precharging(self, setting: Setting) -> Iterator[None]:
        self._fresh()
        parts = self._parts
        if not wait_until(parts, lambda: self._shows("contactor_state", OPEN), self._ready_s):
            raise NotThere("precharging", "the contactors are closed before power is asked for")
        asked = f"{self._power.allowed_w(setting.power_w):.0f}"
        run = self._parts.dut.controller.run
        try:
            wait_until(parts, lambda: run("set_power", power_w=asked).status == 0, self._ready_s)
            if not wait_until(parts, lambda: self._shows("contactor_state", PRECHARGE), PRECHARGED_S, 0.005):
                raise NotThere("precharging", "the bus does not show it")
            yield
        finally:
            run("set_power", power_w="0")

    def _injected_soon(
        self, *faults: Fault, phase_s: float = 0.0, alone: bool = False
    ) -> AbstractContextManager[Active]:
        """In the phase of one frame alone: precharge takes a tenth of a second, and a danger comes and goes within it."""
        return self._faults.inject(*faults, phase_s=phase_s % SOON_S, alone=alone)

    @contextmanager
    def _flowing(self, setting: Setting) -> Iterator[None]:
        with self._power.asking(setting.power_w, self._ready_s, releasing=True) as message:
            self._require_flow(setting, message)
            yield

    def _require_flow(self, setting: Setting, message: str) -> None:
        asked_w, found_w = self._power.allowed_w(setting.power_w), self._found_w()
        if found_w * asked_w <= 0 or abs(found_w) < min(COMES_W, abs(asked_w) / 2):
            raise NotThere("power flows", f"asked for {asked_w:.0f} W, {found_w:.0f} W flow; it answers: {message}")

    @contextmanager
    def _derated(self, setting: Setting) -> Iterator[None]:
        with self._flowing(setting):
            if abs(self._found_w()) > DERATED_SHARE * self._power.allowed_w():
                raise NotThere("derated", f"{self._found_w():.0f} W flow at {setting.temperature_c:g} °C")
            yield

    @contextmanager
    def _cooling(self, setting: Setting) -> Iterator[None]:
        with self._flowing(setting):
            if not wait_until(self._parts, lambda: bool(self._bus.signal("cooling_request")), SHOWN_S):
                raise NotThere("cooling", f"none is asked for at {setting.temperature_c:g} °C")
            yield

    @contextmanager
    def _pre_cooling(self, setting: Setting) -> Iterator[None]:
        with self._person.plan.v2g_window(in_s=AHEAD_S, for_s=WINDOW_S), self._cooling(setting):
            yield

    @contextmanager
    def _forced(self, setting: Setting) -> Iterator[None]:
        with self._person.forced_limit(FORCED_PCT), self._flowing(setting):
            yield

    @contextmanager
    def _departure(self, setting: Setting) -> Iterator[None]:
        wanted_pct = round(self._bus.signal("soc") + MORE_PCT)
        with self._person.plan.departure(DEPARTURE_S, wanted_pct), self._flowing(setting):
            yield

    @contextmanager
    def _window(self, setting: Setting) -> Iterator[None]:
        begins_s = self._bus.now_s() + BEGINS_S
        window = self._person.plan.v2g_window(in_s=BEGINS_S, for_s=WINDOW_S)
        with window, self._flowing(setting):
            wait_until(self._parts, lambda: self._bus.now_s() >= begins_s, BEGINS_S + 1)
            yield

    @contextmanager
    def _gradient(self, setting: Setting) -> Iterator[None]:
        gradient = ThermalGradient(to_k=self._thresholds.gradient_k + 4)
        with self._flowing(setting), self._faults.inject(gradient):
            self._require_logged("0x01A2", "gradient")
            self._power.settle()
            self._require_flow(setting, "")
            yield

    @contextmanager
    def _over_current(self, setting: Setting) -> Iterator[None]:
        with self._flowing(setting), self._faults.inject(OverCurrent()):
            self._require_rest("over-current flagged")
            yield

    @contextmanager
    def _charge_only(self, setting: Setting, *, fault: Callable[[Thresholds], Fault], log: str = "") -> Iterator[None]:
        # It knows the pack already: one that has just been started compares a state of charge with nothing.
        with self._flowing(setting), self._faults.inject(fault(self._thresholds)):
            if log:
                self._require_logged(log, "charge-only")
            self._power.granted()
        with self._power.asking(setting.power_w, self._ready_s) as message:
            self._require_flow(setting, message)
            yield

    @contextmanager
    def _bms_recovered(self, setting: Setting) -> Iterator[None]:
        with self._flowing(setting), self._faults.inject(BmsSilence()):
            self._require_rest("BMS silent")
        with self._flowing(setting):
            yield

    @contextmanager
    def _inverter_recovered(self, setting: Setting) -> Iterator[None]:
        within_s = self._parts.loaded.rig.judging.offline_limit_ms / 1e3
        with self._flowing(setting), self._power.inverter.silent():
            self._require_logged("FAULT_INVERTER_OFFLINE", "inverter silent", within_s)
        with self._flowing(setting):
            yield

    @contextmanager
    def _over_current_recovered(self, setting: Setting) -> Iterator[None]:
        with self._over_current(setting):
            pass
        with self._flowing(setting):
            yield

    @contextmanager
    def _trip_recovered(self, setting: Setting) -> Iterator[None]:
        with self._flowing(setting), self._faults.inject(OverTemperature(cell=1, to_c=HOT_C)):
            if not wait_until(self._parts, self._latches.tripped, SHOWN_S):
                raise NotThere("after a trip", "no trip is reported")
        with self._flowing(setting):
            yield

    @contextmanager
    def _commanded(self, setting: Setting) -> Iterator[None]:
        with self._flowing(replace(setting, power_w=setting.power_w / 2)):
            yield  # the other half is asked for in the moment of the danger: see `_injected_after`

    def _command(self, power_w: float) -> object:
        """Refused where the danger has come first and tripped: whoever asks does not know."""
        return self._parts.dut.controller.run("set_power", power_w=f"{self._power.allowed_w(power_w):.0f}")

    def _injected_after(
        self, command: Callable[[], object], *faults: Fault, phase_s: float = 0.0, alone: bool = False
    ) -> AbstractContextManager[Active]:
        """So soon after a command as the phase says: it takes as long as the one that asks for the half again."""
        begun_s = self._bus.now_s()
        self._command(self._found_w())
        took_s = self._bus.now_s() - begun_s
        return self._faults.inject(*faults, phase_s=took_s + phase_s, meanwhile=command, alone=alone)

    @contextmanager
    def _idle(self, setting: Setting) -> Iterator[None]:
        with self._standby(setting):
            self._parts.clock.pause(setting.idle_s)
        with self._flowing(setting):
            yield

    # What they are made of

    @property
    def _thresholds(self) -> Thresholds:
        return self._parts.loaded.rig.dut.thresholds

    @property
    def _ready_s(self) -> float:
        return self._parts.loaded.rig.dut.ready_s

    def _found_w(self) -> float:
        return self._parts.inverter.reading().ac_power_w

    def _warmth_c(self) -> float:
        return self._bus.signal("cell_temperature_max")

    def _shows(self, role: str, value: float) -> bool:
        return self._parts.bus.latest_all().get(role) == value

    def _released(self) -> None:
        """Nothing is latched; a latch that a reset does not release ends with a controller without a past."""
        latches = self._latches
        if not wait_until(self._parts, latches.released, SHOWN_S, 0.3):
            self._fresh()

    def _fresh(self) -> None:
        if not self._parts.dut.controller.restarts:
            raise NotTested("this rig cannot start the controller without a past")
        self._parts.dut.fresh(heal=False)

    def _require_rest(self, name: str) -> None:
        none_w = self._parts.loaded.rig.judging.no_discharge_w
        if not wait_until(self._parts, lambda: abs(self._found_w()) < none_w, SHOWN_S):
            raise NotThere(name, f"{self._found_w():.0f} W still flow")

    def _require_logged(self, code: str, name: str, within_s: float = 0.0) -> None:
        within_s = within_s or self._thresholds.noticed_within_s
        if not wait_until(self._parts, lambda: self._parts.dut.controller.log.find(code), within_s):
            raise NotThere(name, f"no {code} in its log within {within_s:g} s")


def _latch(
    fault: Callable[[Thresholds], Fault], log: str = ""
) -> Callable[[States, Setting], AbstractContextManager[None]]:
    return partial(States._charge_only, fault=fault, log=log)


STATES = {
    state.name: state
    for state in (
        State("starting", States._starting, flows=False),
        State("standby", States._standby, flows=False),
        State("precharging", States._precharging, flows=False, roles=("contactor_state",)),
        State("charging", States._flowing, "charge"),
        State("discharging", States._flowing, "discharge"),
        State("derated", States._derated, temperature_c=41.0, rated=True),
        State("cooling", States._cooling, temperature_c=34.0, roles=("cooling_request",)),
        State("pre-cooling", States._pre_cooling, temperature_c=30.0, roles=("cooling_request",)),
        State("forced limit", States._forced),
        State("departure planned", States._departure),
        State("V2G window", States._window),
        State("gradient", States._gradient, temperature_c=25.0),
        State("over-current flagged", States._over_current, flows=False, roles=("over_current",)),
        State(
            "SoC diverged",
            _latch(lambda limits: SocDivergence(limits.soc_divergence_pct + 3), "0x09BD"),
            "charge",
            lasting=True,
        ),
        State("noise latched", _latch(lambda limits: noise(limits.packet_loss_pct, 2.5), "0x0B22"), "charge"),
        State(
            "imbalance latched", _latch(lambda _: CellImbalance()), "charge", lasting=True, roles=("cell_imbalance",)
        ),
        State("reloading", States._flowing),
        State("after BMS silence", States._bms_recovered),
        State("after inverter silence", States._inverter_recovered),
        State("after over-current", States._over_current_recovered, roles=("over_current",)),
        State("after a trip", States._trip_recovered),
        State("after a command", States._commanded),
        State("after a long rest", States._idle),
    )
}
