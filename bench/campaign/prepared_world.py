"""A bare world at its power, any number of copies of it, and what happens to one of them in a scenario.

`PreparedWorld` brings a world to its power once; `play` starts from a copy.
"""

import io
import pickle
from enum import Enum
from math import ceil
from typing import Any, cast

import can

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.campaign.bare import BareWorld, ScenarioRun, Setup
from v2g_bench.campaign.scenario import REPEAT_REQUEST_S, OperatingPoint, Scenario
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import E2EConfig
from v2g_bench.ems.model.config import BusConfig
from v2g_bench.ems.protection.ranges import Range
from v2g_bench.errors import BenchError

READY_S, STEADY_S, BOUND_S = 0.05, 0.3, 8.0
HISTORY_SEGMENTS = 16
LEAD_S = 0.005  # of the past that a scenario's record keeps
MOMENT_S, MOMENTS = 0.01, 32

# What copies of a world share. A frame that has been made is only read, also by what damages it on its way. Settings of
# the transmit path are distinguished from the quiet ones by identity.
NEVER_CHANGED = (MessageSpec, E2EConfig, Range, BusConfig, DisturbanceSettings, can.Message, Enum)
VALUES = frozenset((float, int, str, bool, type(None)))


class PreparedWorld:
    """The world at its power, and any number of copies of it.

    Until its first fault a scenario equals every other of its operating point: a copy is taken shortly before (`at`), and the
    time up to there passes once for all of them. A core whose parts cannot be pickled is brought to its power again for
    each scenario: several times slower, with the same results; `uncopied` names what could not be copied.
    """

    def __init__(self, setup: Setup, operating_point: OperatingPoint) -> None:
        self._setup, self._operating_point = setup, operating_point
        self._ahead = _Start(setup, operating_point)
        world = self._ahead.world
        self._shared: list[Any] = [
            *(setup, setup.db, setup.plant, setup.thresholds, world.plant.config, world.ems.settings),
            *world.plant.constants(),
            *(world.world.bms.constants() if world.world.bms is not None else ()),
        ]
        self._held: list[bytes] = []
        self.uncopied = ""
        try:
            self._hold()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            self.uncopied = str(error)

    def copy(self, at: int) -> "_Start":
        """A world of one's own, at the moment of that number."""
        if self.uncopied:
            start = _Start(self._setup, self._operating_point)
            start.run_to(at)
            return start
        while len(self._held) <= at:
            self._ahead.run_to(len(self._held))
            self._hold()
        return cast(_Start, _Unpickler(io.BytesIO(self._held[at]), self._shared).load())

    def play(self, scenario: Scenario) -> ScenarioRun:
        """What happens in this scenario."""
        if scenario.operating_point != self._operating_point:
            raise BenchError(f"scenario {scenario.name}", "belongs to another operating point")
        return _play(self.copy(at(scenario)), scenario)

    def _hold(self) -> None:
        held = io.BytesIO()
        _Pickler(held, self._shared).dump(self._ahead)
        self._held.append(held.getvalue())


class _Start:
    """A world at its power from which scenarios start, at one of the moments of `at`."""

    def __init__(self, setup: Setup, operating_point: OperatingPoint) -> None:
        self.world = world = _at_power(setup, operating_point)
        self.start_s = world.timeline.now_s()
        world.plant.step(self.start_s)
        self.before_a = world.plant.dc_current_a
        world.world.path.reseed(operating_point.seed)

    def run_to(self, at: int) -> None:
        """Let the time up to that moment pass."""
        for place in range(at + 1):  # step by step: the way there is the same, however far
            self.world.timeline.run_until(self.start_s + place * MOMENT_S)


def at(scenario: Scenario) -> int:
    """The number of the last moment before the scenario's first fault at which worlds are copied."""
    first_s = min((timed.at_s for timed in scenario.faults), default=0.0)
    return min(max(0, ceil(first_s / MOMENT_S) - 1), MOMENTS - 1)


class _Pickler(pickle.Pickler):
    """Leaves in place what is in `shared`, and puts there what it meets of the kinds that nobody ever changes."""

    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._shared = shared
        self._places = {id(one): place for place, one in enumerate(shared)}

    def persistent_id(self, obj: Any) -> int | None:
        """The place of what all copies share."""
        if type(obj) in VALUES:  # most of a world, and asked for each
            return None
        place = self._places.get(id(obj))
        if place is None and isinstance(obj, NEVER_CHANGED):
            place = self._places[id(obj)] = len(self._shared)
            self._shared.append(obj)
        return place


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        self.persistent_load = shared.__getitem__  # type: ignore[method-assign]  # the list itself: twice as fast
        super().__init__(file)


def play(setup: Setup, scenario: Scenario) -> ScenarioRun:
    """One scenario, from nothing."""
    return PreparedWorld(setup, scenario.operating_point).play(scenario)


def _at_power(setup: Setup, operating_point: OperatingPoint) -> BareWorld:
    """The world with its power standing, or standing still elsewhere."""
    world = BareWorld(setup, operating_point)
    timeline = world.timeline
    timeline.pause(READY_S)
    until_s = timeline.now_s() + BOUND_S
    while not world.command(operating_point.power_w)[0] and not world.crash and timeline.now_s() < until_s:
        timeline.pause(READY_S)
    still_since_s, anchor_w = timeline.now_s(), float("inf")
    while timeline.now_s() < until_s and timeline.now_s() - still_since_s < STEADY_S:
        timeline.pause(READY_S)
        world.plant.step(timeline.now_s())
        if abs(world.plant.ac_power_w - anchor_w) > 20.0:
            still_since_s, anchor_w = timeline.now_s(), world.plant.ac_power_w
    world.plant.forget_past(HISTORY_SEGMENTS)
    world.log.clear()
    # A frame's counter is judged by the one before it, so the last frame of each message stays.
    last = {message.arbitration_id: (at_s, message) for at_s, message in world.bus.wire.frames}
    world.bus.wire.frames = sorted(last.values(), key=lambda one: one[0])
    return world


def _play(start: _Start, scenario: Scenario) -> ScenarioRun:
    world, start_s = start.world, start.start_s
    timeline, plant = world.timeline, world.plant
    for timed in scenario.faults:
        world.world.injector.inject(timed.fault, start_s + timed.at_s, timeline.now_s())
    world.rearm()
    timeline.run_until(start_s + scenario.clear_s)
    world.world.injector.clear_all(timeline.now_s())
    world.rearm()
    timeline.run_until(start_s + scenario.clear_s + REPEAT_REQUEST_S)
    answer = world.command(scenario.operating_point.power_w)
    timeline.run_until(start_s + scenario.end_s)
    plant.step(timeline.now_s())
    times_s, current_a = plant.current_ends(start_s - LEAD_S)
    return ScenarioRun(
        scenario, start_s, start.before_a, times_s, current_a, world.bus.wire.frames, world.log, answer, world.crash
    )
