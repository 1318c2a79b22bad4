"""The hub process of the userland CAN bus, `python -m v2g_bench.can.hub PATH [WIRE]`, and `HubProcess` that runs it.

The hub prints "ready" when nodes can come, and ends on SIGTERM or when its standard input is closed, which a parent's
death does too. What it does with the frames is described in `switchboard`; with WIRE, a JSON object with the fields of
`WireSettings`, the bus has physics: see `wireboard`.

>>> with HubProcess("/tmp/bench/bus") as hub:  # doctest: +SKIP
...     bus = UserlandBus(hub.path)
"""

import contextlib
import dataclasses
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.can.switchboard import Switchboard
from v2g_bench.can.wireboard import WireSwitchboard
from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import BitRate, CableM, Ranged, Seed
from v2g_bench.inputs.text import json_of
from v2g_bench.interrupts import left_to_the_parent
from v2g_bench.priority import realtime

_START_S = 20.0
_STOP_S = 5.0


@dataclasses.dataclass(frozen=True)
class WireSettings(Ranged):
    """The physics of a bus: bit rates in bit/s, the cable's length in m, the seed of what is random."""

    bitrate: BitRate = 500_000
    data_bitrate: BitRate = 2_000_000
    length_m: CableM = 5.0
    seed: Seed = 0


class HubProcess:
    """A hub in a separate process: started on entering, ended on leaving. It ends with this process, too.

    wire: the bus has physics.
    lifeline: the file descriptor whose end the hub ends with; by default a pipe from this process.
    `path` is the channel for `UserlandBus`; `notices` what the hub reported (a node that does not read, for example).
    """

    def __init__(self, path: str | Path, wire: WireSettings | None = None, lifeline: int = subprocess.PIPE) -> None:
        self.path = str(path)
        self._wire, self._lifeline = wire, lifeline
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def __enter__(self) -> "HubProcess":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the hub; BenchError before the start."""
        if self._process is None:
            raise BenchError(self.path, "the hub does not run")
        return self._process.pid

    @property
    def notices(self) -> list[str]:
        """The lines on the hub's standard error so far."""
        if self._stderr is None:
            return []
        content = os.pread(self._stderr.fileno(), 1 << 20, 0)
        return content.decode(errors="replace").splitlines()

    def start(self) -> None:
        """Start the hub and wait until it listens; BenchError if it does not."""
        # Here, and not in the hub: one whose bench was killed meanwhile would make a folder that is never removed.
        with contextlib.suppress(OSError):  # the hub reports what is wrong
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-m", "v2g_bench.can.hub", self.path]
        command += [json.dumps(dataclasses.asdict(self._wire))] if self._wire else []
        self._process = process = subprocess.Popen(
            command, stdin=self._lifeline, stdout=subprocess.PIPE, stderr=self._stderr
        )
        assert process.stdout is not None
        waiting = select.poll()
        waiting.register(process.stdout, select.POLLIN | select.POLLHUP)
        line = process.stdout.readline() if waiting.poll(_START_S * 1000) else b""
        if line.strip() != b"ready":
            process.kill()
            process.wait()
            message = " ".join(self.notices) or f"no answer within {_START_S:g} s"
            self._close()
            raise BenchError(
                self.path, f"the hub did not start: {message}", "is the folder writable and the path free?"
            )

    def stop(self) -> None:
        """End the hub; BenchError if it had died before or has to be killed."""
        process = self._process
        if process is None:
            return
        ended_before = process.poll() is not None
        if not ended_before:
            process.send_signal(signal.SIGTERM)
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        message = " ".join(self.notices[-3:])
        self._close()
        if ended_before or process.returncode != 0:
            what = f"the hub ended early or had to be killed (status {process.returncode}): {message}"
            raise BenchError(self.path, what)

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout):
                if stream is not None and not stream.closed:
                    stream.close()
        if self._stderr is not None:
            self._stderr.close()


def main(arguments: list[str]) -> int:
    """Run a hub; exit status 0 at a regular end, 2 if it cannot start."""
    if len(arguments) not in (1, 2):
        print("usage: python -m v2g_bench.can.hub PATH [WIRE]", file=sys.stderr)
        return 2
    try:
        hub = _board(*arguments)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: hub.stop())
    left_to_the_parent()
    realtime()
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a collection would delay a frame
    print("ready", flush=True)
    try:
        hub.serve(sys.stdin.fileno())
    finally:
        hub.close()
    return 0


def _board(path: str, wire: str = "") -> Switchboard:
    if not wire:
        return Switchboard(path)
    try:
        settings = WireSettings(**json_of(wire, "WIRE"))
        timing = BitTiming(settings.bitrate, settings.data_bitrate)
    except (TypeError, ValueError) as error:
        raise BenchError("WIRE", f"no settings of a wire: {error}") from error
    return WireSwitchboard(path, timing, length_m=settings.length_m, seed=settings.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
