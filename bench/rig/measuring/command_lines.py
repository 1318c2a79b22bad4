"""What an operator does to the controller, through its files and commands alone: limits, restarts, plans, overrides.

    with bench.operator.limits(min_soc=50, max_soc=75): ...      written, reloaded; the old file is back after the block

Whatever a block changed is put back when the block is left.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from v2g_bench.can.roles import EMS_ROLES
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.rig.dut.controller import Controller, Reply
from v2g_bench.rig.parts.protocol import Parts

Ending = Literal["restart", "kill", "power_cycle"]  # of a controller that is started again


class NoStart(Exception):
    """The controller does not bring the rig to where a test starts from: the bench cannot tell."""


class DutCommandLine:
    """The person at the controller, as far as the rig's [dut.files] and [dut.commands] let them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
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

    def wall(self, in_s: float) -> str:
        """The wall time that far from now, ISO 8601 to the second."""
        now_s = self._parts.clock.now_s() + self._parts.clock.wall_minus_bench_s()
        return datetime.fromtimestamp(now_s + in_s, UTC).isoformat(timespec="seconds")

    @contextmanager
    def departure(self, in_s: float, soc_pct: float) -> Iterator[None]:
        """The vehicle is to leave that long from now with this state of charge (%)."""
        run = self._parts.dut.controller
        accepted(run.run("departure", time=self.wall(in_s), soc_pct=f"{soc_pct:g}"))
        try:
            yield
        finally:
            run.run("departure", time="none", soc_pct=f"{soc_pct:g}")

    @contextmanager
    def v2g_window(self, in_s: float, for_s: float) -> Iterator[None]:
        """Grid service is planned that long from now, for that long."""
        run = self._parts.dut.controller
        accepted(run.run("v2g_window", start=self.wall(in_s), end=self.wall(in_s + for_s)))
        try:
            yield
        finally:
            run.run("v2g_window", start="none", end="none")

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


def accepted(reply: Reply) -> None:
    """BenchError with the controller's reason where it refused a command that a test stands on."""
    if reply.status != 0:
        message = " ".join((reply.err or reply.out).split()) or "nothing"
        raise BenchError("controller", f"exit status {reply.status} from {' '.join(reply.command)}", message)
