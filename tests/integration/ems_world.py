"""A small world around one v2g-daemon: a userland bus, a BMS that says what it is told, a recording inverter."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from v2g_bench.can.buses import open_bus
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.clock import RealClock
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.ems.service.control_client import ControlClient, ControlError
from v2g_bench.inverter.nameplate import InverterConfig
from v2g_bench.inverter.port import InverterReading
from v2g_bench.inverter.server import ModbusServer
from v2g_bench.inverter.sunspec import InverterMap

HEALTHY = {
    "cell_temperature_max": 26.0,
    "cell_temperature_min": 25.0,
    "string_voltage_difference": 0.01,
    "cell_voltage_max": 3.70,
    "cell_voltage_min": 3.69,
    "contactor_state": 0.0,
    "pack_voltage": 354.0,
    "pack_current": 0.0,
    "soc": 50.0,
    "charge_power_limit": 20000.0,
    "discharge_power_limit": 20000.0,
    "discharge_power_continuous": 20000.0,
    "soh": 96.0,
    "cycle_count": 212.0,
    "energy_throughput": 20000.0,
    "capacity": 150.0,
    **{f"module_temperature[{n}]": 25.5 for n in range(1, 13)},
    **{f"cell_voltage[{n}]": 3.695 for n in range(1, 97)},
}


def wait_for(what: str, condition: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """Poll until the condition gives something true; AssertionError naming it after the bound."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


class Stage:
    """The power stage behind the register map: it does what it is told at once."""

    def __init__(self) -> None:
        self.power_w, self.on = 0.0, False

    def set_ac_power(self, ac_power_w: float, now_s: float, /) -> None:
        self.power_w = ac_power_w

    def enable_bridge(self, on: bool, now_s: float, /) -> None:
        self.on = on

    @property
    def flowing_w(self) -> float:
        return self.power_w if self.on else 0.0

    def measure(self) -> InverterReading:
        return InverterReading(self.flowing_w, 230.0, 50.0, 354.0, 0.0, 50.0, self.on, False)


