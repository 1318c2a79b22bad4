"""The plant on a hub with a wire, in real time: faults go from the control socket to the wire, counters come back."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.hub import HubProcess, WireSettings
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import (
    BabblingNode,
    DominantShort,
    MissingTerminator,
    OpenWire,
    SickTransceiver,
    WireBitErrors,
    WireBursts,
    WireFault,
    WrongSamplePoint,
)
from v2g_bench.plant.host import PlantProcess


def config(channel: str, *, physics: bool) -> dict[str, Any]:
    return {
        "seed": 1,
        "dbc": str(dbc_path("v2g_bms_fd")),
        "roles": read_roles(roles_path("v2g_bms_fd")),
        "bus": {"interface": "v2g_userland", "channel": channel, "physics": physics},
        "meters": {},
    }


def eventually(condition: Callable[[], Any], within_s: float = 8.0) -> Any:
    until_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.01)
    return value


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PlantProcess, Capture]]:
    folder = tmp_path_factory.mktemp("wire")
    with (
        HubProcess(folder / "bus", WireSettings(seed=1)) as hub,
        open_bus("v2g_userland", hub.path, name="bench") as bench,
        open_bus(
            "v2g_userland", hub.path, own_echo=False
        ),  # the controller's place: it acknowledges, and reads nothing
        PlantProcess(config(hub.path, physics=True), folder) as plant,
        Capture(bench) as capture,
    ):
        yield plant, capture


@pytest.mark.parametrize(
    "fault",
    [
        WireBitErrors(rate=1e-3),
        WireBursts(),
        MissingTerminator(),
        DominantShort(),
        OpenWire(),
        SickTransceiver(),
        WrongSamplePoint("bench"),
        BabblingNode(),
        BabblingNode(load_pct=60, frame_id=0x7FF, length=64),
    ],
    ids=str,
)
def test_each_fault_of_the_wire_is_proven_by_its_counters_and_the_bms_is_back_after_it(setup, fault: WireFault):
    plant, capture = setup
    client, expected = plant.client, fault.readback()
    before = client.wire()
    injection = client.inject(fault)

    def proven() -> bool:
        nonlocal before
        since, now = before, client.wire()
        before = expected.next_before(since, now)
        return expected.met_by(since, now)

    try:
        eventually(proven)
    finally:
        client.clear(injection)
    assert client.wire()["conditions"] == []

    def received() -> bool:
        return len(capture.frames(0x80, time.monotonic() - 0.1)) >= 5

    eventually(received)
    assert plant.poll() is None
    assert capture.counters.lost == 0


def test_a_bus_without_physics_refuses_a_fault_of_the_wire(tmp_path: Path):
    with HubProcess(tmp_path / "bus") as hub, PlantProcess(config(hub.path, physics=False), tmp_path) as plant:
        with pytest.raises(BenchError, match="no wire that could be disturbed"):
            plant.client.inject(DominantShort())
        with pytest.raises(BenchError, match="has no physics"):
            plant.client.wire()


def test_a_plant_that_is_promised_a_wire_and_finds_none_does_not_start(tmp_path: Path):
    with HubProcess(tmp_path / "bus") as hub, pytest.raises(BenchError, match="the hub has no wire"):
        PlantProcess(config(hub.path, physics=True), tmp_path).start()
