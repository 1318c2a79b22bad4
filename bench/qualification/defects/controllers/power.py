"""The power that is sent to the inverter is not the one that was decided."""

from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, SetInverterPower
from v2g_bench.ems.model.commands import Command, Reply, SetPower
from v2g_bench.qualification.defects.controllers import make


class _Power(Ems):
    """The power sent to the inverter is not the decided one."""

    gain, offset_w, charge_gain = 1.0, 0.0, 1.0

    def reconcile(self, now_s: float) -> list[Action]:
        return [
            replace(action, power_w=self._reported_w(action.power_w))
            if isinstance(action, SetInverterPower)
            else action
            for action in super().reconcile(now_s)
        ]

    def _reported_w(self, power_w: float) -> float:
        gain = self.gain * (self.charge_gain if power_w > 0 else 1.0)
        return gain * power_w + self.offset_w


def _reporting(gain: float = 1.0, offset_w: float = 0.0, charge_gain: float = 1.0) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems = _Power(settings)
        ems.gain, ems.offset_w, ems.charge_gain = gain, offset_w, charge_gain
        return ems

    return factory


power_sign_wrong, power_5_pct_high, power_3_pct_low = _reporting(-1.0), _reporting(1.05), _reporting(0.97)
power_100_w_off, charge_power_5_pct_low = _reporting(offset_w=-100.0), _reporting(charge_gain=0.95)


class _OffNear3Kw(_Power):
    """3 % too much, around the manual's 3 kW and nowhere else."""

    def _reported_w(self, power_w: float) -> float:
        return 1.03 * power_w if 2900 <= abs(power_w) <= 3100 else power_w


class _Idle(Ems):
    """Accepts every power and sends nothing to the inverter."""

    def reconcile(self, now_s: float) -> list[Action]:
        return [action for action in super().reconcile(now_s) if not isinstance(action, SetInverterPower)]


power_off_3_pct_near_3_kw: make.Factory = _OffNear3Kw


class _FromStandstill(Ems):
    """Accepts another power while one flows, and goes on with the first."""

    def command(self, command: Command, now_s: float) -> Reply:
        before_w, flows = self.request_w, bool(self.decision.power_w)
        reply = super().command(command, now_s)
        if flows and reply.ok and isinstance(command, SetPower) and command.power_w:
            self.request_w = before_w
        return reply


accepts_and_does_nothing: make.Factory = _Idle
power_taken_from_standstill_alone: make.Factory = _FromStandstill
