"""The rig with the responder: its config names the right bits, and a rig without truth is refused."""

import dataclasses
import tomllib

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.errors import BenchError
from v2g_bench.qualification.responder_config import CONFIG, ROLE, truth_of, with_responder
from v2g_bench.qualification.responder_wire import CommandFrame, Danger
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Sync


@pytest.mark.parametrize("name", ["virtual", "vcan0", "classic"])
def test_the_config_names_the_dangerous_bits(tmp_path, name):
    loaded = load_rig(name)
    rig = with_responder(loaded, tmp_path).rig
    assert rig.dut.name == "responder"
    assert rig.judging == loaded.rig.judging
    config = tomllib.loads((tmp_path / CONFIG).read_text())
    roles = read_roles(loaded.resolve(loaded.rig.bms.roles, "bms.roles"))
    db = BusDatabase.load(loaded.resolve(loaded.rig.bms.dbc, "bms.dbc"), roles)
    hot, danger = db.message_of(ROLE), Danger(**config["danger"])
    for celsius, dangerous in ((45.0, False), (46.0, True), (-10.0, False)):
        message = db.encode(hot.name, {ROLE: celsius}, 3)
        assert danger.is_in(message.arbitration_id, message.is_extended_id, bytes(message.data)) is dangerous
    closed = CommandFrame(**config["command"]).message(closed=True)
    assert db.decode(closed)["contactor_request"] == 1


def test_with_real_parts_the_mark_is_the_truth_and_is_left_to_the_responder(tmp_path):
    loaded = load_rig("hardware-example")
    assert truth_of(loaded) == "mark"
    rig = with_responder(loaded, tmp_path).rig
    assert (rig.sync.trigger, rig.sync.mark) == (17, None)
    config = tomllib.loads((tmp_path / CONFIG).read_text())
    assert config["line"] == {"kind": "gpio", "device": "/dev/gpiochip0", "mark": 27, "inverted": False}
    assert not {"inverter", "command"} & set(config)  # nothing is said in the place of a controller that may be there


def test_the_emulated_line_can_be_the_truth_too(tmp_path):
    rig = with_responder(load_rig("virtual"), tmp_path, "mark").rig
    assert rig.sync.kind == "emulated"
    assert tomllib.loads((tmp_path / CONFIG).read_text())["line"] == {"kind": "emulated", "mark": "", "inverted": False}


def test_a_rig_without_truth_is_refused(tmp_path):
    loaded = load_rig("hardware-example")
    bare = dataclasses.replace(loaded, rig=loaded.rig.model_copy(update={"sync": Sync(kind="none")}))
    with pytest.raises(BenchError, match=r"(?s)sync: .*none is described.*sync\.mark"):
        with_responder(bare, tmp_path)
    with pytest.raises(BenchError, match="--truth=mark"):
        with_responder(load_rig("hardware-example"), tmp_path, "plant")
