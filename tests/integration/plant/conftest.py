"""The plant as a process: on a hub, with a node that captures and commands as a controller would."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.plant.host import PlantProcess

ROLES = read_roles(roles_path("v2g_bms_fd"))


def config(channel: str, **more: Any) -> dict[str, Any]:
    return {
        "seed": 1,
        "dbc": str(dbc_path("v2g_bms_fd")),
        "roles": ROLES,
        "bus": {"interface": "v2g_userland", "channel": channel},
        "meters": {
            "dc_current": {"driver": "keysight-34465a", "transport": "hislip", "shunt_ohm": 0.001},
            "ac_power": {"driver": "yokogawa-wt300e", "transport": "socket"},
        },
        **more,
    }


def eventually(condition: Callable[[], Any], within_s: float = 10.0) -> Any:
    """The condition's first true value; fails when the time is over."""
    until_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.005)
    return value


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Controller:
    """Commands the BMS as an EMS would, for as long as it is told to."""

    def __init__(self, bus: Any, db: BusDatabase) -> None:
        self._bus, self._db, self._counter = bus, db, 0

    def command(self, closed: bool) -> None:
        values = {"contactor_request": float(closed), "cooling_request": 0.0}
        self._bus.send(self._db.encode("EMS_Command", values, self._counter))
        self._counter = (self._counter + 1) & 0xFF

    def until(self, condition: Callable[[], Any], within_s: float = 10.0) -> Any:
        """Keep the contactors closed until the condition holds."""

        def commanded() -> Any:
            self.command(True)
            return condition()

        return eventually(commanded, within_s)


class Setup:
    """A hub, a plant, a node with its capture."""

    def __init__(self, folder: Path, plant: PlantProcess, bus: Any, capture: Capture, db: BusDatabase) -> None:
        self.folder, self.plant, self.capture, self.db = folder, plant, capture, db
        self.client = plant.client
        self.controller = Controller(bus, db)

    def roles(self, since_s: float) -> dict[str, float]:
        """The newest value of every role stamped since then."""
        columns = self.capture.frames(since_s=since_s)
        values: dict[str, float] = {}
        for position in range(len(columns)):
            values |= self.db.decode(columns.frame(position).message())
        return values


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("plant")
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), ROLES)
    with (
        HubProcess(folder / "bus") as hub,
        open_bus("v2g_userland", hub.path) as bus,
        Capture(bus) as capture,
        PlantProcess(config(hub.path), folder) as plant,
    ):
        yield Setup(folder, plant, bus, capture, db)


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> None:
    if "setup" in request.fixturenames:
        request.getfixturevalue("setup").client.reset(soc_pct=50)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "bus") as hub:
        yield hub
