"""Runs one certification as a user does, `pytest --rig=FILE`, and reads what it left: words, status, results, processes."""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher import Forked, Launcher

from v2g_bench.qualification.defects.catalogue import CONTROLLERS
from v2g_bench.reports.model import run as model
from v2g_bench.reports.model.verdicts import NOT_APPLICABLE, worst

PROJECT = Path(__file__).resolve().parents[3]
CONFORMANCE = "tests/conformance"
END_S = 240.0
# One seed: what is random in a run is the same each time. hypothesis, which who certifies has not, would be imported for its
# own summary.
ALWAYS = [
    "--no-qualify",
    "--trials=1",
    "--seed=1",
    *("-p", "no:randomly"),
    *("-p", "no:cacheprovider"),
    *("-p", "no:hypothesispytest"),
]
TAG = "V2G_TEST_RUN"  # in the environment of everything that a run starts, so that what it leaves behind is known by it

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Certified:
    """What a run left. `run` is None where no results.json was written."""

    status: int
    out: str
    reports: Path
    run: model.Run | None

    @property
    def folder(self) -> Path:
        """The run folder; fails where there is not exactly one."""
        (folder,) = [path for path in self.reports.iterdir() if path.is_dir()]
        return folder

    def verdict(self, requirement: str) -> str:
        return self.requirement(requirement).verdict

    def requirement(self, requirement: str) -> model.Requirement:
        assert self.run is not None, self.out
        (found,) = [one for one in self.run.requirements if one.id == requirement]
        return found

    def reason(self, requirement: str) -> str:
        """Everything that the tests of a requirement gave as their reasons."""
        return " / ".join(test.reason for test in self.requirement(requirement).tests)

    def tested(self) -> dict[str, str]:
        """For each requirement that had a test in this run the worst verdict of those: these runs take a part of them."""
        assert self.run is not None, self.out
        found = {one.id: [test.verdict for test in one.tests] for one in self.run.requirements if one.tests}
        return {
            key: NOT_APPLICABLE if {*verdicts} == {NOT_APPLICABLE} else worst(verdicts)
            for key, verdicts in found.items()
        }


def latency(test: model.TestResult) -> model.Measurement:
    """The one time to isolation that a test measured; fails where there is not exactly one."""
    (found,) = [one for one in test.measurements if one.quantity == "time to isolation"]
    return found


def controller(factory: str) -> list[str]:
    """[dut] command of the reference controller with one seeded defect."""
    return ["v2g-daemon", "--config", "{config}", "--core", f"{CONTROLLERS}:{factory}"]


def rig_file(folder: Path, changes: Changes | None = None, text: str = "", base: str = "virtual") -> Path:
    """A copy of a shipped rig with changes ("dut.command": [...]; None takes a key out) and more text at its end."""
    data = tomllib.loads((PROJECT / "rigs" / f"{base}.toml").read_text())
    for key, value in (changes or {}).items():
        *tables, last = key.split(".")
        table = data
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    path = folder / "rig.toml"
    path.write_text("\n".join([*_toml(data, ()), text, ""]))
    return path


def _toml(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"[{'.'.join(path)}]"
    for key, value in table.items():
        if not isinstance(value, dict):
            yield f"{key} = {json.dumps(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _toml(value, (*path, key))


def own_suite(folder: Path, body: str) -> str:
    """A suite of one's own, with one requirement, OWN-01, and these tests; the path of its file."""
    keys = "\n".join(f"{key}: own" for key in ("title", "family", "source", "limit", "method"))
    (folder / "suite" / "requirements").mkdir(parents=True)
    (folder / "suite" / "requirements" / "OWN-01.md").write_text(f"---\nid: OWN-01\n{keys}\n---\nAs it is.\n")
    path = folder / "suite" / "test_own.py"
    imports = "import os, signal, time\nimport pytest\nfrom v2g_bench.faults import *\n"
    path.write_text(imports + textwrap.dedent(body))
    return str(path)


@functools.cache
def launcher() -> Launcher:
    """One for all tests of a session; it ends with it."""
    made = Launcher(PROJECT)
    atexit.register(made.close)
    return made


class Run:
    """A certification that is under way, in a process group of its own."""

    process: Forked | subprocess.Popen[bytes]

    def __init__(
        self,
        folder: Path,
        rig: Path | str,
        select: list[str],
        *options: str,
        reports: Path | None = None,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.reports = reports or folder / "reports"
        self.tag = f"{TAG}={folder}"
        self._words = (folder / "words.txt").open("w+b")
        arguments = [f"--rig={rig}", f"--reports={self.reports}", *ALWAYS, *options, *select]
        environment = {**os.environ, "COLUMNS": "200", TAG: str(folder), **(env or {})}
        if not prefix:
            self.process = launcher().start(arguments, folder / "words.txt", environment)
            return
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "pytest", *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=self._words,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )

    @property
    def out(self) -> str:
        """What it has written so far."""
        return os.pread(self._words.fileno(), 1 << 22, 0).decode(errors="replace")

    def folder(self) -> Path | None:
        """The run folder, once there is one."""
        return next(iter(self.reports.glob("*-*T*")), None) if self.reports.exists() else None

    def controller_runs(self) -> int | None:
        """The controller's process id, once it runs."""
        return next((pid for pid, command in self.children().items() if "v2g-daemon" in command), None)

    def children(self) -> dict[int, str]:
        """Process id -> command line of everything that this run started and that still runs, without pytest itself."""
        return {pid: words for pid, words in started_by(self.tag).items() if pid != self.process.pid}

    def end(self, within_s: float = END_S) -> Certified:
        """Wait for the end; what it left. Kills it and fails where it does not end."""
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not at its end within {within_s:g} s:\n{self.out}") from None
        results = list(self.reports.rglob("results.json")) if self.reports.exists() else []
        return Certified(status, self.out, self.reports, model.load(results[0]) if results else None)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def certify(folder: Path, rig: Path | str, select: list[str], *options: str, **how: Any) -> Certified:
    """Run to the end; nothing that it started may be left."""
    run = Run(folder, rig, select, *options, **how)
    try:
        done = run.end()
    finally:
        if run.process.poll() is None:
            run.kill()
    left = run.children()
    assert not left, f"left behind: {left}\n{done.out}"
    return done


def acts(folder: Path) -> list[dict[str, Any]]:
    """What the supervisor did, by its own record."""
    path = folder / "supervisor.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(what: str, condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    """The condition's first true value; AssertionError that names it after the bound."""
    until_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < until_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)
    return value


def started_by(tag: str) -> dict[int, str]:
    """Process id -> command line of all that run with this in their environment; zombies have none."""
    found = {}
    for path in Path("/proc").iterdir():
        if not path.name.isdecimal():
            continue
        try:
            if tag.encode() in (path / "environ").read_bytes().split(b"\0"):
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(path.name)] = words.strip()
        except OSError:
            continue  # it ended meanwhile, or is not ours
    return found
