"""The gateway's loop where the kernel forwards: it listens, changes the kernel's jobs, and can take the frames over.

    path = "kernel"   the kernel alone; a fault that it cannot do is refused
    path = "auto"     the kernel; the bench for as long as a fault is there that the kernel cannot do; and from the
                      beginning where this kernel has no gateway, or this user may not set it

    kernel forwards --(such a fault comes)--> bench forwards --(it is cleared)--> kernel forwards

When the one takes over from the other no frame is lost, none is doubled: see `kernelpath.Flow`. A frame of that moment is
late by some milliseconds.
"""

import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from v2g_bench.can.database import BusDatabase
from v2g_bench.clock import wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.gateway import cangw
from v2g_bench.gateway.canjob import Change
from v2g_bench.gateway.core import controller_keys
from v2g_bench.gateway.frame import Frame
from v2g_bench.gateway.kernelpath import Channel, Flow, KernelPath, ReceivedFrame
from v2g_bench.gateway.kernelplan import BeyondTheKernel, ForwardingPlan, Key, changes
from v2g_bench.gateway.ports import BusGone, Port
from v2g_bench.gateway.shell import GatewayShell, Side

ALONE_S = 0.2  # each channel is listened to for so long before the first frame is forwarded
PASS_S = 0.001  # a frame that the kernel has is through within this time
QUIET_S, QUIET_BOUND_S = 0.000_1, 0.05


def shell_of(config: dict[str, Any]) -> tuple[GatewayShell, str]:
    """The loop for this config, and with "auto" why it is not the kernel that forwards. BenchError as `GatewayShell`."""
    path = config.get("path", "bench")
    if path == "bench":
        return GatewayShell(config), ""
    problem: tuple[str, str] | None = (
        "the kernel forwards between SocketCAN interfaces alone",
        "interface = socketcan",
    )
    if config["bms"]["interface"] == "socketcan":
        problem = cangw.problem() or _of_any_source(config)
    if problem is None:
        return KernelShell(config), ""
    if path == "kernel":
        raise BenchError("gateway.path", *problem)
    return GatewayShell(config), ": ".join(problem)


def _of_any_source(config: dict[str, Any]) -> tuple[str, str] | None:
    """A job takes all sources of a message or one; whose frame it is shows only where it was received first."""
    db = BusDatabase.load(config["dbc"], config["roles"])
    found = next((spec.name for spec in db.messages.values() if spec.from_any_source), None)
    return None if found is None else (f"any node may send {found}", 'the bench forwards it: path = "bench"')


