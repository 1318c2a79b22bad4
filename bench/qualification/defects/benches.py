"""Defects of the bench itself, the process that certifies.

PATCHES: what breaks its code; those `AFTER_PREPARING` come once it has prepared the rig for a test, the others before.
ON_THE_RIG: what breaks the open rig that it has prepared.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from v2g_bench.can.columns import Columns
from v2g_bench.can.database import BusDatabase
from v2g_bench.fixtures.trials import Trials
from v2g_bench.metrology import crossing as crossing_module
from v2g_bench.metrology.budget import Budget
from v2g_bench.metrology.decision import Decision, DecisionRule
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.plant.control import PlantClient
from v2g_bench.rig import trace as trace_module
from v2g_bench.rig.injection import Injector
from v2g_bench.rig.trace import Stamp, Trace
from v2g_bench.sim.bus import SimCapture

Patch = Callable[[pytest.MonkeyPatch], None]
RigPatch = Callable[[pytest.MonkeyPatch, Any], None]


def _empty_capture(patch: pytest.MonkeyPatch) -> None:
    sound = SimCapture.frames

    def frames(self: SimCapture, *given: Any, **named: Any) -> Columns:
        return sound(self, *given, **named)[0:0]

    patch.setattr(SimCapture, "frames", frames)
    patch.setattr(SimCapture, "wait_for", _nothing_comes)


def _nothing_comes(self: SimCapture, predicate: object, since_s: float = 0.0, timeout_s: float = 1.0) -> None:
    self._timeline.pause(timeout_s)
    raise TimeoutError("no such frame")


def _t0_from_the_call(patch: pytest.MonkeyPatch) -> None:
    """t0 is when the fault was asked for, not when the frame was on the bus."""
    sound = Injector._proof

    def proof(self: Injector, fault: Any, before: Any, asked_s: float, from_s: float, wire: Any) -> Stamp:
        return dataclasses.replace(sound(self, fault, before, asked_s, from_s, wire), time_s=asked_s)

    patch.setattr(Injector, "_proof", proof)


def _t0_is_a_frame_late(patch: pytest.MonkeyPatch) -> None:
    sound = Injector._proof

    def proof(self: Injector, *given: Any) -> Stamp:
        stamp = sound(self, *given)
        return dataclasses.replace(stamp, time_s=stamp.time_s + 0.004)

    patch.setattr(Injector, "_proof", proof)


def _budget_lacks(term: str) -> Patch:
    def patched(patch: pytest.MonkeyPatch) -> None:
        sound = Trace._budget

        def budget(self: Trace, *given: Any) -> Budget:
            whole = sound(self, *given)
            return Budget(whole.quantity, whole.unit, [part for part in whole.components if part.name != term])

        patch.setattr(Trace, "_budget", budget)

    return patched


def _all_pass(patch: pytest.MonkeyPatch) -> None:
    """Whatever is judged is a PASS."""
    sound = DecisionRule.decide

    def decide(self: DecisionRule, *given: Any, **named: Any) -> Decision:
        return dataclasses.replace(sound(self, *given, **named), verdict=Verdict.PASS)

    patch.setattr(DecisionRule, "decide", decide)


def _early_crossing(patch: pytest.MonkeyPatch) -> None:
    """The estimator finds the current gone 30 ms before it is."""
    sound = crossing_module.isolation

    def isolation(*given: Any) -> Any:
        crossing = sound(*given)
        return dataclasses.replace(crossing, time_s=crossing.time_s - 0.030)

    patch.setattr(trace_module, "isolation", isolation)


def _no_trials(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Trials, "__iter__", lambda self: iter(()))


def _nothing_injected(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PlantClient, "inject", lambda self, fault, at_s=None, after_s=0.0: 0)
    patch.setattr(PlantClient, "clear", lambda self, injection: None)


def _nothing_taken_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PlantClient, "clear", lambda self, injection: None)


def _nothing_recorded(patch: pytest.MonkeyPatch) -> None:
    """A digitizer's record of zeros, whatever flows."""
    sound: Callable[[Trace], Any] = vars(Trace)["waveform"].fget

    def waveform(self: Trace) -> Any:
        whole = sound(self)
        return dataclasses.replace(whole, samples=0.0 * whole.samples)

    patch.setattr(Trace, "waveform", property(waveform))


def _wrong_database(patch: pytest.MonkeyPatch, rig: Any) -> None:
    """The coldest cell is read where the hottest is meant."""
    roles = rig.roles | {"cell_temperature_max": rig.roles["cell_temperature_min"]}
    del roles["cell_temperature_min"]
    patch.setattr(rig, "db", BusDatabase.load(rig.db.path, roles))


PATCHES: dict[str, Patch] = {
    "empty_capture": _empty_capture,
    "t0_from_the_call": _t0_from_the_call,
    "t0_is_late": _t0_is_a_frame_late,
    "budget_without_clock_link": _budget_lacks("clock link"),
    "budget_without_the_record": _budget_lacks("crossing in the record"),
    "everything_passes": _all_pass,
    "crossing_too_early": _early_crossing,
    "no_trials": _no_trials,
    "nothing_injected": _nothing_injected,
    "nothing_taken_back": _nothing_taken_back,
    "nothing_recorded": _nothing_recorded,
}
AFTER_PREPARING = ("empty_capture", "nothing_injected")
ON_THE_RIG: dict[str, RigPatch] = {"wrong_database": _wrong_database}
