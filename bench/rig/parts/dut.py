"""The device under test of an open rig: started without a past for each test."""

import shutil
from pathlib import Path

from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.parts.opening import Later, opened
from v2g_bench.rig.parts.reception import Reception
from v2g_bench.rig.parts.world import RealWorld


class RealDut:
    """The controller beside its world. `open` gives it; before that it is a BenchError to ask for it."""

    def __init__(self, world: RealWorld, reception: Reception) -> None:
        self._world, self._reception = world, reception
        self._controller: Controller | None = None
        self._state: Path | None = None
        self._started = False

    @property
    def controller(self) -> Controller:
        """The controller."""
        return opened(self._controller, "controller")

    def open(self, controller: Controller, runtime: Path, later: Later) -> None:
        """This controller is the one; runtime: the folder whose `state` is its past."""
        self._controller, self._state = controller, runtime / "state"
        later("controller", controller.close)
        self.fresh()

    def fresh(self, *, heal: bool = True) -> None:
        """A healthy pack at rest (heal False: as it is), and the controller restarted without a past.

        One that the bench cannot restart is only reset.
        """
        controller = self.controller
        self._reception.begin_test()
        if self._started:
            controller.stop()
        self._started = True
        if heal:
            self._world.heal()
        if self._world.gateway is not None:
            self._world.gateway.client.clear_all()
        shutil.rmtree(opened(self._state, "controller"), ignore_errors=True)
        if controller.restarts:
            self._reception.begin_controller()
        controller.start()
        if not controller.restarts:
            for command in ("reset_trip", "reset_soc_offset"):
                if command in controller.dut.commands:
                    controller.run(command)
