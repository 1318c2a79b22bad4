import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import (
    BmsFrozen,
    BmsSilence,
    BusExpectation,
    CellApart,
    CellImbalance,
    CellVoltage,
    CellVoltages,
    ColdCell,
    ContinuousRating,
    EmiNoise,
    Expectation,
    Fault,
    ImbalanceCode,
    OverCurrent,
    OverTemperature,
    PackTemperature,
    PowerLimit,
    SocDivergence,
    StateOfCharge,
    StringVoltageDifference,
    TamperedFrames,
    ThermalGradient,
    WornBattery,
    spread_ms,
)
from v2g_bench.instruments.registry import open_meter
from v2g_bench.inverter.client import InverterClient
from v2g_bench.plant.host import PlantProcess
from v2g_bench.rig.parts.traffic import window

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


def test_the_truth_of_the_pack_is_asked_for_by_the_supervisor_and_never_what_the_bms_says(setup: Setup):
    setup.client.inject(OverTemperature(cell=17, to_c=125.0))
    started_s = time.monotonic()
    eventually(lambda: setup.roles(started_s).get("cell_temperature_max", 0.0) > 120.0)
    first = setup.client.truth_pack()
    assert first["cell_temperature_max"] < 30.0
    eventually(lambda: setup.client.truth_pack()["time_s"] > first["time_s"])
    with pytest.raises(BenchError, match="there is no cell 97"):
        setup.client.heat_cell(97, 1.0)
    setup.client.heat_cell(17, 1e6)
    eventually(lambda: setup.client.truth_pack()["cell_temperature_max"] > 300.0)
    setup.client.reset()
    assert setup.client.truth_pack()["cell_temperature_max"] < 30.0


SENSED = [
    CellApart(cell=17, to_v=4.11, others_v=4.05),
    CellImbalance(),
    CellVoltage(cell=96, to_v=4.2),
    CellVoltages(to_v=4.11),
    ColdCell(cell=3, to_c=-5.0),
    ContinuousRating(to_w=1000),
    ImbalanceCode(),
    OverCurrent(),
    OverTemperature(cell=17, to_c=45.5),
    OverTemperature(cell=1, to_c=40.0, ramp_k_per_s=100.0),
    PackTemperature(to_c=40),
    PowerLimit("charge", to_w=1500),
    PowerLimit("discharge", to_w=1500),
    SocDivergence(by_pct=-7),
    StateOfCharge(to_pct=25),
    StringVoltageDifference(to_mv=320),
    ThermalGradient(to_k=9.5, module=3),
    WornBattery(soh_pct=79.9),
]


@pytest.mark.parametrize("fault", SENSED, ids=str)
def test_each_sensed_fault_is_on_the_bus_and_gone_after_it_is_cleared(setup: Setup, fault: Fault):
    start_s = time.monotonic()
    expected = fault.readback()
    assert isinstance(expected, Expectation)
    before = eventually(lambda: (seen := setup.roles(start_s)) and set(expected.roles()) <= seen.keys() and seen)
    assert not expected.met_by(before, before)

    injected_s = time.monotonic()
    number = setup.client.inject(fault)
    after = eventually(lambda: expected.met_by(seen := setup.roles(injected_s), before) and seen)
    for role, value in fault.signals(before).items():
        margin = max(expected.tolerance + 0.01, setup.db.resolution(role) + 0.1)
        assert after[role] == pytest.approx(value, abs=margin)

    setup.client.clear(number)
    cleared_s = time.monotonic()
    eventually(lambda: (seen := setup.roles(cleared_s)) and set(expected.roles()) <= seen.keys() and seen)
    assert not expected.met_by(setup.roles(cleared_s), before)


