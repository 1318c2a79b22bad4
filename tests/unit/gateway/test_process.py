"""The shell around the gateway: what waits when a bus takes nothing, the control socket, and the process on two hubs."""

import json
import os
import signal
import time
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import can
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.can.userland import UserlandBus
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import EmiNoise, OverTemperature
from v2g_bench.gateway.frame import Frame
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.gateway.process import main
from v2g_bench.gateway.rule import Rule
from v2g_bench.gateway.shell import HELD_S, Side

ROLES = read_roles(roles_path("v2g_bms_fd"))
FRAMES = [Frame(0x100 + number, 0, 1, bytes([number])) for number in range(5)]


class Full:
    """A port whose bus takes `room` frames more."""

    lost = 0

    def __init__(self, room):
        self.room, self.taken = room, []

    def write(self, frame):
        if self.room == 0:
            return False
        self.room -= 1
        self.taken.append(frame)
        return True


def test_what_a_full_bus_does_not_take_waits_in_order():
    port = Full(room=1)
    side = Side(port)
    assert [side.send(frame, 0.0) for frame in FRAMES[:3]] == [True, False, False]
    port.room = 10
    assert not side.send(FRAMES[3], 0.01)  # never before those that wait
    side.drain(0.02)
    assert port.taken == FRAMES[:4]
    assert (side.forwarded, side.refused, len(side.held)) == (4, 0, 0)


def test_what_waits_too_long_is_given_up_and_counted():
    port = Full(room=0)
    side = Side(port)
    side.send(FRAMES[0], 0.0)
    side.send(FRAMES[1], HELD_S)
    side.drain(HELD_S + 0.01)
    assert (side.forwarded, side.refused, len(side.held)) == (0, 1, 1)


@pytest.fixture
def setup(tmp_path):
    """A gateway between two hubs, with a BMS's node, the controller's, and the database."""
    with opened(tmp_path) as parts:
        yield parts


@pytest.fixture(scope="module")
def opened_once(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("shared")) as parts:
        yield parts


@pytest.fixture
def shared(opened_once):
    """The same for tests that read no counts: all frames have arrived, and nothing is in force."""
    gateway, *sides, _ = opened_once
    gateway.client.clear_all()
    for side in sides:
        while side.recv(0.0) is not None:
            pass
    return opened_once


@contextmanager
def opened(folder):
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), ROLES)
    with ExitStack() as stack:
        hubs = [stack.enter_context(HubProcess(folder / name)) for name in ("bms", "ems")]
        rates = {"fd": True, "bitrate": 500_000, "data_bitrate": 2_000_000}
        buses = [{"interface": "v2g_userland", "channel": hub.path, **rates} for hub in hubs]
        config = {"dbc": str(dbc_path("v2g_bms_fd")), "roles": ROLES, "bms": buses[0], "controller": buses[1]}
        gateway = GatewayProcess(config, folder / "run")
        gateway.start()
        stack.callback(gateway.stop)
        bms, controller = (stack.enter_context(UserlandBus(hub.path)) for hub in hubs)
        yield gateway, bms, controller, db


def safety(db, counter=0):
    return db.encode("BMS_Safety", {"cell_temperature_max": 25.0, "string_voltage_difference": 0.01}, counter)


def test_both_ways_with_the_fault_between(setup):
    gateway, bms, controller, db = setup
    asked_s = time.monotonic()
    number = gateway.client.inject(OverTemperature(cell=17, to_c=45.5))
    bms.send(safety(db))
    hot = controller.recv(5.0)
    assert db.decode(hot)["cell_temperature_max"] == 45.5
    before_s, after_s = gateway.client.truth_frame("cell_temperature_max", 45.0, asked_s)
    assert asked_s < before_s < after_s < time.monotonic()
    assert gateway.client.truth_frame("cell_temperature_max", 45.0, after_s) is None
    gateway.client.clear(number)
    command = db.encode("EMS_Command", {"contactor_request": 1}, 1)
    controller.send(command)
    assert bms.recv(5.0).data == command.data
    status = gateway.status()
    assert (status["to_controller"], status["to_bms"], status["rewritten"], status["lost"]) == (1, 1, 1, 0)
    assert 0 < status["added_us"]["p50"] <= status["added_us"]["max"]
    gateway.require_whole()


