"""What an operator does to the controller, through its files and commands alone: limits, restarts, plans, overrides.

    with bench.controller.command_line.limits(min_soc=50, max_soc=75): ...   written, reloaded; the old file is back after it
    with bench.controller.command_line.plan.departure(in_s=3600, soc_pct=80): ...

Whatever a block changed is put back when the block is left.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Literal

from v2g_bench.can.roles import EMS_ROLES
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.rig.dut.controller import Controller, Reply
from v2g_bench.rig.dut.told import told
from v2g_bench.rig.measuring.plans import Plans, accepted
from v2g_bench.rig.parts.protocol import Parts

Ending = Literal["restart", "kill", "power_cycle"]  # of a controller that is started again


class NoStart(Exception):
    """The controller does not bring the rig to where a test starts from: the bench cannot tell."""


class DutCommandLine:
    """The person at the controller, as far as the rig's [dut.files] and [dut.commands] let them. plan: what is planned."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self.plan = parts, Plans(parts)
        self._audited = False

    @contextmanager
    def file(self, name: Literal["limits", "thermal_policy"], text: str) -> Iterator[Reply]:
        """This text in one of [dut.files], and a reload; gives what the reload answered."""
        controller = self._parts.dut.controller
        path = controller.file(name)
        try:
            before = path.read_text(encoding="utf-8")
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BenchError(f"dut.files.{name}", f"{path}: {error.strerror}", "may this user edit it?") from None
        try:
            yield controller.run("reload")
        finally:
            path.write_text(before, encoding="utf-8")
            if controller.alive():
                controller.must("reload")

    @contextmanager
    def limits(self, *, min_soc: float, max_soc: float) -> Iterator[None]:
        """These limits in force, in percent; BenchError where the controller refuses them."""
        with self.file("limits", f"MIN_SOC={min_soc:g}\nMAX_SOC={max_soc:g}\n") as reply:
            accepted(reply)
            yield

    @contextmanager
    def cooling_trigger(self, celsius: float) -> Iterator[None]:
        """This ACTIVE_COOLING_TRIGGER in force; BenchError where the controller refuses it."""
        with self.file("thermal_policy", f'{{"ACTIVE_COOLING_TRIGGER": "{celsius:g}C"}}\n') as reply:
            accepted(reply)
            yield

    def restart(self, ending: Ending = "restart") -> None:
        """The controller ended and started again, with its past, and received on the bus again.

        restart: as an operator ends it, by SIGTERM or the rig's command; kill: by SIGKILL, so that it can store nothing any
        more; power_cycle: by its supply. NotTested where the rig cannot do that; BenchError where it does not answer
        within the rig's `dut.ready_s`.
        """
        controller = self._parts.dut.controller
        ENDINGS[ending](controller)
        self._wait_for_next_frames(since_s=self._parts.clock.now_s())

    def _wait_for_next_frames(self, since_s: float) -> None:
        """Wait until each of the controller's messages has been received again: a test may read them now."""
        parts, dut = self._parts, self._parts.dut.controller.dut
        for role in filter(parts.bus.db.has, EMS_ROLES):
            left_s = max(0.0, since_s + dut.ready_s - parts.clock.now_s())
            if parts.bus.wait_for(partial(_shows, role), since_s, left_s) is None:
                parts.dut.controller.require_alive()
                raise BenchError(
                    f"controller {dut.name}",
                    f"sent no {role} within {dut.ready_s:g} s of its restart",
                    "see dut.ready_s",
                )

    @contextmanager
    def forced_limit(self, value: str) -> Iterator[None]:
        """The SoC limits overridden, as `--force-limit VALUE`. Before the first one its record of overrides is read."""
        if not self._audited:
            self.audit()
        accepted(self._parts.dut.controller.run("force_limit", value=value))
        try:
            yield
        finally:
            self._parts.dut.controller.run("force_limit", value="off")

    def audit(self) -> Reply | None:
        """Its own check of its record of overrides; None where the rig has no command for it."""
        self._audited = True
        controller = self._parts.dut.controller
        return controller.run("audit") if "audit" in controller.dut.commands else None

    def tells(self, role: str) -> float | None:
        """What its status, or its health report, tells of a role now, 1 and 0 for yes and no; None where it does not tell.

        NotTested where the rig file does not state where that stands: [dut.status_told], [dut.health_told].
        """
        controller = self._parts.dut.controller
        dut = self._parts.loaded.rig.dut
        for command, keys in (("status", dut.status_told), ("health", dut.health_told)):
            key = {str(name): place for name, place in keys.items()}.get(role)
            if key and command in dut.commands:
                return told(controller.must(command).out, key)
        raise NotTested(f"the rig file does not state how {role} is told: dut.status_told, dut.health_told")


def _restart(controller: Controller) -> None:
    if controller.dut.kind != "external":
        controller.stop()
        controller.start()
    elif "restart" in controller.dut.commands:
        controller.must("restart")
    else:
        raise NotTested("the rig names no [dut.commands] restart for its external controller")


def _kill(controller: Controller) -> None:
    if not controller.killable:
        raise NotTested("the bench does not run this controller here, and the rig names no [dut.commands] kill")
    controller.kill()
    controller.start()


def _power_cycle(controller: Controller) -> None:
    if not controller.supply_switched:
        raise NotTested("the rig cannot switch the controller's supply: it names no [dut.commands] power_cycle")
    controller.power_cycle()


ENDINGS: dict[Ending, Callable[[Controller], None]] = {
    "restart": _restart,
    "kill": _kill,
    "power_cycle": _power_cycle,
}


def _shows(role: str, seen: Mapping[str, float]) -> bool:
    return role in seen
