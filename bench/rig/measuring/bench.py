"""The bench as a test uses it: power, faults, recordings and readings, the same on every rig.

    with bench.at_power(-3000), bench.recording() as trace:
        with bench.inject(OverTemperature(cell=1, to_c=45.5)) as fault:
            isolation = trace.isolation(after=fault.on_bus)

Whatever a block changed is put back when the block is left, also when it is left by an error.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.errors import NotApplicable as NotApplicable  # the plugin and tests look for it here
from v2g_bench.evidence.basis import REPEATABILITY, mean_of, stated
from v2g_bench.faults import BusWindow, Fault
from v2g_bench.faults.base import HEALTHY
from v2g_bench.inverter.server_faults import ServerFault
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.rig.dut.controller import Controller, Reply
from v2g_bench.rig.file.model import Judging, Rig
from v2g_bench.rig.measuring.command_lines import NoStart, Operator
from v2g_bench.rig.measuring.cross_check import Witnesses
from v2g_bench.rig.measuring.injection import Active, Injector
from v2g_bench.rig.measuring.reading import Reading
from v2g_bench.rig.measuring.sources import Sources, bms_accuracy, by_bms, by_inverter
from v2g_bench.rig.measuring.trace import RATE_HZ, Trace
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.parts.timing import Stamp
from v2g_bench.rig.parts.traffic import protection, window
from v2g_bench.rig.safety.envelope import Envelope
from v2g_bench.rig.safety.physical import stimulates

RATED_W = math.inf  # at_power: as much as the inverter is rated for

AT_TARGET_S = 0.06  # how long the power has to stand where it was asked to before a test goes on,
STEADY_S = 1.0  # and how long anywhere else: longer than precharge and the closing of the contactors
START_S = 3.0  # and how long at nothing, where something was asked for and promised: a busy machine begins late
POWER_WAIT_S = 8.0
COMMAND_POLL_S, INSIST_POLL_S = 0.02, 0.1
TOLD_CYCLES = 3  # of the controller's status: within so many a release stands on the bus
PROBE_W = 200.0
FULL_PCT = 99.95  # shown
NEARLY_PCT = 0.001  # short of it an emulated pack begins its calibration charge: a second or two before it shows 100 %
NEARLY_FULL_SHOWN_PCT = 99.0
FULL_CHARGE_S = 12 * 3600.0
CHARGE_PATIENCE_S = 10.0
AC_READINGS = 5

STATUS_CYCLE_S = 0.1  # of the controller's latches, where the database states none
WELDED = 3  # role contactor_state
LATCHES = ("trip_latched", "charge_only")

T = TypeVar("T")


def nearly_full_pct(step_pct: float) -> float:
    """The state of charge a moment before a signal of this resolution shows a full pack.

    >>> nearly_full_pct(0.1), nearly_full_pct(0.5)
    (99.949, 99.749)
    """
    shown_pct = math.ceil(round(FULL_PCT / step_pct, 6)) * step_pct
    return round(shown_pct - step_pct / 2 - NEARLY_PCT, 6)


class NotAtPower(NoStart):
    """The controller does not bring the rig to the power that a test starts from."""

    def __init__(self, asked_w: float, found_w: float, said: str) -> None:
        super().__init__(
            f"asked for {asked_w:.0f} W, the inverter stands at {found_w:.0f} W: the test cannot start; "
            f"the controller said: {said or 'nothing'}"
        )


class Bench:
    """What a conformance test holds in its hand."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.rig: Rig = parts.loaded.rig
        self.judging: Judging = self.rig.judging
        self.clock: Clock = parts.clock
        self.controller: Controller = parts.controller
        self.operator = Operator(parts)
        self._injector = Injector(parts)
        self._envelope = Envelope(self.rig.safety.model_dump())
        self.sources = Sources(parts)
        self._faults: list[Fault] = []
        self._witnesses = Witnesses(parts, self.sources, self._faults, self.recording)
        self._heard: dict[str, tuple[float, float]] = {}
        self._left_out = 0

    def prepare(self) -> None:
        """A quiet, healthy pack and a controller without history: how every test begins."""
        self._left_out = self._parts.left_out()
        self._parts.fresh_controller()
        if not self.wait_until(lambda: self._takes(PROBE_W), self.rig.dut.ready_s, COMMAND_POLL_S):
            self.controller.require_alive()
            reply = self.controller.run("set_power", power_w=f"{PROBE_W:.0f}")
            said = " ".join((reply.err + reply.out).split())
            raise BenchError(
                f"controller {self.rig.dut.name}", f"takes no power command within {self.rig.dut.ready_s:g} s", said
            )
        self.controller.must("set_power", power_w="0")

    @contextmanager
    def at_power(self, power_w: float) -> Iterator[None]:
        """Steady at this AC power (W, charge positive) while the block runs; raises NotAtPower where it cannot be had."""
        target_w = self._within_rating(power_w)
        with self.asking(target_w, within_s=self.rig.dut.ready_s, releasing=True) as said:
            found_w = self.inverter_power().value or 0.0
            if abs(found_w - target_w) > 0.2 * abs(target_w):
                raise NotAtPower(target_w, found_w, said)
            yield

    @contextmanager
    def asking(self, power_w: float, within_s: float = 0.0, *, releasing: bool = False) -> Iterator[str]:
        """Ask the controller for this power; the block runs when it is there or stands still elsewhere, at once if refused.

        Gives what the controller answered; asks for zero at the end. within_s: ask again for so long while it refuses,
        as one that has just been started does until it has heard BMS and inverter. releasing: its latches first.
        """
        target_w = self._within_rating(power_w)
        reply = Reply([], 1, "", "its latches cannot be released")

        def takes() -> bool:
            nonlocal reply
            if not releasing or self._unlatched():
                reply = self.controller.run("set_power", power_w=f"{target_w:.0f}")
            return reply.status == 0

        if not self.wait_until(takes, within_s, COMMAND_POLL_S) and releasing:
            self.tripped()  # an error where nothing is heard of the controller
        try:
            if reply.status == 0:
                self._wait_for_power(target_w)
                self._witnesses.hear(target_w)
            self._heard.clear()  # what was asked on the way is no part of what is judged
            yield " ".join((reply.out + reply.err).split())
        finally:
            self.controller.run("set_power", power_w="0")

    def insist(self, power_w: float, for_s: float) -> None:
        """Ask for this power again and again, whatever the answer."""
        self.wait_until(
            lambda: self.controller.run("set_power", power_w=f"{power_w:.0f}") is None, for_s, INSIST_POLL_S
        )

    def recording(
        self, *, rate_hz: float = RATE_HZ, before_s: float = 0.05, after_s: float = 0.35, seen: bool = False
    ) -> Trace:
        """A recording of the DC current at the pack; see `Trace`."""
        return Trace(
            self._parts.digitizer,
            self._parts.sync,
            self.clock,
            rate_hz=rate_hz,
            before_s=before_s,
            after_s=after_s,
            fraction=self.judging.isolation_fraction,
            ripple_hz=self.rig.inverter.ripple_hz,
            seen=seen,
            calibrated=self._parts.calibrated("dc_current"),
            doubt=lambda: self.sources.doubt("DC current"),
            hold=self._parts.capture.hold,
        )

    @contextmanager
    def inject(
        self, *faults: Fault, phase_s: float = 0.0, meanwhile: Callable[[], object] | None = None
    ) -> Iterator[Active]:
        """These faults, all from `phase_s` from now on; proven on the bus before the block runs, taken back after it.

        meanwhile: done once the faults are on their way, so that they come while it runs.
        """
        self._check_envelope(faults)
        self.controller.log.mark()  # what it said of an earlier fault is no answer to this one
        self._faults += faults
        try:
            with self._injector.active(faults, phase_s, meanwhile) as active:
                yield active
        finally:
            for fault in faults:
                self._faults.remove(fault)

    @contextmanager
    def starting(self, *faults: Fault) -> Iterator[None]:
        """A controller that is started, without a past, while these faults are in force: it knows nothing else."""
        with ExitStack() as injected:
            for fault in faults:
                injected.enter_context(self.inject(fault))
            self._parts.fresh_controller(heal=False)
            yield

    @contextmanager
    def silent_inverter(self) -> Iterator[Stamp]:
        """An inverter that answers nobody; from when on. BenchError where its server does not confirm the silence."""
        plant = self._parts.plant
        if plant is None or self.rig.inverter.kind != "emulated":
            raise NotApplicable("this rig cannot take the inverter off the network")
        self.controller.log.mark()
        before = plant.client.set_defects("inverter")
        silence = ServerFault("silence").to_dict()
        try:
            if plant.client.set_defects("inverter", faults=[silence])["faults"] != [silence]:
                raise BenchError("inverter", "its emulator did not fall silent")
            yield self._parts.stamp(self.clock.now_s())
        finally:
            plant.client.set_defects("inverter", faults=before["faults"])

    @contextmanager
    def watching(self, power_w: float, for_s: float) -> Iterator[Trace]:
        """From a standstill ask for this power, and record what comes of it from that moment on.

        For a power that must not come: at least as long as a busy machine may take to begin with it.
        """
        self._wait_for_power(0.0)
        with self.recording(rate_hz=1000, after_s=max(for_s, START_S)) as trace:
            try:
                self.controller.run("set_power", power_w=f"{self._within_rating(power_w):.0f}")
                yield trace
            finally:
                self.controller.run("set_power", power_w="0")

    def granted(self) -> None:
        """Wait the time that the rig grants a fallback, where a trace then shows that it is in force."""
        self._parts.pause(self.judging.fallback_s)

    def settle(self) -> None:
        """Wait the time that the rig grants a fallback, and until the power stands still."""
        until_s = self.clock.now_s() + self.judging.fallback_s
        self._wait_for_power()
        self.wait_until(lambda: self.clock.now_s() >= until_s, self.judging.fallback_s + 1.0)

    def ac_power(self) -> Reading:
        """AC power at the inverter's terminals by the analyzer (W, charge positive): mean of fresh readings."""
        before = self._parts.inverter.reading()
        taken, beside = self.sources.measured(AC_READINGS)
        readings = [one.power_w for one in taken]
        after = self._parts.inverter.reading()
        mean_w = float(np.mean(readings))
        self._witnesses.weigh(mean_w)
        limit_w, source = self._parts.analyzer.power_accuracy(mean_w)
        parts = [
            Component.of_samples(REPEATABILITY, readings, source=f"{AC_READINGS} readings"),
            Component.rectangular("accuracy", limit_w, source=source),
            *self._parts.calibrated("ac_power").components(mean_w),
        ]
        budget = Budget("AC power", "W", parts)
        power = Reading("AC power", mean_w, "W", budget, basis=mean_of(readings, budget))
        self.sources.at_the_terminals(replace(power, quantity="AC power by the analyzer"), before, after, beside)
        if doubt := self.sources.doubt("AC power"):
            budget = Budget("AC power", "W", [*parts, *doubt])
            power = replace(power, budget=budget, basis=mean_of(readings, budget))
        return power

    def pack_power(self, over_s: float = 0.1) -> Reading:
        """DC power at the pack (W, charge positive): the digitizer's mean current at the voltage that the BMS reports."""
        with self.recording(before_s=over_s / 10, after_s=over_s) as trace:
            current = trace.mean()
        self.sources.standing(replace(current, quantity="DC current by the digitizer"), bms=self._witnesses.roles())
        volts = self.signal("pack_voltage")
        limit_v, source = bms_accuracy(self.rig, "pack_voltage", volts, self._parts.db.resolution("pack_voltage"))
        assert current.value is not None
        assert current.uncertainty is not None
        parts = [
            Component("current", "normal", current.uncertainty.u, volts, source="digitizer", unit="A"),
            *(replace(part, sensitivity=volts, unit="A") for part in self.sources.doubt("DC current")),
            Component.rectangular("voltage", limit_v, current.value, source, "V"),
            *(replace(part, sensitivity=current.value, unit="V") for part in self.sources.doubt("DC voltage")),
        ]
        budget = Budget("DC power", "W", parts)
        value_w = current.value * volts
        return Reading("DC power", value_w, "W", budget, basis=stated(value_w, budget))

    def bms_current(self) -> Reading:
        """The pack's current as the BMS reports it (A, charge positive)."""
        value_a = self.signal("pack_current")
        return by_bms(self.rig, "pack_current", value_a, self._parts.db.resolution("pack_current"))

    def unprotected_commands(self, over_s: float) -> tuple[int, list[str]]:
        """How many protected frames the controller sent in that time from now, and what was wrong with which."""
        specs = [spec for spec in self._parts.db.senders("EMS") if spec.e2e is not None]
        if not specs:
            raise NotApplicable(f"{self._parts.db.path.name} protects no frame of the controller")
        since_s = self.clock.now_s()
        with self._parts.capture.holding(since_s):
            self._parts.pause(over_s)
            return protection(self._parts.capture.frames(since_s=since_s), specs)

    def inverter_power(self) -> Reading:
        """AC power as the inverter itself reports it (W, charge positive)."""
        reading = by_inverter(self.rig, self._parts.inverter.reading(), "AC power")
        if reading is None:
            raise BenchError("inverter", "measures no power")
        return reading

    def compare_current(self, trace: Trace) -> None:
        """Hold a trace against what the BMS said of the current meanwhile; not while a fault touches its frames."""
        if "pack_current" in self._witnesses.roles():
            self.sources.during(trace.waveform, trace.frames(), *trace.accuracy())

    def signal(self, role: str) -> float:
        """The latest value of a signal role; BenchError where the bus is silent."""
        value = self._parts.latest(role)
        self._heard[role] = (value, self.clock.now_s())
        return value

    def take_heard(self) -> list[tuple[str, float, float]]:
        """(role, value, bench clock) of every signal that was asked for since the last call, the last of each role."""
        heard, self._heard = self._heard, {}
        return [(role, value, at_s) for role, (value, at_s) in heard.items()]

    def resolution(self, role: str) -> float:
        """How far apart two values of a signal role are at least."""
        return self._parts.db.resolution(role)

    @property
    def told_s(self) -> float:
        """Within this time what the controller says of its latches stands on the bus, by the cycle in the database."""
        db = self._parts.db
        cycles_s = [db.message_of(role).cycle_s or STATUS_CYCLE_S for role in LATCHES if db.has(role)]
        return round(TOLD_CYCLES * max(cycles_s, default=STATUS_CYCLE_S), 6)

    @property
    def rated_w(self) -> float:
        """The most power that this rig allows (W): what RATED_W stands for."""
        return self._within_rating(math.inf)

    def tripped(self) -> bool:
        """True while the controller reports a latched trip on the bus; by its status where the database has no signal."""
        self.controller.require_alive()
        if self._parts.db.has("trip_latched"):
            return bool(self.signal("trip_latched"))
        return '"trip_latched": true' in self.controller.must("status").out

    def latched(self) -> bool:
        """True while the controller reports a trip or a charge-only latch that an authorised reset releases."""
        return self.tripped() or (self._parts.db.has("charge_only") and bool(self.signal("charge_only")))

    def require(self, condition: object, what: str) -> None:
        """NoStart where what a test stands on, and does not judge, is not there."""
        if not condition:
            self.controller.require_alive()
            raise NoStart(f"the test cannot start: {what}")

    def needs(self, *roles: str) -> None:
        """NotApplicable where the BMS's database has not all of these signal roles."""
        if missing := [role for role in roles if not self._parts.db.has(role)]:
            raise NotApplicable(f"{self._parts.db.path.name} has no signal for {', '.join(missing)}")

    def needs_protected_frames(self) -> None:
        """NotApplicable where the BMS's database has no end-to-end protection: nobody could tell a damaged frame there."""
        if not any(spec.e2e for spec in self._parts.db.senders("BMS")):
            raise NotApplicable(
                f"{self._parts.db.path.name} protects no frame of the BMS: damage cannot be told from data"
            )

    def no_discharge_limit_a(self) -> float:
        """The DC current (A) of the power that is not yet a discharge."""
        return self.judging.no_discharge_w / self.signal("pack_voltage")

    def wire(self) -> dict[str, Any]:
        """The wire of a bus with physics as it is now: load, counts, and each node's error counters."""
        if self._parts.plant is None or not self.rig.physics:
            raise NotApplicable("this rig's bus has no physics")
        return self._parts.plant.client.wire()

    def bms_traffic(self, from_s: float, to_s: float) -> BusWindow:
        """What came of the BMS's cyclic frames between these times (bench clock); BenchError where the capture's memory
        does not reach back to a second before the first.
        """
        return window(self._parts.db, self._parts.capture.frames(since_s=from_s - 1.0), from_s, to_s)

    def small_pack(self, capacity_ah: float, soc_pct: float | None = None) -> None:
        """A pack of this capacity and state of charge (None: the rig's), and a controller that knows no other; NoStart
        where the rig cannot emulate one."""
        self.require(self._parts.plant is not None and self.rig.bms.kind == "emulated", "with this pack it takes hours")
        assert self._parts.plant is not None
        self._parts.plant.client.reset(capacity_ah=capacity_ah, soc_pct=soc_pct)
        self._parts.fresh_controller(heal=False)

    def nearly_full(self) -> None:
        """A pack a few seconds short of 100 %, where the rig emulates one, and a controller that knows no other."""
        if self._parts.plant is not None:
            self._parts.plant.client.reset(soc_pct=nearly_full_pct(self.resolution("soc")))
            self._parts.fresh_controller(heal=False)

    def charge_to_full(self) -> bool:
        """A calibration charge: charge until the BMS says 100 %; False where the controller lets nothing flow."""
        if self._parts.plant is not None and self.signal("soc") < NEARLY_FULL_SHOWN_PCT:
            self._parts.plant.client.reset(soc_pct=nearly_full_pct(self.resolution("soc")))
        with self.asking(2000):
            flowed_s = self.clock.now_s()

            def done() -> bool:
                nonlocal flowed_s
                now_s = self.clock.now_s()
                if self._parts.inverter.reading().ac_power_w > self.judging.no_discharge_w:
                    flowed_s = now_s
                return self.signal("soc") >= FULL_PCT or now_s - flowed_s > CHARGE_PATIENCE_S

            self.wait_until(done, FULL_CHARGE_S)
            full = self.signal("soc") >= FULL_PCT
            if full:
                # A controller counts the charge as full when it has seen it, not in the same instant.
                self.settle()
        return full

    def wall_minus_bench_s(self) -> float:
        """The stamps in the capture's file minus the bench clock, now (s)."""
        return self._parts.wall_minus_bench_s()

    def disturbed(self, from_s: float, to_s: float) -> str:
        """What the machine did to the bench between these times that could have moved a latency; "" for nothing."""
        return self._parts.disturbed(from_s, to_s)

    def left_out(self) -> int:
        """Frames that the emulated BMS has left out since the test began, because the machine did not let it run: the
        controller has heard less of it than the test states.
        """
        return self._parts.left_out() - self._left_out

    def wait_until(self, condition: Callable[[], T], within_s: float, poll_s: float = 0.02) -> T:
        """Wait for a condition with a bound; its last value, which is false when the time is over."""
        deadline_s = self.clock.now_s() + within_s
        while not (value := condition()) and self.clock.now_s() < deadline_s:
            self._parts.pause(poll_s)
        return value

    def _within_rating(self, power_w: float) -> float:
        rated_w = min(self.rig.inverter.rated_power_w, self.rig.safety.max_power_w)
        if math.isinf(power_w):
            return math.copysign(rated_w, power_w)
        if not abs(power_w) <= rated_w:
            raise BenchError("power", f"{power_w:g} W is beyond this rig's {rated_w:g} W", "see [safety] max_power_w")
        voltage_v = self._parts.physical().get("pack_voltage", 0.0)
        if voltage_v > 0 and (breach := self._envelope.breach({"pack_current": power_w / voltage_v})):
            raise BenchError("power", f"{power_w:g} W: {breach}", "the rig file decides how far a test may go")
        return power_w

    def _check_envelope(self, faults: Sequence[Fault]) -> None:
        """BenchError if the pack itself is beyond the envelope, or a fault would bring it there.

        What the bench writes into frames, or makes an emulated BMS say, heats no cell: a stimulus has no limit here. Where
        a real BMS is heard directly, its values can only be had by the real battery being so.
        """
        physical = self._parts.physical()
        if breach := self._envelope.breach(physical):
            told = ", ".join(map(str, faults))
            raise BenchError("fault", f"{told} is not injected: {breach}", "let the pack come back inside first")
        for fault in () if stimulates(self.rig) else faults:
            if breach := self._envelope.breach(fault.signals({**HEALTHY, **physical})):
                raise BenchError("fault", f"{fault}: {breach}", "the rig file decides how far a test may go")

    def require_sound(self) -> None:
        """BenchError where the controller has died, or a part shows that it did not do its share."""
        self.controller.require_alive()
        if self._parts.latest_all().get("contactor_state") == WELDED:
            raise BenchError(
                "bms", "reports a welded contactor", "replace it: the pack cannot be isolated by it any more"
            )

    def _takes(self, power_w: float) -> bool:
        """Whether the controller accepts this power, its latches released. A precondition, never what is tested."""
        return self._unlatched() and self.controller.run("set_power", power_w=f"{power_w:.0f}").status == 0

    def _unlatched(self) -> bool:
        """Whether nothing is latched in the controller; if something is, its release is asked for, and waited for."""
        if not self._parts.latest_all().keys() >= set(filter(self._parts.db.has, LATCHES)):
            self.controller.require_alive()
            return False  # it has just been started: its first frame is still to come
        if not self.latched():
            return True
        # Refused while the pack is not safe yet: to be asked again.
        return self.controller.run("reset_trip").status == 0 and self.wait_until(
            lambda: not self.latched(), self.told_s
        )

    def _wait_for_power(self, target_w: float | None = None) -> None:
        """Until the inverter's power stands at the target for AT_TARGET_S, or still anywhere for STEADY_S; bounded."""
        moved_w = 0.002 * self.rig.inverter.rated_power_w
        anchor_w, still_since_s = math.inf, self.clock.now_s()

        def standing() -> bool:
            nonlocal anchor_w, still_since_s
            power_w, now_s = self._parts.inverter.reading().ac_power_w, self.clock.now_s()
            if abs(power_w - anchor_w) > moved_w:
                anchor_w, still_since_s = power_w, now_s
            there = target_w is not None and abs(power_w - target_w) <= max(0.02 * abs(target_w), moved_w)
            elsewhere_s = START_S if target_w and abs(power_w) <= moved_w else STEADY_S
            return now_s - still_since_s >= (AT_TARGET_S if there else elsewhere_s)

        self.wait_until(standing, POWER_WAIT_S)