def test_a_delayed_frame_is_late_by_that_much(shared):
    gateway, bms, controller, db = shared
    gateway.rule(Rule(messages=("BMS_Safety",), delay_ms=30.0))
    sent_s = time.time()
    bms.send(safety(db))
    assert controller.recv(5.0).timestamp - sent_s >= 0.030


def test_faults_travel_with_their_time(shared):
    gateway, bms, controller, db = shared
    gateway.client.inject(EmiNoise(loss_pct=100), after_s=3600.0)
    bms.send(safety(db))
    assert controller.recv(5.0).data == safety(db).data
    (waiting,) = gateway.status()["injections"]
    assert (waiting["active"], waiting["fault"]["loss_pct"]) == (False, 100)


def test_what_it_refuses_is_the_callers_error(shared):
    gateway, *_ = shared
    with pytest.raises(BenchError, match="there is no number 9"):
        gateway.client.clear(9)
    with pytest.raises(BenchError, match="unknown operation"):
        gateway.client.call("explode")
    with pytest.raises(BenchError, match="EMS_Command is not sent by the BMS"):
        gateway.rule(Rule(messages=("EMS_Command",), drop=True))


def test_it_ends_with_whoever_started_it(setup):
    gateway, *_ = setup
    process = gateway._process
    process.stdin.close()
    assert process.wait(10) == 0
    gateway._process = None


def test_killed_it_is_missed(setup):
    gateway, *_ = setup
    os.kill(gateway.pid, signal.SIGKILL)
    with pytest.raises(BenchError, match="gateway"):
        gateway.client.status()
    gateway._process.wait(10)
    with pytest.raises(BenchError, match="ended with status -9"):
        gateway.require_whole()
    with pytest.raises(BenchError, match="ended by itself with status -9"):
        gateway.stop()


def test_both_channels_on_one_cable(tmp_path):
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), ROLES)
    with HubProcess(tmp_path / "bus") as hub, UserlandBus(hub.path) as bms:
        bus = {
            "interface": "v2g_userland",
            "channel": hub.path,
            "fd": True,
            "bitrate": 500_000,
            "data_bitrate": 2_000_000,
        }
        config = {"dbc": str(dbc_path("v2g_bms_fd")), "roles": ROLES, "bms": bus, "controller": bus}
        gateway = GatewayProcess(config, tmp_path / "run")
        gateway.start()
        try:
            for counter in range(3):
                bms.send(safety(db, counter))
            assert gateway._process.wait(10) == 3
            with pytest.raises(BenchError, match="are both channels on one cable"):
                gateway.require_alive()
        finally:
            with pytest.raises(BenchError, match="on one cable"):
                gateway.stop()


def test_frames_that_were_lost_are_told_once(monkeypatch, tmp_path):
    gateway, losses = GatewayProcess({}, tmp_path), {"lost": 3, "refused": 1}
    monkeypatch.setattr(GatewayProcess, "require_alive", lambda self: None)
    monkeypatch.setattr(GatewayProcess, "client", SimpleNamespace(call=lambda op: losses))
    with pytest.raises(BenchError, match="3 frames lost and 1 not taken"):
        gateway.require_whole()
    gateway.require_whole()  # of the next test they are no concern
    losses["lost"] = 4
    with pytest.raises(BenchError, match="1 frames lost and 0 not taken"):
        gateway.require_whole()


@pytest.mark.parametrize("content", ["no json", "{}", json.dumps({"dbc": "none.dbc", "roles": {}})])
def test_a_config_that_cannot_be_used(tmp_path, capsys, content):
    path = tmp_path / "gateway.json"
    path.write_text(content)
    assert main([str(path)]) == 2
    assert capsys.readouterr().err


def test_frames_of_others_than_the_bms_pass_both_ways(shared):
    _, bms, controller, _db = shared
    for sender, listener in ((bms, controller), (controller, bms)):
        sender.send(can.Message(arbitration_id=0x7E0, is_extended_id=False, data=b"\x02\x3e\x00"))
        assert listener.recv(5.0).data == b"\x02\x3e\x00"
