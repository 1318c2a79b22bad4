"""A danger is detected, and the reaction is incomplete."""

from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.decision import Decision
from v2g_bench.ems.model.actions import Action, Frame, StopInverter
from v2g_bench.qualification.defects.controllers import make


class _ContactorsStay(Ems):
    """Stops the inverter and leaves the pack connected."""

    def decide(self, now_s: float) -> Decision:
        decision = super().decide(now_s)
        return replace(decision, contactors=True) if self.parts.trip.latched else decision


class _InverterStays(_ContactorsStay):
    """A trip neither opens the contactors nor stops the inverter."""

    def reconcile(self, now_s: float) -> list[Action]:
        return [action for action in super().reconcile(now_s) if not isinstance(action, StopInverter)]


class _Crashing(Ems):
    """Dies of the first dangerous value."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if any(self.parts.trip.judge(role, value) for role, value in frame.values.items()):
            raise RuntimeError("index out of range")
        return super().on_frame(frame, now_s)


contactors_stay_closed: make.Factory = _ContactorsStay
inverter_not_stopped: make.Factory = _InverterStays
crashes_on_danger: make.Factory = _Crashing