@pytest.mark.parametrize(
    "fault",
    [
        BmsFrozen(),
        BmsSilence(),
        EmiNoise(loss_pct=30),
        EmiNoise(flip_pct=30, burst_frames=3),
        EmiNoise(duplicate_pct=30),
        EmiNoise(jitter_ms=6),
        TamperedFrames("freeze", good_of=2),
        TamperedFrames("damage", good_of=2),
        TamperedFrames("swap"),
        TamperedFrames("stride", step=4),
        TamperedFrames("second"),
        TamperedFrames("shorten"),
        TamperedFrames("drop", scope="safety"),
    ],
    ids=str,
)
def test_each_disturbance_of_the_traffic_is_seen_by_the_receiver(setup: Setup, fault: Fault):
    expected = fault.readback()
    assert isinstance(expected, BusExpectation)

    def observed(since_s: float) -> bool:
        to_s = time.monotonic() - 0.01
        frames = setup.capture.frames(since_s=since_s)
        spreads = [
            spread_ms(frames.of(spec.frame_id, spec.is_extended).timestamp_s, spec.cycle_s)
            for spec in setup.db.senders("BMS")
        ]
        return expected.met_by(replace(window(setup.db, frames, since_s, to_s, expected.scope), spread_ms=max(spreads)))

    setup.client.inject(fault)
    injected_s = time.monotonic() + 0.02
    eventually(lambda: observed(injected_s), within_s=20)
    setup.client.clear_all()
    cleared, cleared_s = setup.client.status(), time.monotonic() + 0.05
    after = eventually(lambda: (now := setup.client.status())["frames_sent"] > cleared["frames_sent"] + 300 and now)
    for what in ("lost", "flipped", "duplicated", "silenced"):
        assert after["disturbance"][what] == cleared["disturbance"][what]
    # A frame that is on its way may still have to wait for an earlier one of its identifier.
    assert after["disturbance"]["delayed"] <= cleared["disturbance"]["delayed"] + 12
    if not isinstance(fault, EmiNoise) or not fault.jitter_ms:  # a busy host jitters by itself
        assert not observed(cleared_s)


def test_an_injection_at_a_time_begins_with_the_first_safety_frame_after_it(setup: Setup):
    begun_s = time.monotonic()  # earlier frames are of the test before, which may have been a hot one
    at_s = begun_s + 0.2
    setup.client.inject(OverTemperature(cell=5, to_c=46.0), at_s=at_s)
    spec = setup.db.message_of("cell_temperature_max")
    frame = setup.capture.wait_for(
        lambda one: setup.db.decode(one.message()).get("cell_temperature_max", 0.0) > 45.0,
        since_s=begun_s,
        timeout_s=5,
    )
    before_s, after_s = setup.client.truth_frame("cell_temperature_max", above=45.0, since_s=begun_s)
    # On an idle machine one cycle; the bound leaves room for a stalled one, of which the frames before would tell.
    times = setup.capture.frames(spec.frame_id, since_s=begun_s).timestamp_s
    previous_s = times[times < frame.timestamp_s].max()
    assert previous_s < at_s + 0.002 <= frame.timestamp_s + 0.002
    assert before_s - 2e-4 <= frame.timestamp_s <= after_s + 2e-4


def test_frames_hold_their_phase_and_their_counters(setup: Setup):
    from v2g_bench.can.e2e import E2EReceiver

    since_s = time.monotonic()
    spec = setup.db.messages["BMS_Safety"]
    frames = eventually(lambda: len(found := setup.capture.frames(spec.frame_id, since_s=since_s)) > 150 and found)
    missed = setup.client.status()["frames_missed"]
    receiver = E2EReceiver(spec.e2e.data_id)
    assert {str(receiver.on_frame(frames.frame(n).data)) for n in range(len(frames))} == {"ok"}
    late = frames.timestamp_s - frames.timestamp_s[0] - spec.cycle_s * np.arange(len(frames))
    if missed == 0:  # a host stall of more than a cycle leaves slots out; then only the phase is held
        assert abs(np.median(late) - np.median(late[:20])) < 0.003


