"""The shell around a core: order, time, and what follows when something raises."""

from types import SimpleNamespace
from typing import Any

import pytest

from v2g_bench.ems.model.actions import Level, LogLine, StopInverter
from v2g_bench.ems.model.commands import Reply, Shutdown
from v2g_bench.ems.service.core_shell import STOPPING, CoreShell

LINE = LogLine(Level.INFO, "-", "x")


class Parts:
    """A core, and all that its actions go to; `seen` is what happened in order."""

    def __init__(self, broken: str = "") -> None:
        self.seen: list[Any] = []
        self.broken = broken
        self.shell = CoreShell(self, lambda: 5.0, lambda *failure: self.seen.append(failure))  # type: ignore[arg-type]
        self.shell.connect(SimpleNamespace(stop=self.stop), self, self, self.seen.append)  # type: ignore[arg-type]

    def _entry(self, name: str, *given: Any) -> list[Any]:
        self.seen.append((name, *given))
        if name == self.broken:
            raise RuntimeError(name)
        return [StopInverter("why"), LINE]

    def on_frame(self, *given: Any) -> list[Any]:
        return self._entry("hear", *given)

    def on_inverter_reading(self, *given: Any) -> list[Any]:
        return self._entry("hear_inverter", *given)

    def on_peer_report(self, *given: Any) -> list[Any]:
        return self._entry("hear_peer", *given)

    def lose_bus(self, *given: Any) -> list[Any]:
        return self._entry("lose_bus", *given)

    def tick(self, *given: Any) -> list[Any]:
        return self._entry("tick", *given)

    def command(self, *given: Any) -> Reply:
        return Reply(True, "done", self._entry("command", *given))

    def stop(self) -> None:
        self.seen.append("stop")
        if self.broken == "stop":
            raise RuntimeError("stop")


INPUTS = {
    "hear": lambda shell: shell.on_frame("f"),
    "hear_inverter": lambda shell: shell.on_inverter("r"),
    "hear_peer": lambda shell: shell.on_peer("p"),
    "lose_bus": lambda shell: shell.lose_bus("why"),
    "tick": lambda shell: shell.tick(),
    "command": lambda shell: shell.command(Shutdown()),
}


@pytest.mark.parametrize("name", INPUTS)
def test_each_input_goes_to_the_core_with_the_time_and_its_actions_are_carried_out_in_order(name: str) -> None:
    parts = Parts()
    INPUTS[name](parts.shell)
    (entry, *_, now_s), *rest = parts.seen
    assert (entry, now_s, rest, parts.shell.failed) == (name, 5.0, ["stop", LINE], False)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("broken", ["core", "stop"])
def test_what_raises_is_told_once_and_the_core_is_never_asked_again(name: str, broken: str) -> None:
    parts = Parts(name if broken == "core" else broken)
    INPUTS[name](parts.shell)
    what, error, first = parts.seen[-1]
    assert (what, str(error), first, parts.shell.failed) == ("the core", parts.broken, True, True)
    count = len(parts.seen)
    for again in INPUTS.values():
        again(parts.shell)
    assert len(parts.seen) == count


def test_a_reply_is_the_cores_or_a_refusal() -> None:
    assert Parts().shell.command(Shutdown()).text == "done"
    assert Parts("command").shell.command(Shutdown()) == Reply(False, STOPPING, [])


def test_a_failure_around_the_core_counts_as_well_and_only_one_is_the_first() -> None:
    parts = Parts()
    parts.shell.fail("a task", None)
    parts.shell.fail("another", None)
    parts.shell.tick()
    assert parts.seen == [("a task", None, True), ("another", None, False)]
