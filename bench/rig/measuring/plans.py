"""`bench.controller.command_line.plan`: what an operator plans ahead; withdrawn when the block is left.

with bench.controller.command_line.plan.departure(in_s=3600, soc_pct=80): ...
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.parts.protocol import Parts


class Plans:
    """Plans, told to the controller by the rig's [dut.commands]; BenchError where it refuses one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def wall(self, in_s: float) -> str:
        """The wall time that far from now, ISO 8601 to the second."""
        now_s = self._parts.clock.now_s() + self._parts.clock.wall_minus_bench_s()
        return datetime.fromtimestamp(now_s + in_s, UTC).isoformat(timespec="seconds")

    @contextmanager
    def departure(self, in_s: float, soc_pct: float) -> Iterator[None]:
        """The vehicle is to leave that long from now with this state of charge (%)."""
        run = self._parts.dut.controller.run
        accepted(run("departure", time=self.wall(in_s), soc_pct=f"{soc_pct:g}"))
        try:
            yield
        finally:
            run("departure", time="none", soc_pct=f"{soc_pct:g}")

    @contextmanager
    def v2g_window(self, in_s: float, for_s: float) -> Iterator[None]:
        """Grid service is planned that long from now, for that long."""
        run = self._parts.dut.controller.run
        accepted(run("v2g_window", start=self.wall(in_s), end=self.wall(in_s + for_s)))
        try:
            yield
        finally:
            run("v2g_window", start="none", end="none")


def accepted(reply: Reply) -> None:
    """BenchError with the controller's reason where it refused a command that a test stands on."""
    if reply.status != 0:
        message = " ".join((reply.err or reply.out).split()) or "nothing"
        raise BenchError("controller", f"exit status {reply.status} from {' '.join(reply.command)}", message)