def test_power_set_over_modbus_is_what_the_digitizer_sees(setup: Setup):
    client, controller = setup.client, setup.controller
    controller.until(lambda: client.status()["contactor_state"] == 2)
    with InverterClient("127.0.0.1", setup.plant.modbus_port) as inverter:
        digitizer = open_meter("keysight-34465a", setup.plant.resource("dc_current"), shunt_ohm=0.001, timeout_s=5)
        try:
            inverter.start()
            inverter.set_power_w(-3000)
            controller.until(lambda: abs(client.status()["ac_power_w"] + 3000) < 1)
            digitizer.arm(sample_rate_hz=50_000, before_s=0.02, after_s=0.04)
            controller.command(True)
            pulse = client.sync_pulse()
            controller.command(True)
            wave = digitizer.fetch(pulse.time_s)
            true_a = client.truth_current(pulse.time_s)
        finally:
            digitizer.close()
        assert pulse.half_width_s > 0
        assert true_a < -7
        assert float(np.mean(wave.samples)) == pytest.approx(true_a, abs=0.05 + 0.005 * abs(true_a))
        controller.until(lambda: inverter.reading().ac_power_w == pytest.approx(-3000, abs=5))
        stopped_s = time.monotonic()
        inverter.stop()
        controller.until(lambda: client.truth_isolation(stopped_s - 0.001))
        assert "bridge_stop" in [event for _, event in client.truth_events(stopped_s)]


def test_the_pack_disconnects_when_its_controller_falls_silent(setup: Setup):
    setup.controller.until(lambda: setup.client.status()["contactor_state"] == 2)
    eventually(lambda: setup.client.status()["contactor_state"] == 0, within_s=5)
    assert setup.client.status()["command_timeouts"] > 0


def test_defects_are_set_reported_and_healed_by_a_reset(setup: Setup):
    client = setup.client
    assert client.set_defects("plant", pump_failed=True)["pump_failed"] is True
    assert client.set_defects("meters.ac_power", scale=1.1)["scale"] == 1.1
    with InverterClient("127.0.0.1", setup.plant.modbus_port, timeout_s=0.2) as inverter:
        inverter.identity()
        client.set_defects("inverter", faults=[{"kind": "silence"}])
        with pytest.raises(BenchError):
            inverter.reading()
        client.reset()
    with InverterClient("127.0.0.1", setup.plant.modbus_port) as inverter:
        inverter.reading()
    assert client.set_defects("plant")["pump_failed"] is False
    assert client.set_defects("meters.ac_power")["scale"] == 1.0


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("pump", {}, "there are: plant, inverter, meters.dc_current"),
        ("plant", {"pump_faild": True}, "pump_failed"),
        ("plant", {"pump_failed": 3}, "not a bool"),
        ("meters.ac_power", {"scale": "big"}, "scale: 'big' is not a number from -1000000 to 1000000"),
        ("inverter", {"faults": [{"kind": "silense"}]}, "silence"),
        ("inverter", {"colour": 1}, "faults, local, alarms"),
    ],
)
def test_a_wrong_defect_is_refused_with_what_there_is(setup: Setup, part, values, message):
    with pytest.raises(BenchError, match=message.replace(".", r"\.")):
        setup.client.set_defects(part, **values)


def test_wrong_requests_are_answered_and_the_plant_goes_on(setup: Setup):
    for call, message in [
        (lambda: setup.client.call("injekt"), "inject"),
        (lambda: setup.client.call("clear", injection=1, nummer=1), "nummer"),
        (lambda: setup.client.clear(999_999), "no number 999999"),
        (lambda: setup.client.truth_frame("cell_temprature_max", 1, 0), "cell_temperature_max"),
        (lambda: setup.client.sync_pulse("dc_curent"), "dc_current"),
        (lambda: setup.client.reset(soc_pct=140), "0 to 100"),
        (lambda: setup.client.call("inject", fault={"kind": "nothing"}), "unknown kind"),
        (lambda: setup.client.inject(OverCurrent(), at_s=9e9), "within a day"),
    ]:
        with pytest.raises(BenchError, match=message):
            call()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.connect(setup.plant.ready["control"])
        raw.sendall(b"not json\n")
        assert b"is not JSON" in raw.recv(4096)
    assert setup.client.status()["frames_sent"] > 0


# ---- the process itself


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "bus") as hub:
        yield hub


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


def test_it_stays_well_under_half_a_core(setup: Setup):
    def cpu_s() -> float:
        fields = Path(f"/proc/{setup.plant.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before_s, start_s = cpu_s(), time.monotonic()
    eventually(lambda: time.monotonic() - start_s > 2.0)
    assert (cpu_s() - before_s) / (time.monotonic() - start_s) < 0.5