class KernelShell(GatewayShell):
    """See the module's text."""

    way = "kernel"

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        bms, controller = config["bms"], config["controller"]
        self._alone = config["path"] == "kernel"
        self._kernel = KernelPath(
            ForwardingPlan(self.core.db, bms["channel"], controller["channel"], fd=bms["fd"] and controller["fd"])
        )
        origins: dict[Key, Channel] = dict.fromkeys(controller_keys(self.core.db), "controller")
        origins |= dict.fromkeys((spec.key for spec in self.core.db.senders("BMS")), "bms")
        self._flow, self.handovers = Flow(origins), 0
        cangw.remove_ours(
            bms["channel"], controller["channel"]
        )  # of a bench that was killed together with its supervisor
        self._require_two_cables()
        self._kernel.set({}, silent=False)

    def close(self) -> None:
        """The jobs end, then as every gateway."""
        self._kernel.end()
        super().close()

    def losses(self) -> dict[str, int]:
        """As the bench's, and what the kernel's gateway could not hand over."""
        losses = super().losses()
        return losses | {"refused": losses["refused"] + self._counts()["refused"]}

    def status(self) -> dict[str, Any]:
        """As the bench's. added_us where the kernel forwards: between its timestamps on both channels."""
        status, counts = super().status(), self._counts()
        return status | {
            "way": "kernel" if self._kernel.forwards else "bench",
            "handovers": self.handovers,
            "to_controller": status["to_controller"] + counts["to_controller"],
            "to_bms": status["to_bms"] + counts["to_bms"],
        }

    def _counts(self) -> dict[str, int]:
        try:
            return {"to_controller": 0, "to_bms": 0, "refused": 0} | self._kernel.counts()
        except OSError as error:
            raise BusGone(f"the kernel's CAN gateway does not answer: {error}") from None

    def _require_two_cables(self) -> None:
        """Nothing is forwarded yet, so what only the BMS sends is received on its own channel, or there is but one cable."""
        until_s = self._clock.now_s() + ALONE_S
        while (left_s := until_s - self._clock.now_s()) > 0:
            for received in self._drain(left_s):
                if received.on == "controller":
                    self.core.from_controller(received.frame, 0.0)
        if self.core.wrong_side:
            raise BenchError(
                "gateway", "frames of the BMS arrive from the controller's channel", "are both channels on one cable?"
            )

    # While the kernel forwards

    def _take(self, port: Port, to: Side, forward: Callable[[Frame, float], list[Frame]]) -> None:
        if not self._kernel.forwards:
            super()._take(port, to, forward)
            return
        for received in self._read("bms" if port is self.bms.port else "controller"):
            self._note(received)

    def _note(self, received: ReceivedFrame) -> None:
        """A frame that the kernel forwards, or has forwarded."""
        if received.on == "bms":
            self.core.on_frame(received.frame)
        first_ns = self._flow.on_frame(received)
        if first_ns is None:
            return
        self._latencies_ns.append(received.timestamp_ns - first_ns)
        if received.on == "controller" and self.core.changes(received.frame):
            came_s = (first_ns - wall_offset_ns()) / 1e9
            self._keep(came_s, received.frame)

    def _wait_s(self) -> float:
        begin_s = self.core.next_begin_s if self._kernel.forwards else float("inf")
        return min(super()._wait_s(), max(0.0, begin_s - self._clock.now_s()))

    def _release(self) -> None:
        super()._release()
        now_s = self._clock.now_s()
        if self._kernel.forwards and self.core.next_begin_s <= now_s:
            self.core.begin(now_s)
            try:
                self._arrange()
            except BenchError as error:
                raise BusGone(str(error)) from None

    # Who forwards

    def _begun(self, injection: int) -> int:
        try:
            self._arrange()
        except BenchError:
            self.core.clear(injection)
            raise
        return injection

    def _cleared(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """The kernel does what the core wants, or the bench does; BenchError where it must be the kernel, and cannot."""
        try:
            changes(self.core, pending=True)
            wanted = changes(self.core)
        except BeyondTheKernel as reason:
            if self._alone:
                hint = 'set [gateway] path = "auto" or "bench" in the rig file'
                raise BenchError('gateway.path = "kernel"', str(reason), hint) from None
            if self._kernel.forwards:
                self._take_over()
            return
        if self._kernel.forwards:
            self._kernel.set(*wanted)
        else:
            self._give_back(*wanted)

    def _take_over(self) -> None:
        """The bench forwards from now on, beginning with what the kernel has not forwarded any more."""
        self._until_quiet()
        self._flow.begin()
        self._kernel.end()
        time.sleep(PASS_S)
        self._forward(newest=True)

    def _give_back(self, wanted: Mapping[Key, Change | None], silent: bool) -> None:
        """The kernel forwards from now on; what came before its jobs ran goes out now."""
        super()._take(self.bms.port, self.controller, self.core.from_bms)
        super()._take(self.controller.port, self.bms, self.core.from_controller)
        self._flow.begin()
        self._kernel.set(wanted, silent)
        time.sleep(PASS_S)
        self._forward(newest=False)

    def _forward(self, *, newest: bool) -> None:
        """What the kernel has not: see `Flow.left`."""
        self.handovers += 1
        window = list(self._drain(0.0))
        for received in window:
            self._note(received)
        now_s = self._clock.now_s()
        for received in self._flow.left(window, newest=newest):
            forward, to = (
                (self.core.from_bms, self.controller) if received.on == "bms" else (self.core.from_controller, self.bms)
            )
            for out in forward(received.frame, now_s):
                to.send(out, now_s)

    def _until_quiet(self) -> None:
        """Until nothing is on its way; a bus that is never quiet is not waited for long."""
        until_s = self._clock.now_s() + QUIET_BOUND_S
        while self._clock.now_s() < until_s:
            waiting = list(self._drain(QUIET_S))
            for received in waiting:
                self._note(received)
            if not waiting:
                return

    def _drain(self, timeout_s: float) -> Iterator[ReceivedFrame]:
        """What both channels have, waited for until there is something."""
        ports = [self.bms.port.fileno(), self.controller.port.fileno()]
        if timeout_s:
            select.select(ports, [], [], timeout_s)
        yield from self._read("bms")
        yield from self._read("controller")

    def _read(self, channel: Channel) -> Iterator[ReceivedFrame]:
        port = self.bms.port if channel == "bms" else self.controller.port
        while (received := port.read()) is not None:
            yield ReceivedFrame(channel, *received)
