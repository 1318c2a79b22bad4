"""When the BMS's trouble codes are read, and what follows: a code for cell imbalance latches V2G off.

They are read `first_s` after the BMS is alive, at once if it counts any or flags an imbalance by then, each `period_s`,
when it counts another number of codes, when its imbalance flag comes, and when a balancing charge reaches 100 %. No answer
changes nothing: the flag on CAN is still set.
"""

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.model.actions import Action, Level, LogLine
from v2g_bench.ems.model.config import BusConfig, DiagnosisConfig

_LOOK_EVERY_S = 0.5
_PATIENCE_S = 20.0  # for the process as a whole


Ask = Callable[[], Awaitable[dict[str, Any]]]
"""One readout: `source` (None: there was no answer), `problem`, and `codes` with `code`, `stored` and `active` each."""


class Diagnosis:
    """Checks twice a second whether a readout is due. ask: reads the codes; act: carries out actions; said: for the log."""

    def __init__(
        self,
        config: DiagnosisConfig,
        ems: Ems,
        now_s: Callable[[], float],
        ask: Ask,
        act: Callable[[list[Action]], None],
        on_log_line: Callable[[LogLine], None],
    ) -> None:
        self._config, self._ems = config, ems
        self._now_s, self._ask, self._act, self._on_log_line = now_s, ask, act, on_log_line
        self.latest: dict[str, Any] = {}
        self._alive_s: float | None = None
        self._read_s: float | None = None
        self._reason: tuple[object, ...] | None = None
        self._last_text: str | None = None

    async def run(self) -> None:
        """For good; does nothing when it is switched off."""
        while self._config.enabled:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self.due(self._now_s()):
                await self.read()

    def due(self, now_s: float) -> bool:
        """Whether the codes should be read now."""
        parts, pack = self._ems.parts, self._ems.pack
        if not parts.watchdog.alive:
            self._alive_s = None
            return False
        if self._alive_s is None:
            self._alive_s = now_s
        flag, count = pack.flag("cell_imbalance"), pack.get("dtc_count")
        reason = (flag, count, parts.balance.charged)
        if not (flag or count) and now_s - self._alive_s < self._config.first_s:
            return False
        if self._read_s is None or reason != self._reason or now_s - self._read_s >= self._config.period_s:
            self._read_s, self._reason = now_s, reason
            return True
        return False

    async def read(self) -> dict[str, Any]:
        """Read the codes and judge them; the answer with its age."""
        answer = await self._ask()
        self.latest = {**answer, "read_s": round(self._now_s(), 3)}
        if answer["source"] is None:
            self._log_once(f"trouble codes cannot be read: {answer['problem']}")
            return self.latest
        codes = answer["codes"]
        self._log_once(f"trouble codes by {answer['source']}: {', '.join(code['code'] for code in codes) or 'none'}")
        hits = [code for code in codes if code["code"] in self._config.imbalance_codes]
        name = hits[0]["code"] if hits else self._config.imbalance_codes[0] if self._config.imbalance_codes else ""
        stored, active = any(hit["stored"] for hit in hits), any(hit["active"] for hit in hits)
        self._act(self._ems.on_trouble_codes(name, self._now_s(), stored=stored, active=active))
        return self.latest

    def _log_once(self, text: str) -> None:
        if text != self._last_text:
            self._last_text = text
            self._on_log_line(LogLine(Level.INFO, "-", text))


def unanswered(problem: str) -> dict[str, Any]:
    """A readout without an answer, and why."""
    return {"source": None, "problem": problem, "codes": []}


class ProcessReader:
    """Reads the codes in a process of its own, `dtc_process`."""

    def __init__(self, bus: BusConfig, config: DiagnosisConfig) -> None:
        self._bus, self._config = bus, config
        self._command = reader()  # now, because it looks for a program on the disk

    def options(self) -> dict[str, Any]:
        """The options of the reading process."""
        config, bus = self._config, self._bus
        return {
            **bus.model_dump(include={"interface", "channel", "bitrate", "data_bitrate"}),
            **config.model_dump(include={"request_id", "response_id", "timeout_s"}),
            "fd": config.on_fd(bus),
            "bus_fd": bus.fd,
        }

    async def ask(self) -> dict[str, Any]:
        """See `Ask`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                json.dumps(self.options()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            return unanswered(f"the reader cannot be started: {error}")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                out, _ = await process.communicate()
            return _sound(json.loads(out))
        except TimeoutError:
            return unanswered(f"no end within {_PATIENCE_S:g} s")
        except (ValueError, KeyError, TypeError, RecursionError):
            return unanswered(f"the reader ended with status {process.returncode}")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()


def _sound(answer: Any) -> dict[str, Any]:
    """The reader's answer with what `read` takes from it. Raises: KeyError, TypeError."""
    for code in answer["codes"]:
        code["code"], code["stored"], code["active"] = str(code["code"]), bool(code["stored"]), bool(code["active"])
    return {"source": answer["source"], "problem": str(answer["problem"]), "codes": answer["codes"]}


def reader() -> list[str]:
    """The process that reads, which begins as urgent as the controller: see `dtc_process`.

    It lowers its own priority once its interpreter runs: until then a controller at real-time priority with one processor
    is blocked, for 21 ms. With `chrt` (util-linux) in between, where there is one, for 3 ms.
    """
    chrt = shutil.which("chrt")
    first = [chrt, "--other", "0"] if chrt else []
    return [*first, sys.executable, "-m", "v2g_bench.ems.ports.dtc_process"]
