"""Where a fault goes, and what is said where it cannot go anywhere."""

from types import SimpleNamespace

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.clock import SimClock
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.faults import BmsSilence, Fault, OverTemperature
from v2g_bench.faults.expectation import Expectation
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.injection import Injector
from v2g_bench.rig.parts.timing import Timestamp

DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


class Weld(Fault):
    """A fault of the battery that none of its frames carries."""

    kind = "weld"

    def readback(self):
        return Expectation("contactor_state", "==", 3.0)


class FakePlantClient:
    """Takes faults."""

    def __init__(self):
        self.injected, self.cleared = [], []

    def inject(self, fault, at_s):
        self.injected.append((fault, at_s))
        return len(self.injected)

    def clear(self, number):
        self.cleared.append(number)


class Parts:
    def __init__(self, rig, client):
        self.loaded, self.desk, self.clock, self.sick = load_rig(rig), client, SimClock(100.0), None
        self.world = SimpleNamespace(plant=None, faults=client)
        self.safety = SimpleNamespace(allow_silence=lambda allowed: None)
        self.bus = SimpleNamespace(
            db=DB,
            capture=FrameStore(),
            latest_all=self.latest_all,
            wait_for=self.wait_for,
            timestamp=lambda time_s: Timestamp(time_s, 1e-4, "a fake"),
            require_good=self.require_good,
        )

    def latest_all(self):
        return {"cell_temperature_max": 25.0}

    def wait_for(self, accept, since_s, timeout_s):
        seen = {"cell_temperature_max": 45.5} if len(self.desk.cleared) < len(self.desk.injected) else self.latest_all()
        frame = DB.encode(DB.message_of("cell_temperature_max").name, seen, counter=1)
        return SimpleNamespace(timestamp_s=100.5, message=lambda: frame) if accept(seen) else None

    def require_good(self):
        if self.sick:
            raise self.sick


@pytest.mark.parametrize("rig", ["virtual", "gateway"])
def test_the_same_fault_goes_to_whoever_injects_on_this_rig(rig):
    client = FakePlantClient()
    fault = OverTemperature(cell=17, to_c=45.5)
    with Injector(Parts(rig, client)).active([fault], 0.003) as active:
        assert client.injected == [(fault, 100.003)]
        assert active.on_bus.time_s == 100.5
    assert client.cleared == [1]


def test_no_gateway_can_weld_a_contactor():
    with pytest.raises(NotTested, match="weld changes nothing on the bus"):
        with Injector(Parts("gateway", FakePlantClient())).active([Weld()], 0.0):
            raise AssertionError("it must not run")


def test_a_rig_without_either_says_how_to_get_one():
    with pytest.raises(BenchError, match=r"put the BMS on \[bus.bms\]"):
        with Injector(Parts("virtual", None)).active([BmsSilence()], 0.0):
            raise AssertionError("it must not run")


def test_a_bus_that_went_sick_meanwhile_is_no_pass():
    parts = Parts("virtual", FakePlantClient())
    with pytest.raises(BenchError, match="bus-off"):
        with Injector(parts).active([OverTemperature(cell=17, to_c=45.5)], 0.0):
            parts.sick = BenchError("bus.main", "bus-off")
    assert parts.desk.cleared == [1]
