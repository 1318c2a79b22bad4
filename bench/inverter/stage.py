"""The power stage: setpoint with ramp and clamp, the bridge's start and stop, efficiency. No clock: times come in.

    stopped --(enable, carrying)--> running --(disable, then stop_s)--> stopped
    running, but the DC side cannot carry current (contactor open): enabled, power 0; the ramp starts at 0 W

Power is at the AC terminals, positive into the battery. It is a piecewise linear function of time with its corners at
`next_event_s`; what the DC current does in a bridge stop is the plant's to draw, from `stop_s` and its decay.

>>> stage = PowerStage(rated_power_w=11_000.0, ramp_w_per_s=20_000.0, efficiency=0.97, stop_s=0.004)
>>> stage.set_power(-3000.0, now_s=0.0)
>>> stage.connect(True, now_s=0.0)
>>> stage.enable(True, now_s=0.0)
>>> stage.next_event_s, stage.power_w(0.1), stage.power_w(5.0)
(0.15, -2000.0, -3000.0)
"""

from math import copysign, inf, sqrt


def charge_current_a(power_w: float, emf_v: float, resistance_ohm: float) -> float:
    """The current (A, + charge) at which `power_w` crosses the terminals of a source of emf_v with resistance_ohm.

    I = (sqrt(V² + 4 R P) - V) / (2 R), written without its cancellation at small R. More discharge power than the
    source can give (P < -V²/4R) yields the current of the matched load, -V / 2R.
    """
    discriminant = emf_v * emf_v + 4.0 * resistance_ohm * power_w
    if discriminant <= 0.0:
        return -emf_v / (2.0 * resistance_ohm)
    return 2.0 * power_w / (sqrt(discriminant) + emf_v)


class PowerStage:
    """A bidirectional AC/DC converter. Power in W at the AC terminals (+ = charge), times in s.

    ignore_stop, ignore_setpoint, stop_extra_s and power_gain are the defects of `PlantDefects`.
    """

    def __init__(self, rated_power_w: float, ramp_w_per_s: float, efficiency: float, stop_s: float) -> None:
        self._rated_w, self._ramp, self._efficiency, self._stop_s = rated_power_w, ramp_w_per_s, efficiency, stop_s
        self.ignore_stop = self.ignore_setpoint = False
        self.stop_extra_s, self.power_gain = 0.0, 1.0
        self.commanded = False  # what was last asked of the bridge
        self.running = False  # whether the bridge switches
        self.setpoint_w = 0.0  # what was last asked for, clamped
        self.stop_at_s = inf
        self._carrying = False
        self._ramp_from_s, self._ramp_from_w, self._ramp_to_w = 0.0, 0.0, 0.0

    @property
    def carrying(self) -> bool:
        """Whether the DC side can carry current."""
        return self._carrying

    @property
    def active(self) -> bool:
        """Whether power can flow: the bridge switches and the DC side is connected."""
        return self.running and self._carrying

    @property
    def next_event_s(self) -> float:
        """The next corner that `advance` must be called at, inf if none: a bridge's stop, a ramp's end or its 0 W.

        0 W is a corner because the losses change sides there: the DC power bends although the AC power does not.
        """
        if not self.active or self._ramp_from_w == self._ramp_to_w:
            return self.stop_at_s
        return min(self.stop_at_s, self._ramp_from_s + abs(self._corner_w() - self._ramp_from_w) / self._ramp)

    def set_power(self, power_w: float, now_s: float) -> None:
        """Ramp towards power_w, clamped to the rated power, from where the power is now."""
        self.setpoint_w = min(self._rated_w, max(-self._rated_w, power_w))
        if not self.ignore_setpoint:
            self._aim(now_s, self._ramped_w(now_s), self.setpoint_w)

    def enable(self, on: bool, now_s: float) -> None:
        """Start the bridge now, or stop it after its stop time; a start while a stop is pending takes the stop back."""
        self.commanded = on
        if not on:
            if self.running and not self.ignore_stop:
                self.stop_at_s = min(self.stop_at_s, now_s + self._stop_s + self.stop_extra_s)
            return
        self.stop_at_s = inf
        if not self.running:
            self.running = True
            self._aim(now_s, 0.0, self._ramp_to_w)

    def connect(self, carrying: bool, now_s: float) -> None:
        """Tell whether the DC side can carry current; when it comes back the ramp starts at 0 W."""
        if carrying != self._carrying:
            self._carrying = carrying
            self._aim(now_s, 0.0, self._ramp_to_w)

    def advance(self, now_s: float) -> bool:
        """Take the corners that now_s has reached; True if the bridge stopped."""
        if now_s >= self.stop_at_s:
            self.running, self.stop_at_s = False, inf
            return True
        if now_s >= self.next_event_s:
            self._aim(now_s, self._corner_w(), self._ramp_to_w)
        return False

    def power_w(self, now_s: float) -> float:
        """AC power at now_s, W; 0 while no power can flow."""
        return self._ramped_w(now_s) * self.power_gain

    def recover(self, now_s: float) -> None:
        """Do at once what a defect kept from being done: stop if that was asked for, ramp to the setpoint."""
        if self.running and not self.commanded:
            self.stop_at_s = min(self.stop_at_s, now_s)
        elif self._ramp_to_w != self.setpoint_w:
            self._aim(now_s, self._ramped_w(now_s), self.setpoint_w)

    def _ramped_w(self, now_s: float) -> float:
        if not self.active:
            return 0.0
        way_w = self._ramp_to_w - self._ramp_from_w
        gone_w = min(abs(way_w), self._ramp * max(0.0, now_s - self._ramp_from_s))
        return self._ramp_from_w + copysign(gone_w, way_w)

    def dc_power_w(self, ac_power_w: float) -> float:
        """DC power (W, + into the battery) that belongs to an AC power: the losses are always the converter's."""
        return ac_power_w * self._efficiency if ac_power_w > 0 else ac_power_w / self._efficiency

    def _corner_w(self) -> float:
        return 0.0 if self._ramp_from_w * self._ramp_to_w < 0 else self._ramp_to_w

    def _aim(self, now_s: float, from_w: float, to_w: float) -> None:
        self._ramp_from_s, self._ramp_from_w, self._ramp_to_w = now_s, from_w, to_w
