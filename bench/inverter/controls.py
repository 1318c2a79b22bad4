"""What the inverter does with its control registers: service, active power, ramps, reversion. Time is passed in.

    out of service --(permitted, and the grid inside its window for ESDlyTms)--> in service
    in service --(STOP | ENTER_STANDBY | ES off | alarm)--> out of service, at once

Permitted: 715.OpCtl is START or EXIT_STANDBY, 703.ES is on, and no alarm is latched. The power set-point survives a
STOP, as in real devices: after START the power rises to it again.

Powers in here are SunSpec's (+ = generation); they are turned where they leave for the power stage.
"""

import math
from collections.abc import Iterable

from v2g_bench.inverter.nameplate import ENTER_STANDBY, EXIT_STANDBY, START, WATTS, InverterConfig
from v2g_bench.inverter.port import InverterReading, StagePort, turned
from v2g_bench.inverter.registers import RegisterImage

RAMP_STEP_S = 0.02
GRID_POLL_S = 0.1
PASSIVE = {"1.DA", "715.ControllerHb"}  # written without any effect on the power


class ReversionTimer:
    """One SunSpec reversion timer: set-points that fall back when the controller stops renewing them.

    It runs from the last write of the function while that is enabled and its time is not zero; at the end the enable
    and each set-point take their `...Rvrt` values.
    """

    def __init__(self, image: RegisterImage, prefix: str, set_points: tuple[str, ...]) -> None:
        self._image, self._prefix = image, prefix
        self._pairs = [(f"704.{name}", f"704.{name}Rvrt") for name in set_points]
        self._pairs.append((f"704.{prefix}Ena", f"704.{prefix}EnaRvrt"))
        self._renewing = {key for key, _ in self._pairs} | {f"704.{prefix}RvrtTms", f"704.{prefix}Mod"}
        self.due_s: float | None = None

    def written(self, keys: set[str], now_s: float) -> None:
        """Start, restart or stop the timer after a write."""
        if not keys & self._renewing:
            return
        runs_s = self._image.number(f"704.{self._prefix}RvrtTms")
        enabled = self._image.number(f"704.{self._prefix}Ena") == 1
        self.due_s = now_s + runs_s if enabled and runs_s > 0 else None

    def expired(self, now_s: float) -> bool:
        """True once, when the time has run out; the registers have then reverted."""
        if self.due_s is None or now_s < self.due_s:
            return False
        self.revert()
        return True

    def revert(self) -> None:
        """Take the reversion values now."""
        self.due_s = None
        for key, reversion in self._pairs:
            self._image.put(key, self._image.number(reversion))

    def remaining_s(self, now_s: float) -> int:
        """Whole seconds left, rounded up; 0 when the timer does not run."""
        return 0 if self.due_s is None else math.ceil(max(0.0, self.due_s - now_s))