class Inverter:
    """A SunSpec inverter on a thread of its own. `exchanges`: (bench time, request) of everything it heard."""

    def __init__(self, at_power_up: str = "STOP") -> None:
        self.stage = Stage()
        self.exchanges: list[tuple[float, bytes]] = []
        self.clock = RealClock()
        config = InverterConfig.model_validate({"at_power_up": at_power_up})
        self.map = InverterMap(self.stage, config, self.clock.now_s())
        self.server = ModbusServer(self.map, self.clock, lambda at, _peer, req, _rep: self.exchanges.append((at, req)))
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.port = int(self.call(self.server.start()))

    def call(self, work: Any) -> Any:
        """Run a coroutine on the inverter's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(5)

    def stops(self, since_s: float = 0.0) -> list[float]:
        """Times at which a write of STOP into 715.OpCtl was heard."""
        wanted = bytes((16,)) + self.map.address("715.OpCtl").to_bytes(2, "big") + b"\0\1\2\0\0"
        return [at for at, adu in self.exchanges if at >= since_s and adu[7:] == wanted]

    @property
    def set_w(self) -> float:
        """704.WSet as it stands in the register, SunSpec's sign."""
        return self.map.value("704.WSet")

    def go_away(self) -> None:
        """Stop serving; every connection is dropped."""
        self.call(self.server.stop())

    def come_back(self) -> None:
        """Serve on the same port again."""

        async def start() -> int:
            return await self.server.start(port=self.port)

        self.call(start())

    def close(self) -> None:
        self.call(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class Bms:
    """Sends every BMS message at its cycle; the contactors follow the controller's request at once.

    inverter: what flows there flows in the pack.
    """

    def __init__(self, channel: str, db: BusDatabase, inverter: "Inverter | None" = None) -> None:
        self.db, self.inverter = db, inverter
        self.values = dict(HEALTHY)
        self.muted: set[str] = set()
        self.corrupt_every = 0  # every n-th protected frame has a broken CRC; 0: none
        self.received: dict[str, float] = {}
        self.received_at: dict[str, float] = {}
        self.sent_hot_s = 0.0
        self._bus = open_bus("v2g_userland", channel, own_echo=False)
        self._specs = [spec for spec in db.senders("BMS") if spec.cycle_s > 0]
        self._counters = dict.fromkeys((spec.name for spec in self._specs), 0)
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send_all, self._listen)]
        for thread in self._threads:
            thread.start()

    def send(self, name: str) -> None:
        """One frame of this message with the present values."""
        with self._lock:
            self._counters[name] += 1
            roles = self.db.roles_of(name)
            if self.inverter is not None:
                self.values["pack_current"] = self.inverter.stage.flowing_w / self.values["pack_voltage"]
            values = {role: self.values[role] for role in roles if role in self.values}
            frame = self.db.encode(name, values, self._counters[name])
            if self.corrupt_every and self._counters[name] % self.corrupt_every == 0:
                frame.data[-1] ^= 0x40
            self._bus.send(frame)

    def _send_all(self) -> None:
        start_s = time.monotonic()
        due_s = dict.fromkeys(self._counters, start_s)
        while not self._end.is_set():
            now_s = time.monotonic()
            for spec in self._specs:
                if now_s >= due_s[spec.name]:
                    due_s[spec.name] += spec.cycle_s
                    if spec.name not in self.muted and "*" not in self.muted:
                        self.send(spec.name)
            self._end.wait(max(0.0, min(due_s.values()) - time.monotonic()))

    def _listen(self) -> None:
        while not self._end.is_set():
            message = self._bus.recv(0.05)
            if message is None:
                continue
            values = self.db.decode(message)
            self.received.update(values)
            self.received_at.update(dict.fromkeys(values, time.monotonic()))
            if "contactor_request" in values:
                self.values["contactor_state"] = 2.0 if values["contactor_request"] else 0.0

    def close(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(5)
        self._bus.shutdown()


class World:
    """Everything around one daemon, and the daemon. Ends every process and thread that it started."""

    def __init__(self, folder: Path, *, thresholds: str = "", options: Iterable[str] = ()) -> None:
        self.folder = folder
        self.db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
        self.log, self.socket, self.limits = folder / "v2g-main.log", folder / "ems.sock", folder / "limits.conf"
        self.config = folder / "ems.toml"
        self._thresholds, self._options = thresholds, list(options)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "World":
        self.hub = HubProcess(self.folder / "bus")
        self.hub.start()
        self.inverter = Inverter()
        self.bms = Bms(self.hub.path, self.db, self.inverter)
        self.write_config()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.bms.close()
        self.inverter.close()
        self.hub.stop()

    def write_config(self) -> None:
        """ems.toml and limits.conf as a user writes them."""
        roles = roles_path("v2g_bms_fd").read_text(encoding="utf-8").partition("[roles]")[2]
        self.limits.write_text("MIN_SOC=25\nMAX_SOC=75  # percent\n", encoding="utf-8")
        self.config.write_text(
            f'[bus]\ninterface = "v2g_userland"\nchannel = "{self.hub.path}"\n\n'
            f'[inverter]\nhost = "127.0.0.1"\nport = {self.inverter.port}\n\n'
            f'[files]\nlimits = "limits.conf"\nthermal_policy = "thermal-policy.json"\nlog = "v2g-main.log"\n'
            f'state = "latches.json"\n\n[control]\nsocket = "ems.sock"\n\n[thresholds]\n{self._thresholds}\n\n'
            f'[bms]\ndbc = "{dbc_path("v2g_bms_fd")}"\n\n[bms.roles]{roles}',
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start the daemon and wait until BMS and inverter are there."""
        self.spawn()
        wait_for("the daemon is up", self.healthy)

    def spawn(self) -> None:
        """Start the daemon only."""
        command = [sys.executable, "-m", "v2g_bench.ems.service.daemon", "--config", str(self.config), *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def healthy(self) -> bool:
        """Whether the daemon answers and sees both of its neighbours."""
        assert self.process is not None
        if self.process.poll() is not None:
            assert self.process.stderr is not None
            raise AssertionError(f"the daemon ended with {self.process.returncode}: {self.process.stderr.read()}")
        try:
            status = self.ask("status")
        except ControlError:
            return False
        return bool(status["bms"]["alive"] and status["inverter"]["online"])

    def ask(self, command: str, **values: Any) -> dict[str, Any]:
        """One question on the control socket."""
        return ControlClient(str(self.socket)).ask({"cmd": command, **values})

    def power(self, power_w: float) -> None:
        """Ask for power and wait until it flows."""
        answer = self.ask("set_power", power_w=power_w)
        assert answer["ok"], answer

        def flows() -> bool:
            """What was granted, or what is granted by now: the derating map gives back slowly."""
            flowing_w = self.inverter.stage.flowing_w
            granted = (answer["effective_w"], self.ask("status")["effective_w"])
            return any(abs(flowing_w - granted_w) < 2 for granted_w in granted)

        wait_for(f"{power_w} W flow", flows)

    def latches(self) -> dict[str, Any]:
        """What the daemon keeps over a restart; empty before it has kept anything."""
        path = self.folder / "latches.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def wait(self, timeout_s: float = 10.0) -> int:
        """The daemon's exit status."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """Whatever state it is in, the daemon is gone afterwards."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()
            self.process = None
