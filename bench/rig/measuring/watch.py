"""`bench.power.watch`: powers that must not come, asked for and recorded for as long as something has to hold.

traces = bench.power.watch(-3000, 3000, for_s=60.0)
traces = bench.power.watch(-3000, for_s=60.0, meanwhile=bench.power.watch.commands(but=("reset_trip",)))
with bench.power.watch.once(-3000, for_s=1.0) as trace: ...
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.file.model import CommandName
from v2g_bench.rig.measuring.plans import Plans
from v2g_bench.rig.measuring.recordings import Recordings
from v2g_bench.rig.measuring.steady import START_S, wait_for_power
from v2g_bench.rig.measuring.trace import Trace
from v2g_bench.rig.parts.protocol import Parts

RECORD_S = 30.0  # the longest recording
START_UP_S = 0.3  # how late after the last request a power may still begin
SOON_S, LATER_S = 600.0, 1200.0


class Insisting(Protocol):
    """What asks for powers whatever the answer: `bench.power`."""

    def insist(self, *powers_w: float, for_s: float) -> None: ...

    def allowed_w(self, power_w: float) -> float: ...


class Watch:
    """Call it to watch; `commands` is what can be done meanwhile. `once` asks a single time."""

    def __init__(self, parts: Parts, power: Insisting, recordings: Recordings) -> None:
        self._parts, self._power, self._recordings = parts, power, recordings

    def __call__(self, *powers_w: float, for_s: float, meanwhile: Sequence[Callable[[], object]] = ()) -> list[Trace]:
        """Ask for these powers in turn for so long, and record all that flows; at the end nothing is asked for any more.

        The recordings follow each other, none longer than RECORD_S. meanwhile: what else is done, spread over this time.
        """
        count = max(1, math.ceil(for_s / RECORD_S))
        try:
            return [self._record(powers_w, for_s / count, meanwhile[number::count]) for number in range(count)]
        finally:
            self._parts.dut.controller.run("set_power", power_w="0")

    @contextmanager
    def once(self, power_w: float, for_s: float) -> Iterator[Trace]:
        """From a standstill ask for this power, and record what comes of it from that moment on.

        At least as long as a busy machine may take to begin with it.
        """
        wait_for_power(self._parts, 0.0)
        run = self._parts.dut.controller.run
        with self._recordings(rate_hz=1000, after_s=max(for_s, START_S)) as trace:
            try:
                run("set_power", power_w=f"{self._power.allowed_w(power_w):.0f}")
                yield trace
            finally:
                run("set_power", power_w="0")

    def _record(self, powers_w: Sequence[float], for_s: float, meanwhile: Sequence[Callable[[], object]]) -> Trace:
        clock = self._parts.clock
        with self._recordings(rate_hz=1000, after_s=for_s + START_UP_S) as trace:
            until_s = clock.now_s() + for_s
            for left, work in zip(range(len(meanwhile), 0, -1), meanwhile, strict=True):
                work()
                self._power.insist(*powers_w, for_s=(until_s - clock.now_s()) / left)
            self._power.insist(*powers_w, for_s=until_s - clock.now_s())
            trace.complete()
        return trace

    def commands(
        self, of: Collection[CommandName] | None = None, but: Collection[CommandName] = ()
    ) -> list[Callable[[], Reply]]:
        """All that the rig lets an operator do, of these, except for those, for power, and for what starts or ends the
        controller; what is planned or overridden is taken back right after.
        """
        run, known = self._parts.dut.controller.run, self._parts.dut.controller.dut.commands
        wall = Plans(self._parts).wall
        soon, later = wall(SOON_S), wall(LATER_S)
        values: dict[CommandName, list[dict[str, str]]] = {
            "status": [{}],
            "health": [{}],
            "thermal": [{}],
            "reload": [{}],
            "reset_trip": [{}],
            "reset_soc_offset": [{}],
            "force_limit": [{"value": "15"}, {"value": "off"}],
            "departure": [{"time": soon, "soc_pct": "80"}, {"time": "none", "soc_pct": "80"}],
            "v2g_window": [{"start": soon, "end": later}, {"start": "none", "end": "none"}],
            "audit": [{}],
        }
        wanted = [name for name in values if name in known and name not in but and (of is None or name in of)]
        return [partial(run, name, **one) for name in wanted for one in values[name]]