class Controls:
    """Turns register writes and the passing of time into commands to the power stage, each at once."""

    def __init__(self, image: RegisterImage, stage: StagePort, config: InverterConfig, now_s: float) -> None:
        self._image, self._stage, self._config = image, stage, config
        self._power_timer = ReversionTimer(image, "WSet", ("WSet", "WSetPct"))
        self._limit_timer = ReversionTimer(image, "WMaxLimPct", ("WMaxLimPct",))
        self.alarms = 0  # latched, as in 701.Alrm
        self.in_service = False
        self.commanded_w = 0.0
        self._enter_s: float | None = None  # end of the enter-service delay that is running
        self._entered_s = -math.inf
        self._ramped_s: float | None = None  # last step of the ramp that is running
        self._heartbeat_due_s: float | None = None
        stage.enable_bridge(False, now_s)
        self.written(set(), now_s)

    @property
    def permitted(self) -> bool:
        """The controller and the alarms let the inverter be in service."""
        started = self._image.number("715.OpCtl") in (START, EXIT_STANDBY)
        return started and self._image.number("703.ES") == 1 and not self.alarms

    @property
    def standby(self) -> bool:
        """The controller has sent the inverter into standby."""
        return self._image.number("715.OpCtl") == ENTER_STANDBY

    @property
    def entering(self) -> bool:
        """Waiting for the grid or for the enter-service delay."""
        return self.permitted and not self.in_service

    def next_due_s(self, now_s: float) -> float | None:
        """When `tick` has something to do next; None if only a write can change anything."""
        due: list[float | None] = [self._power_timer.due_s, self._limit_timer.due_s, self._heartbeat_due_s]
        if self._ramped_s is not None:
            due.append(self._ramped_s + RAMP_STEP_S)
        if self.entering:
            due.append(min(now_s + GRID_POLL_S, math.inf if self._enter_s is None else max(self._enter_s, now_s)))
        return min((time_s for time_s in due if time_s is not None), default=None)

    def written(self, keys: set[str], now_s: float) -> None:
        """Act on registers that have just been written."""
        if not self.permitted:
            self._leave_service(now_s)  # first of all: nothing may delay a stop
        if "715.ControllerHb" in keys and self._config.heartbeat_timeout_s > 0:
            self._heartbeat_due_s = now_s + self._config.heartbeat_timeout_s
        self._power_timer.written(keys, now_s)
        self._limit_timer.written(keys, now_s)
        if self.in_service and keys - PASSIVE:
            self._command(now_s)
        self._serve(now_s)

    def tick(self, now_s: float) -> None:
        """Act on the time that has passed: reversion, enter service, ramps. Cheap when nothing is due."""
        reverted = [self._power_timer.expired(now_s), self._limit_timer.expired(now_s), self._heartbeat_stopped(now_s)]
        self._serve(now_s)
        ramp_due = self._ramped_s is not None and now_s >= self._ramped_s + RAMP_STEP_S
        if self.in_service and (any(reverted) or ramp_due):
            self._command(now_s)

    def trip(self, alarms: int, now_s: float) -> None:
        """Latch alarm bits of 701.Alrm and leave service."""
        self.alarms |= alarms
        self._leave_service(now_s)

    def requested_w(self) -> float:
        """What 704 asks for, before any limit; W, + = generation."""
        number = self._image.number
        if number("704.WSetEna") != 1:
            return 0.0
        if number("704.WSetMod") == WATTS:
            return number("704.WSet")
        return number("704.WSetPct") / 100 * number("702.WMax")

    def target_w(self) -> float:
        """What is asked for, inside the settings of 702 and the generation limit of 704; W, + = generation."""
        number = self._image.number
        discharge_w = min(number("702.WMax"), number("702.WDisChaRteMax"))
        charge_w = min(number("702.WMax"), number("702.WChaRteMax"))
        if number("704.WMaxLimPctEna") == 1:
            discharge_w = min(discharge_w, number("704.WMaxLimPct") / 100 * number("702.WMax"))
        return max(-charge_w, min(discharge_w, self.requested_w()))

    def countdowns_s(self, now_s: float) -> Iterable[tuple[str, int]]:
        """The registers that count down, with their values."""
        yield "704.WSetRvrtRem", self._power_timer.remaining_s(now_s)
        yield "704.WMaxLimPctRvrtRem", self._limit_timer.remaining_s(now_s)
        wait_s = 0.0 if self._enter_s is None else max(0.0, self._enter_s - now_s)
        yield "703.ESDlyRemTms", math.ceil(wait_s)

    def _heartbeat_stopped(self, now_s: float) -> bool:
        if self._heartbeat_due_s is None or now_s < self._heartbeat_due_s:
            return False
        self._heartbeat_due_s = None
        self._power_timer.revert()
        return True

    def _leave_service(self, now_s: float) -> None:
        if self.in_service:
            self._stage.enable_bridge(False, now_s)
        self.in_service, self.commanded_w = False, 0.0
        self._enter_s = self._ramped_s = None

    def _serve(self, now_s: float) -> None:
        """Enter service when it is permitted and the grid has been inside its window for long enough."""
        if not self.entering:
            return
        if not self._grid_inside_window(self._stage.measure()):
            self._enter_s = None
            return
        if self._enter_s is None:
            self._enter_s = now_s + self._image.number("703.ESDlyTms")
        if now_s < self._enter_s:
            return
        self._enter_s = None
        self.in_service, self._entered_s = True, now_s
        self._command(now_s)  # the power first, so that an old one never shows when the bridge starts
        self._stage.enable_bridge(True, now_s)

    def _grid_inside_window(self, reading: InverterReading) -> bool:
        number = self._image.number
        voltage_pct = 100 * reading.ac_voltage_v / self._config.nominal_v
        in_volts = number("703.ESVLo") <= voltage_pct <= number("703.ESVHi")
        return in_volts and number("703.ESHzLo") <= reading.frequency_hz <= number("703.ESHzHi")

    def _command(self, now_s: float) -> None:
        """Send the power stage to the target, or to the next step of the ramp towards it."""
        target_w = self.target_w()
        step_s = RAMP_STEP_S if self._ramped_s is None else now_s - self._ramped_s
        self.commanded_w = ramped(self.commanded_w, target_w, self._ramp_w_per_s(now_s) * step_s)
        self._ramped_s = None if self.commanded_w == target_w else now_s
        self._stage.set_ac_power(turned(self.commanded_w), now_s)

    def _ramp_w_per_s(self, now_s: float) -> float:
        most_w = self._image.number("702.WMax")
        normal = self._image.number("704.WRmp") / 100 * most_w
        enter_s = self._image.number("703.ESRmpTms")
        return min(normal, most_w / enter_s) if now_s < self._entered_s + enter_s else normal


def ramped(from_w: float, target_w: float, step_w: float) -> float:
    """One step towards the target: falling power at once, rising power by no more than `step_w`, in either direction.

    >>> ramped(3000.0, -3000.0, 500.0)
    -500.0
    """
    base_w = abs(from_w) if from_w * target_w > 0 else 0.0
    return math.copysign(min(abs(target_w), base_w + step_w), target_w)
