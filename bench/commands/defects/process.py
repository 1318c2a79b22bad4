"""The bench's commands in processes of their own: begun cold, as a user starts them, or warm.

A warm one is forked from a process that has imported the bench and does nothing else: a simulated certification of one
defect takes a second, and importing what it needs two. On the emulated rigs, whose times are real, all begin cold.
"""

import multiprocessing
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

PRELOADED = [  # what certifications, campaigns and verifications on a simulation import
    "pytest",
    "v2g_bench.campaign.run",
    "v2g_bench.commands.main",
    "v2g_bench.fixtures.session",
    "v2g_bench.qualification.defects.controllers",
    "v2g_bench.reports.write",
    "v2g_bench.sim.rig",
]
MODULES = {"pytest": "pytest", "v2g-bench": "v2g_bench.commands.main"}


@dataclass(frozen=True)
class Done:
    """How a process ended: its exit status (None: not in time) and all that it wrote."""

    status: int | None
    output: str


def run(words: Sequence[str], env: Mapping[str, str], folder: Path, bound_s: float, *, warm: bool) -> Done:
    """Run `pytest ...` or `v2g-bench ...` (the first word says which) with `env` added to the environment.

    folder: where the output of a warm one is kept while it runs.
    """
    return _warm(words, env, folder, bound_s) if warm else _cold(words, env, bound_s)


def _cold(words: Sequence[str], env: Mapping[str, str], bound_s: float) -> Done:
    command = [sys.executable, "-m", MODULES[words[0]], *words[1:]]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=bound_s,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Done(None, "")
    return Done(done.returncode, done.stdout + done.stderr)


def _warm(words: Sequence[str], env: Mapping[str, str], folder: Path, bound_s: float) -> Done:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    output_path = folder / "output.txt"
    process = context.Process(
        target=_begin, args=(list(words), {**os.environ, **env}, str(Path.cwd()), str(output_path))
    )
    process.start()
    try:
        process.join(bound_s)
        status = process.exitcode  # None while it runs
    finally:
        if process.is_alive():
            process.kill()
            process.join()
    return Done(status, output_path.read_text("utf-8", errors="replace") if output_path.exists() else "")


def _begin(words: list[str], env: dict[str, str], cwd: str, output_path: str) -> None:
    """In the new process: take its place, and become the command."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    out = os.open(output_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", encoding="utf-8"), os.fdopen(2, "w", encoding="utf-8")
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  (until the process ends)
    status = 1
    try:
        status = _become(words)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  (printed in the output, as an interpreter does)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)


def _become(words: list[str]) -> int:
    program, *arguments = words
    if program == "pytest":
        import pytest

        return int(pytest.main(arguments))
    main = import_module(MODULES[program]).main
    return int(main(arguments))
