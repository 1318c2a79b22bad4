"""How the nodes of a run open their buses: hubs where the kernel lacks what the rig asks for, or an error."""

import socket

import pytest

from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts import buses
from v2g_bench.rig.parts.buses import open_buses, runtime_folder
from v2g_bench.rig.safety.supervisor_client import SupervisorClient


@pytest.fixture
def opened():
    """open_buses with its notes; what it opened is closed, the last first."""
    closers, notes = [], []

    def later(name, close):
        closers.append((name, close))

    def opened(rig, strict=False):
        supervisor = SupervisorClient()  # not started: nobody listens
        runtime = runtime_folder(supervisor, later)
        return (
            *open_buses(load_rig(rig), runtime, supervisor, seed=1, strict=strict, note=notes.append, later=later),
            notes,
        )

    opened.names = lambda: [name for name, _ in closers]
    yield opened
    for _, close in reversed(closers):
        close()


@pytest.fixture
def kernel(monkeypatch):
    """Which SocketCAN channels this kernel has."""
    channels = set()
    monkeypatch.setattr(
        buses, "socketcan_problem", lambda channel, **_: None if channel in channels else f"no {channel}\nadd {channel}"
    )
    return channels


def test_one_bus_of_its_own(opened):
    chosen, words, notes = opened("virtual")
    assert (list(chosen), words, notes) == (["main"], "userland bus, CAN FD", [])
    UserlandBus(chosen["main"]["channel"]).shutdown()


def test_two_buses_are_two_hubs(opened, kernel):
    chosen, _, notes = opened("gateway")
    assert len({choice["channel"] for choice in chosen.values()}) == 2
    assert notes == [f"userland bus in place of SocketCAN {name}: no {name}" for name in ("vcan1", "vcan0")]
    assert opened.names() == ["runtime folder", "userland bus hub bms", "userland bus hub ems"]


def test_socketcan_where_it_is(opened, kernel):
    kernel.update(("vcan0", "vcan1"))
    chosen, words, notes = opened("gateway", strict=True)
    assert (chosen["bms"]["channel"], chosen["ems"]["channel"]) == ("vcan1", "vcan0")
    assert (words, notes) == ("bms: SocketCAN vcan1; ems: SocketCAN vcan0", [])


def test_one_missing_channel_moves_both(opened, kernel):
    kernel.add("vcan0")
    chosen, *_ = opened("gateway")
    assert {choice["interface"] for choice in chosen.values()} == {"v2g_userland"}


def test_strict_means_it(opened, kernel):
    kernel.add("vcan1")
    with pytest.raises(BenchError) as error:
        opened("gateway", strict=True)
    assert (error.value.what, error.value.hint) == ("no vcan0", "add vcan0")
    assert error.value.where.endswith("bus.ems")


def test_hardware_never_falls_back(opened, kernel):
    with pytest.raises(BenchError, match="bus.bms: no can0"):
        opened("hardware-example")


@pytest.mark.skipif(
    hasattr(socket, "AF_CAN") and buses.socketcan_problem("vcan0") is None, reason="this kernel has vcan0"
)
def test_the_note_says_why(opened):
    *_, notes = opened("vcan0")
    assert notes
    assert notes[0].startswith("userland bus in place of SocketCAN vcan0: ")
