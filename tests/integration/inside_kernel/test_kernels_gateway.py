"""The kernel's own CAN gateway as the way of the frames, and the bench's in turn, between vcan1 and vcan0 of a real kernel."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import can
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from slcan_adapter import wait_until

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.kernelbus import KernelBus
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, EmiNoise, OverTemperature
from v2g_bench.gateway import cangw
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.gateway.rule import Rule
from v2g_bench.rig.safety.supervisor_client import SupervisorClient

RATES = {"bitrate": 500_000, "data_bitrate": 2_000_000}
STRANGERS = [
    can.Message(arbitration_id=0x7E0, is_extended_id=False, data=b"\x02\x3e\x00"),
    can.Message(arbitration_id=0x18DA10F1, is_extended_id=True, is_fd=True, bitrate_switch=True, data=bytes(range(64))),
    can.Message(arbitration_id=0x001, is_extended_id=False, is_remote_frame=True, dlc=4),
]


class World:
    """A gateway between a BMS's node on vcan1 and the controller's on vcan0."""

    def __init__(self, folder, path, name):
        self.db = BusDatabase.load(dbc_path(name), read_roles(roles_path(name)))
        fd = name == "v2g_bms_fd"
        bms, controller = ({"interface": "socketcan", "channel": one, "fd": fd, **RATES} for one in ("vcan1", "vcan0"))
        config = {"dbc": str(dbc_path(name)), "roles": read_roles(roles_path(name)), "path": path}
        self.gateway = GatewayProcess(config | {"bms": bms, "controller": controller}, folder)
        self.bms, self.controller = KernelBus("vcan1", own_echo=False), KernelBus("vcan0", own_echo=False)

    def close(self):
        for bus in (self.bms, self.controller):
            bus.shutdown()
        self.gateway.stop()

    def sound(self, message):
        spec = self.db.message("BMS_Safety")
        return check(message.data[: spec.length], spec.e2e.data_id)

    def safety(self, counter=0):
        return self.db.encode("BMS_Safety", {"cell_temperature_max": 25.0, "string_voltage_difference": 0.01}, counter)

    def hot(self, message):
        return self.db.decode(message)["cell_temperature_max"]


@pytest.fixture
def world(vcans, tmp_path):
    """world(path, database): a gateway that runs. No job is left at the end."""
    opened = []

    def world(path, name="v2g_bms_fd"):
        opened.append(World(tmp_path / str(len(opened)), path, name))
        opened[-1].gateway.start()
        return opened[-1]

    yield world
    for one in opened:
        one.close()
    assert cangw.found() == []


def through(sender, listener, message):
    """Send a frame; it must be the next on the other side."""
    sender.send(message)
    received = listener.recv(5.0)
    assert received is not None
    assert received.equals(message, timestamp_delta=None, check_channel=False, check_direction=False)


@pytest.mark.parametrize("path", ["kernel", "auto"])
def test_every_frame_passes_once_and_in_the_kernel(world, path):
    one = world(path)
    assert one.gateway.ready["way"] == "kernel"
    for message in STRANGERS:
        through(one.bms, one.controller, message)
        through(one.controller, one.bms, message)
    through(one.bms, one.controller, one.safety())
    through(one.controller, one.bms, one.db.encode("EMS_Command", {"contactor_request": 1}, 1))
    one.bms.send(one.db.encode("EMS_Command", {"contactor_request": 1}, 1))  # on the wrong side
    one.controller.send(one.safety())
    assert one.controller.recv(0.3) is None
    assert one.bms.recv(0.0) is None
    status = one.gateway.status()
    assert (status["way"], status["to_controller"], status["to_bms"], status["lost"]) == ("kernel", 4, 4, 0)
    assert 0 < status["added_us"]["p50"] <= status["added_us"]["max"] < 20_000
    one.gateway.require_whole()


def test_a_rewrite_in_the_kernel_is_what_the_bench_would_write(world):
    """On a database without end-to-end protection."""
    frames = {}
    for path in ("kernel", "bench"):
        one = world(path, "compact_classic")
        sent = one.db.encode("BATT_CELL", {"cell_temperature_max": 25.0, "cell_temperature_min": 24.0}, 0)
        through(one.bms, one.controller, sent)
        number = one.gateway.client.inject(OverTemperature(cell=17, to_c=45.5))
        one.bms.send(sent)
        frames[path] = one.controller.recv(5.0)
        assert one.hot(frames[path]) == 45.5
        one.gateway.client.clear(number)
        through(one.bms, one.controller, sent)
        assert one.gateway.status()["way"] == path
        one.close()
    assert frames["kernel"].data == frames["bench"].data


def test_a_fault_to_come_comes_in_the_kernel_at_its_time(world):
    one = world("kernel", "compact_classic")
    sent = one.db.encode("BATT_CELL", {"cell_temperature_max": 25.0}, 0)
    begun_s = time.monotonic()
    one.gateway.client.inject(OverTemperature(cell=17, to_c=45.5), at_s=begun_s + 0.5)
    seen = []
    while not seen or seen[-1][1] < 40:
        assert time.monotonic() < begun_s + 20
        sent_s = time.monotonic()
        one.bms.send(sent)
        seen.append((sent_s - begun_s, one.hot(one.controller.recv(5.0))))
    assert seen[0][1] == 25.0
    assert seen[-1][0] > 0.49
    assert one.gateway.client.truth_frame("cell_temperature_max", 40.0, begun_s) is not None


def test_silence_and_a_wrong_crc_in_the_kernel(world):
    one = world("kernel")
    number = one.gateway.client.inject(BmsSilence())
    one.bms.send(one.safety())
    through(one.controller, one.bms, STRANGERS[0])
    assert one.controller.recv(0.2) is None
    one.gateway.client.clear(number)
    number = one.gateway.rule(Rule(write={"cell_temperature_max": 60.0}, crc="stale"))
    one.bms.send(one.safety())
    received = one.controller.recv(5.0)
    assert one.hot(received) == 60.0
    assert not one.sound(received)
    one.gateway.client.clear(number)
    number = one.gateway.rule(Rule(messages=("BMS_Safety",), drop=True))
    one.bms.send(one.safety())
    through(one.bms, one.controller, STRANGERS[0])
    one.gateway.client.clear(number)
    through(one.bms, one.controller, one.safety())


def test_what_the_kernel_cannot_do_is_refused_or_done_by_the_bench(world):
    one = world("kernel")
    for fault, why in (
        (OverTemperature(cell=17, to_c=45.5), "BMS_Safety is protected end to end: can-gw cannot compute that CRC"),
        (EmiNoise(loss_pct=20), "can-gw neither loses, flips, repeats nor delays frames by chance"),
    ):
        with pytest.raises(BenchError, match=why) as error:
            one.gateway.client.inject(fault)
        assert 'path = "auto" or "bench"' in error.value.hint
    with pytest.raises(BenchError, match="can-gw neither delays nor repeats frames"):
        one.gateway.rule(Rule(messages=("BMS_Safety",), delay_ms=5.0))
    assert one.gateway.status()["injections"] == []
    through(one.bms, one.controller, one.safety())
    one.close()
    one = world("auto")
    number = one.gateway.client.inject(OverTemperature(cell=17, to_c=45.5))
    assert one.gateway.status()["way"] == "bench"
    assert cangw.found() == []
    one.bms.send(one.safety())
    received = one.controller.recv(5.0)
    assert one.hot(received) == 45.5
    assert one.sound(received)
    one.gateway.client.clear(number)
    through(one.bms, one.controller, one.safety())
    assert one.gateway.status()["way"] == "kernel"


def test_no_frame_is_lost_or_doubled_when_they_take_over_from_each_other(world):
    one, count, turns = world("auto"), 3000, 0
    sent = threading.Event()

    def send():
        for number in range(count):
            data = number.to_bytes(4, "little")
            one.bms.send(can.Message(arbitration_id=0x600 + number % 7, is_extended_id=False, data=data))
            if number % 3 == 0:
                one.controller.send(can.Message(arbitration_id=0x700, is_extended_id=False, data=data))
            time.sleep(0.001)
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    while not sent.wait(0.02):
        number = one.gateway.client.inject(EmiNoise(loss_pct=1e-9))
        one.gateway.client.clear(number)
        turns += 2
    sender.join()
    for bus, low, wanted in ((one.controller, 0x600, range(count)), (one.bms, 0x700, range(0, count, 3))):
        received = []
        while (message := bus.recv(0.5)) is not None:
            if low <= message.arbitration_id < low + 7:
                received.append(int.from_bytes(message.data, "little"))
        assert sorted(received) == list(wanted), f"{turns} turns"
    assert turns >= 10
    assert one.gateway.status()["handovers"] == turns
    one.gateway.require_whole()


def test_jobs_end_with_the_process_and_after_kill_9_by_the_supervisor(world, tmp_path):
    one = world("kernel")
    supervisor = SupervisorClient(tmp_path / "supervisor.jsonl")
    supervisor.start()
    try:
        supervisor.send("gateway", channels=["vcan1", "vcan0"], pid=one.gateway.pid)
        supervisor.send("child", pid=one.gateway.pid)
        os.kill(one.gateway.pid, signal.SIGKILL)
        wait_until(lambda: cangw.found() == [])
        one.bms.send(one.safety())
        assert one.controller.recv(0.3) is None
    finally:
        supervisor.close()
    assert "jobs removed from the kernel's CAN gateway" in (tmp_path / "supervisor.jsonl").read_text()
    with pytest.raises(BenchError, match="ended by itself with status -9"):
        one.gateway.stop()


def test_what_a_killed_bench_has_left_is_replaced_and_a_strangers_job_is_not_touched(world):
    left = world("kernel")
    os.kill(left.gateway.pid, signal.SIGKILL)
    wait_until(lambda: left.gateway.poll() is not None)
    assert cangw.found()
    strangers = ["-s", "vcan0", "-d", "vcan1", "-f", "7F0:7FF", "-u", "DECAF", "-m", f"AND:D:0.0.{'FF' * 8}"]
    if (program := shutil.which("cangw")) is not None:
        subprocess.run([program, "-A", *strangers], check=True)
    try:
        one = world("kernel")
        through(one.bms, one.controller, one.safety())
        one.gateway.stop()
        assert [job.ours for job in cangw.found()] == ([] if program is None else [False])
    finally:
        if program is not None:
            subprocess.run([program, "-D", *strangers], check=True)
    with pytest.raises(BenchError, match="ended by itself with status -9"):
        left.gateway.stop()


def test_without_the_right_it_says_so_and_auto_forwards_by_itself():
    program = "from v2g_bench.gateway import cangw; print(cangw.problem())"
    done = subprocess.run(
        ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CAP_NET_ADMIN" in done.stdout
    assert cangw.problem() is None


def test_both_channels_on_one_cable(vcans, tmp_path):
    """What the BMS sends is on the controller's channel already: forwarded, it would go round for ever."""
    one, ended = World(tmp_path, "kernel", "v2g_bms_fd"), threading.Event()

    def cable():
        while not ended.wait(0.02):
            one.bms.send(one.safety())
            one.controller.send(one.safety())

    thread = threading.Thread(target=cable)
    thread.start()
    try:
        with pytest.raises(BenchError, match="are both channels on one cable"):
            one.gateway.start()
    finally:
        ended.set()
        thread.join()
        one.close()
    assert cangw.found() == []
