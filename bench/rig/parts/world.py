"""The battery's side of an open rig: the emulated world in its process, and the gateway between a BMS and the controller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.values import newest
from v2g_bench.clock import Clock
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.plant.control import PlantClient
from v2g_bench.plant.host import PlantProcess
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.buses import gateway_path
from v2g_bench.rig.parts.opening import Later, opened, roles_of
from v2g_bench.rig.parts.protocol import plant_config
from v2g_bench.rig.parts.reception import Reception
from v2g_bench.rig.safety.physical import Physical
from v2g_bench.rig.safety.supervisor_client import SupervisorClient

Buses = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where the processes of a run keep things. folder: of the run; runtime: of its sockets; seed: of its chance."""

    folder: Path
    runtime: Path
    seed: int


class RealWorld:
    """The world of a rig with processes. plant, gateway: None where the rig has none, or before they are open."""

    def __init__(
        self, loaded: LoadedRig, clock: Clock, reception: Reception, supervisor: SupervisorClient, later: Later
    ) -> None:
        self._loaded, self._clock, self._reception = loaded, clock, reception
        self._supervisor, self._later = supervisor, later
        self.plant: PlantProcess | None = None
        self.gateway: GatewayProcess | None = None
        self._bms_capture: Capture | None = None
        self._side: Physical | None = None

    @property
    def faults(self) -> PlantClient | None:
        """Where faults are injected: the gateway in front of the BMS, else the emulated world."""
        part = self.gateway or self.plant
        return None if part is None else part.client

    def physical(self) -> dict[str, float]:
        """What is true of the battery now: see `World.physical`."""
        side = opened(self._side, "capture")
        if side.source == "plant" and self.plant is not None:
            return {role: value for role, value in self.plant.client.truth_pack().items() if role in side.roles}
        if self.gateway is None:
            return self._reception.latest_all()
        frames = opened(self._bms_capture, "gateway").frames(since_s=self._clock.now_s() - 1.0)
        return newest(self._reception.db, frames)

    def omitted(self) -> int:
        """Frames that the emulated BMS has not sent so far; 0 where none is emulated."""
        return 0 if self.plant is None else int(self.plant.client.status()["frames_missed"])

    def heal(self) -> None:
        """An emulated battery back at rest, without faults."""
        if self.plant is not None:
            self.plant.client.reset()

    def watch(self, side: Physical) -> None:
        """Where `physical` looks from now on."""
        self._side = side

    def open_plant(self, buses: Buses, place: Place) -> str:
        """Start the emulated world."""
        rig = self._loaded.rig
        dbc = self._loaded.resolve(rig.bms.dbc, "bms.dbc")
        config = plant_config(rig, place.seed, dbc, roles_of(self._loaded))
        if rig.bms.kind == "emulated":
            config["bus"] = dict(buses.get("main") or buses["bms"]) | {"physics": rig.physics}
        config["control"] = str(place.runtime / "plant")
        config |= {"truth": str(place.folder / "truth.csv")} if rig.record_truth else {}
        self.plant = PlantProcess(config, place.folder, self._supervisor.lifeline)
        self.plant.start()
        self._later("plant", self.plant.stop)
        self._supervisor.send("world", pid=self.plant.pid)
        return f"emulates {', '.join(rig.emulated_parts())}"

    def open_gateway(self, buses: Buses, place: Place, note: Callable[[str], None]) -> str:
        """Start the gateway, and the bench's own node on the BMS's side of it."""
        rig, supervisor = self._loaded.rig, self._supervisor
        dbc = self._loaded.resolve(rig.bms.dbc, "bms.dbc")
        config = {"seed": place.seed, "dbc": str(dbc), "roles": roles_of(self._loaded)}
        config |= {"control": str(place.runtime / "gateway"), "bms": buses["bms"], "controller": buses["ems"]}
        config["path"] = gateway_path(rig, buses)
        channels = [buses["bms"]["channel"], buses["ems"]["channel"]] if config["path"] != "bench" else []
        supervisor.send("gateway", channels=channels)  # before there is anything to remove
        self.gateway = gateway = GatewayProcess(config, place.folder, supervisor.lifeline)
        gateway.start()
        self._later("gateway", gateway.stop)
        supervisor.send("child", pid=gateway.pid)
        supervisor.send("gateway", channels=channels, pid=gateway.pid)
        for words in gateway.notes(rig.gateway.path):
            note(words)
        self._later("gateway's account", lambda: note(gateway.account()))
        self._reception.behind(gateway)
        bus = open_bus(**buses["bms"])
        self._later("bus of the BMS", bus.shutdown)
        self._bms_capture = capture = Capture(bus, place.folder / "bms.blf")
        capture.start()
        self._later("capture of the BMS's bus", capture.stop)
        self._reception.buses.add("bms", capture, dict(buses["bms"]))
        return f"{gateway.forwarder} forwards between the BMS and the controller"
