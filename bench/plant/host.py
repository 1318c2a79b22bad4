"""The plant process from the outside: started, waited for, talked to, and always ended. `PartProcess` is what other
parts of the bench with a control socket share with it.

with PlantProcess(config, folder) as plant:
    plant.client.inject(OverTemperature(cell=17, to_c=45.5))
    plant.modbus_port, plant.resource("dc_current")
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self

from v2g_bench.errors import BenchError
from v2g_bench.plant.control import PlantClient

START_S = 20.0
STOP_S = 5.0
LAST_CHARACTERS = 2000


class PartProcess:
    """A part of the bench in a process of its own; config and log are written to `folder`. Subclasses name it.

    `start` and `stop` do what the context manager does. The plant ends with this process, however that ends: its
    standard input is a pipe from here, or the `lifeline` (a file descriptor) that another process holds as well. (The
    parent-death signal would fire when the *thread* that started it ends.)
    """

    part: ClassVar[str]
    module: ClassVar[str]

    def __init__(self, config: Mapping[str, Any], folder: Path | str, lifeline: int = subprocess.PIPE) -> None:
        self.folder = Path(folder)
        self._lifeline = lifeline
        self._config = {"control": str(self.folder / f"{self.part}.control"), **config}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._client: PlantClient | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except BenchError:
            if error is None:
                raise

    @property
    def client(self) -> PlantClient:
        """The connection to the control socket; BenchError while the process does not run."""
        if self._client is None:
            raise BenchError(self.part, "is not running", "start it first")
        return self._client

    @property
    def pid(self) -> int:
        """The process id; BenchError while it does not run."""
        if self._process is None:
            raise BenchError(self.part, "is not running", "start it first")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """Where its standard error goes."""
        return self.folder / f"{self.part}.log"

    def poll(self) -> int | None:
        """The exit status, None while it runs; BenchError if it was never started."""
        if self._process is None:
            raise BenchError(self.part, "is not running", "start it first")
        return self._process.poll()

    def start(self) -> None:
        """Start it and wait until it is ready; BenchError with its last output if it is not ready within START_S."""
        if self._process is not None:
            raise BenchError(self.part, "is running already")
        self.folder.mkdir(parents=True, exist_ok=True)
        config_path = self.folder / f"{self.part}.json"
        config_path.write_text(json.dumps(self._config, indent=1), encoding="utf-8")
        self._log = self.log_path.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, str(config_path)],
            stdin=self._lifeline,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            self.ready = self._wait_ready(self._process)
            self._client = PlantClient(self.ready["control"], part=self.part)
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """End it: by SIGTERM, after STOP_S by SIGKILL; BenchError if it had died before or had to be killed."""
        if self._process is None:
            return
        status = self._process.poll()
        killed = self._end()
        if status is not None:
            raise BenchError(
                self.part, f"ended by itself with status {status}: {self._stderr_tail()}", f"see {self.log_path}"
            )
        if killed:
            raise BenchError(self.part, f"did not end within {STOP_S:g} s and was killed", f"see {self.log_path}")

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        waiting = select.poll()
        waiting.register(process.stdout, select.POLLIN | select.POLLHUP)
        line, until_s = b"", time.monotonic() + START_S
        while not line.endswith(b"\n"):
            if not waiting.poll(max(0.0, until_s - time.monotonic()) * 1000):
                raise BenchError(
                    self.part, f"not ready within {START_S:g} s: {self._stderr_tail()}", "is the machine overloaded?"
                )
            part = os.read(process.stdout.fileno(), 4096)
            if not part:
                process.wait()
                message = self._stderr_tail() or f"no output, status {process.returncode}"
                raise BenchError(self.part, f"did not start: {message}")
            line += part
        ready = json.loads(line)
        assert isinstance(ready, dict)
        return ready

    def _end(self) -> bool:
        """End whatever runs and close what is open; True if it had to be killed."""
        process, self._process = self._process, None
        killed = False
        if self._client is not None:
            self._client.close()
            self._client = None
        if process is not None:
            process.terminate()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                killed = True
                process.kill()
                process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None
        return killed

    def _stderr_tail(self) -> str:
        """The end of what it wrote to standard error."""
        try:
            return self.log_path.read_text(errors="replace")[-LAST_CHARACTERS:].strip()
        except OSError:
            return ""


class PlantProcess(PartProcess):
    """A plant in a process of its own. `config` as in `settings`."""

    part = "plant"
    module = "v2g_bench.plant.process"

    @property
    def modbus_port(self) -> int:
        """TCP port of the inverter on 127.0.0.1; BenchError if this plant has none."""
        port = self.ready.get("modbus")
        if not isinstance(port, int):
            raise BenchError("plant", "has no emulated inverter")
        return port

    @property
    def service(self) -> str:
        """The inverter's service port, a serial line or host:port; "" if it has none."""
        return str(self.ready.get("service") or "")

    def resource(self, meter: str) -> str:
        """The VISA resource of an emulated meter; BenchError if this plant has none of that name."""
        meters = self.ready.get("meters", {})
        if meter not in meters:
            raise BenchError(
                f"plant: meters.{meter}", "is not emulated here", f"there are: {', '.join(meters) or 'none'}"
            )
        return str(meters[meter])
