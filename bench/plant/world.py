"""The emulated world as one core without I/O: plant, BMS, faults, and the frames on their way to the bus.

    plant --sensed--> BMS frames --transmit path--> `advance` gives those whose time has come, the shell sends them,
    and `handed_over` keeps when; frames from the bus go in by `hear`.

It runs in real time in the plant process and as fast as one likes under a simulated clock:

    world = World(plant, db, seed=1, now_s=clock.now_s())
    while world.next_due_s <= end_s:
        clock.advance(world.next_due_s - clock.now_s())
        for sent in world.advance(clock.now_s()):
            bus.send(sent.frame)
"""

import heapq
from collections.abc import Mapping
from typing import NamedTuple

import can

from v2g_bench.bms.diagnostics import Codes
from v2g_bench.bms.disturbance import Disturbance, Sent
from v2g_bench.bms.emulator import COMMAND_TIMEOUT_S, BmsEmulator
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.physics.condition import WireControl
from v2g_bench.errors import BenchError
from v2g_bench.plant.injector import Injector
from v2g_bench.plant.model import Plant
from v2g_bench.plant.sensors import PackReading
from v2g_bench.recent import Recent

STEP_S = 0.01
LATE_S = 0.005
# How long it is known which frames were handed over. Who asks is `truth_frame`: for the frame of a trial that has just
# ended, at most READBACK_S and HEALTHY_S of `rig.injection` and a record ago, 20 s with room for a slow machine.
KEPT_S = 60.0
FORGET_EVERY_S = 1.0


class HandedOver(NamedTuple):
    """One frame that was handed to the bus between before_s and after_s. clean: as the BMS made it."""

    before_s: float
    after_s: float
    frame: can.Message
    clean: bool


class World:
    """Plant, BMS emulator, injector and transmit path. Public parts: plant, bms, injector, path, sent counts.

    sample_s: how often the BMS reads its sensors; 0: for every frame. A fault is sensed at once all the same.
    wire: of a bus with physics, which is then informed of faults and of the inverter's power.
    db None: a real BMS is on the bench; nothing is sent, and the pack behind the emulated inverter is connected.
    """

    def __init__(
        self,
        plant: Plant,
        db: BusDatabase | None,
        seed: int,
        now_s: float,
        command_timeout_s: float = COMMAND_TIMEOUT_S,
        sample_s: float = 0.0,
        wire: WireControl | None = None,
    ) -> None:
        self._sample_s, self._sampled = sample_s, (float("-inf"), -1)
        self.plant, self.db = plant, db
        self.path = Disturbance(seed, db)
        self._reading: PackReading | None = None
        self._roles: dict[str, float] = {}
        self.wire, self._wire_reported_s = wire, float("-inf")
        self.injector = Injector(plant.sensors_override, self.path, self._sensed, wire)
        self.bms: BmsEmulator | None = None
        if db is not None:
            self.bms = BmsEmulator(
                db,
                self._sense,
                plant,
                seed=seed,
                start_s=now_s,
                command_timeout_s=command_timeout_s,
                codes=self._codes,
            )
        else:
            plant.request_contactors(True, now_s)
        self._waiting: list[tuple[float, int, Sent]] = []
        self._advanced_s = float("-inf")  # nothing is due before the latest `advance`
        self._order = 0
        self._kept: dict[tuple[int, bool], Recent[HandedOver]] = {}
        self._forgot_s = float("-inf")
        self.frames_sent, self.frames_refused, self.late_wakes, self.latest_wake_s = 0, 0, 0, 0.0

    @property
    def next_due_s(self) -> float:
        """When `advance` has something to do again (bench clock)."""
        # Asked for each frame: compared one by one, which is half of what `min` takes.
        next_s = self.plant.now_s + STEP_S
        if (due_s := self.injector.next_due_s) < next_s:
            next_s = due_s
        if self.bms is not None and (due_s := self.bms.next_due_s) < next_s:
            next_s = due_s
        if self._waiting and (due_s := self._waiting[0][0]) < next_s:
            next_s = due_s
        return next_s

    def advance(self, now_s: float) -> list[Sent]:
        """Bring everything to `now_s`; the frames to hand to the bus now, in order."""
        if now_s - self._advanced_s > LATE_S and (late_s := now_s - self.next_due_s) > LATE_S:
            self.late_wakes += 1
            self.latest_wake_s = max(self.latest_wake_s, late_s)
        self._advanced_s = now_s
        if now_s >= self._forgot_s + FORGET_EVERY_S:
            self._forgot_s = now_s
            for kept in self._kept.values():
                kept.forget(now_s)
        self.injector.update(now_s)
        if now_s >= self.plant.now_s + STEP_S:
            self.plant.step(now_s)
        if self.wire is not None and self.injector.wire_conditions and now_s >= self._wire_reported_s + STEP_S:
            self._wire_reported_s = now_s
            self.wire.power(self.plant.ac_power_w if self.plant.bridge_on else 0.0)
        for frame in self.bms.due(now_s) if self.bms is not None else ():
            for sent in self.path.transmit(frame, now_s):
                self._order += 1
                heapq.heappush(self._waiting, (sent.at_s, self._order, sent))
        ready = []
        while self._waiting and self._waiting[0][0] <= now_s:
            ready.append(heapq.heappop(self._waiting)[2])
        return ready

    def on_frame(self, msg: can.Message, now_s: float) -> None:
        """A frame from the bus."""
        if self.bms is not None:
            self.bms.on_frame(msg, now_s)

    def handed_over(self, sent: Sent, before_s: float, after_s: float) -> None:
        """Keep that this frame went to the bus, for `first_frame`."""
        self.frames_sent += 1
        key = (sent.frame.arbitration_id, sent.frame.is_extended_id)
        if key not in self._kept:
            self._kept[key] = Recent("frames of the plant", KEPT_S)
        self._kept[key].add(before_s, HandedOver(before_s, after_s, sent.frame, sent.clean))

    def first_frame(self, role: str, above: float, since_s: float) -> HandedOver | None:
        """The first clean frame since then that carried role > above.

        BenchError for a role that no node sends, and for a time of which not all is known any more (see KEPT_S).
        """
        if self.db is None:
            raise BenchError("plant", "emulates no BMS and sends no frames")
        spec = self.db.message_of(role)
        kept = self._kept.get(spec.key)
        for one in kept.since(since_s) if kept is not None else ():
            if one.clean and self.db.decode(one.frame).get(role, above) > above:
                return one
        return None

    def reset(
        self,
        now_s: float,
        soc_pct: float | None = None,
        temperature_c: float | None = None,
        capacity_ah: float | None = None,
    ) -> None:
        """All faults and defects taken back, the pack at rest. What the controller commands stays commanded."""
        self.injector.clear_all(now_s)
        self.plant.reset(now_s, soc_pct, temperature_c, capacity_ah)

    def _codes(self) -> Codes:
        return self.plant.sensors.trouble_codes

    def _sense(self, now_s: float) -> Mapping[str, float]:
        sampled_s, version = self._sampled
        if now_s - sampled_s < self._sample_s and version == self.plant.sensors_override.version:
            return self._roles
        self.plant.step(now_s)
        self._sampled = now_s, self.plant.sensors_override.version
        return self._sensed()

    def _sensed(self) -> Mapping[str, float]:
        reading = self.plant.sensors
        if reading is not self._reading:
            self._reading, self._roles = reading, reading.roles()
        return self._roles
