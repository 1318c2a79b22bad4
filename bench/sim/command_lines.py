"""The operator's side of the simulated controller: its command lines, parsed by the programs' own parsers and answered
by the daemon's own `Requests`. What is left out is the process and the socket between them.
"""

import json
from collections.abc import Callable, Coroutine, Sequence
from contextlib import redirect_stderr, suppress
from datetime import UTC, datetime
from io import StringIO
from typing import Any, TypeVar

from v2g_bench.ems.commands import ctrl
from v2g_bench.ems.commands.audit import findings
from v2g_bench.ems.commands.health import health_text
from v2g_bench.ems.commands.thermal_monitor import thermal_line
from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.model.actions import LogLine
from v2g_bench.ems.model.commands import Command
from v2g_bench.ems.model.commands import Reply as Answer
from v2g_bench.ems.model.config import EmsConfig
from v2g_bench.ems.service.requests import Requests
from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.sim.timeline import WALL_EPOCH_S, Timeline

OPERATOR = {"uid": 1000, "user": "operator", "pid": 1}
DONE, REFUSED, USAGE = 0, 1, 2
Result = TypeVar("Result")


class SimStateStore:
    """The state over a restart, in memory."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept
        self.run = {"starts": 1, "crashes": 0, "after_crash": False, "kept": True}

    def keep(self, **changes: object) -> None:
        """From now on this is what a restart finds."""
        self.kept.update(changes)


class _AtOnce:
    """A simulated disk takes no time, and there is no thread here."""

    def __init__(self, name: str) -> None:
        """The name is a thread's elsewhere."""

    def give(self, work: Callable[[], object]) -> bool:
        with suppress(OSError):
            work()
        return True

    async def run(self, work: Callable[[], Result], timeout_s: float) -> Result:
        return work()


class SimOperatorShell:
    """`run` is what a shell would make of a command line, as far as the reference controller's programs go."""

    def __init__(
        self,
        config: EmsConfig,
        ems: Ems,
        timeline: Timeline,
        state_store: SimStateStore,
        carry_out: Callable[[Command], Answer],
        on_log_line: Callable[[LogLine], None],
    ) -> None:
        def wall() -> datetime:
            return datetime.fromtimestamp(WALL_EPOCH_S + timeline.now_s(), UTC)

        self._requests = Requests(config, ems, timeline, state_store, carry_out, on_log_line, wall, _AtOnce)
        self._requests.restore_plans(state_store.kept.get("plans") or {})

    @property
    def codes(self) -> Callable[[], dict[str, Any]]:
        """The result of the last readout of trouble codes."""
        return self._requests.codes

    @codes.setter
    def codes(self, codes: Callable[[], dict[str, Any]]) -> None:
        self._requests.codes = codes

    def run(self, command: list[str]) -> Reply:
        """Answer one command line; BenchError for a program that is not simulated."""
        match command:
            case ["v2g-ctrl", "audit", *words]:
                trail = self._requests.trail
                assert trail is not None
                return Reply(command, *findings(trail.path, as_json="--json" in words))
            case ["v2g-ctrl", *words]:
                return self._ctrl(command, words)
            case ["v2g-health", *words]:
                answer = self.ask({"cmd": "health"})
                return Reply(command, DONE, json.dumps(answer) if "--json" in words else health_text(answer), "")
            case ["v2g-daemon", *words] if "--reload" in words:
                answer = self.ask({"cmd": "reload"})
                text = f"v2g-daemon: {answer['text']}"
                return Reply(command, DONE, text, "") if answer["ok"] else Reply(command, REFUSED, "", text)
            case ["v2g-thermal-monitor", *_]:
                return Reply(command, DONE, thermal_line(self.ask({"cmd": "status"})), "")
        raise BenchError("dut.commands", f"{command[0]} is not simulated", "take a rig with a real controller")

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the control socket would answer."""
        return _at_once(self._requests.answer(request, OPERATOR))

    def _ctrl(self, command: list[str], words: Sequence[str]) -> Reply:
        usage = StringIO()
        try:
            with redirect_stderr(usage):
                args = ctrl.parser().parse_args(words)
        except SystemExit:
            return Reply(command, USAGE, "", usage.getvalue())
        answer = self.ask(ctrl.request_of(args))
        if args.json:
            return Reply(command, DONE if answer["ok"] else REFUSED, json.dumps(answer), "")
        if not answer["ok"]:
            return Reply(command, REFUSED, "", f"v2g-ctrl: refused: {answer['text']}")
        return Reply(command, DONE, str(answer["text"]), "")


def _at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    work.close()
    raise BenchError("simulation", f"{work} waits for something, and nobody is there to bring it")
