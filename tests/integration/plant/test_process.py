"""How the process ends, and which configuration it refuses."""

import json
import os
import signal
import subprocess
import sys

import pytest

from v2g_bench.can.hub import HubProcess
from v2g_bench.errors import BenchError
from v2g_bench.plant.host import PlantProcess

from .conftest import alive, config, eventually


def test_it_ends_on_sigterm_with_status_0_and_leaves_no_socket(hub, tmp_path):
    plant = PlantProcess(config(hub.path), tmp_path)
    plant.start()
    pid = plant.pid
    os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: plant.poll() is not None and [plant.poll()]) == [0]
    assert not (tmp_path / "control").exists()
    with pytest.raises(BenchError, match="ended by itself with status 0"):
        plant.stop()
    assert not alive(pid)


def test_shutdown_is_answered_before_it_ends(hub, tmp_path):
    plant = PlantProcess(config(hub.path), tmp_path)
    plant.start()
    plant.client.shutdown()
    assert eventually(lambda: plant.poll() is not None and [plant.poll()]) == [0]
    with pytest.raises(BenchError, match="status 0"):
        plant.stop()


def test_a_parent_killed_outright_leaves_no_plant(hub, tmp_path):
    script = (
        "import json, sys, time\n"
        "from v2g_bench.plant.host import PlantProcess\n"
        "plant = PlantProcess(json.loads(sys.argv[1]), sys.argv[2])\n"
        "plant.start()\n"
        "print(plant.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", script, json.dumps(config(hub.path)), str(tmp_path)]
    parent = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        parent.wait(10)
        eventually(lambda: not alive(pid))
    finally:
        parent.kill()
        parent.wait(10)
        parent.stdout.close()


def test_a_dead_bus_ends_it_with_status_3_and_says_so(tmp_path):
    hub = HubProcess(tmp_path / "bus")
    hub.start()
    plant = PlantProcess(config(hub.path), tmp_path)
    try:
        plant.start()
    finally:
        hub.stop()
    assert eventually(lambda: plant.poll() is not None and [plant.poll()]) == [3]
    with pytest.raises(BenchError, match=r"status 3: bus: .*the hub"):
        plant.stop()


def test_a_defect_of_the_bench_ends_it_with_status_1_and_a_trace(tmp_path):
    (tmp_path / "plant.json").write_text(json.dumps({"control": str(tmp_path / "control")}))
    script = (
        "import sys\n"
        "from v2g_bench.plant import process, world\n"
        "def broken(self, now_s): raise KeyError('broken')\n"
        "world.World.advance = broken\n"
        "sys.exit(process.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "plant.json")]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert b"KeyError: 'broken'" in ended.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sead": 3}, r"plant\.json: sead"),
        ({"plant": {"cells": 95}}, "cannot be split"),
        ({"dbc": "nowhere.dbc"}, r"nowhere\.dbc: cannot be read"),
        ({"roles": {"soc": "BMS_PackStatus.Charge"}}, "has no signal 'Charge'"),
        ({"bus": {"interface": "v2g_userland", "channel": "/nowhere"}}, "no CAN hub is here"),
        ({"meters": {"dc": {"driver": "keysigth-34465a"}}}, "keysight-34465a"),
        ({"meters": {"dc": {"driver": "keysight-34465a", "shunt_oms": 1}}}, r"meters\.dc: unknown option 'shunt_oms'"),
        ({"inverter": {"unit": 1}}, r"inverter\.unit"),
        ({"control": "/tmp/" + "x" * 120}, "longer than 107 bytes"),
    ],
)
def test_a_wrong_config_is_refused_with_status_2_and_its_key(hub, tmp_path, change, message):
    plant = PlantProcess({**config(hub.path), **change}, tmp_path)
    with pytest.raises(BenchError, match=f"(?s)did not start.*{message}"):
        plant.start()
    status = subprocess.run(
        [sys.executable, "-m", "v2g_bench.plant.process", str(tmp_path / "plant.json")],
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert status.returncode == 2
    assert b"Traceback" not in status.stderr
    assert status.stdout == b""
