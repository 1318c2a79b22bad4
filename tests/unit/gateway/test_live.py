"""What the gateway believes of what the BMS said last."""

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.gateway.live import Live


@pytest.fixture(scope="module")
def db():
    return BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


def test_nothing_is_known_before_it_is_heard(db):
    live = Live(db)
    assert live.get("soc") is None
    assert len(live) == 0


def test_the_newest_frame_counts_and_a_damaged_one_does_not(db):
    live = Live(db)
    frame = db.encode("BMS_PackStatus", {"soc": 61.5}, 1)
    live.received[frame.arbitration_id, False] = bytes(frame.data)
    assert live["soc"] == 61.5
    assert set(live) == {role for role in db.roles_of("BMS_PackStatus") if role in live}
    frame.data[-1] ^= 1
    live.received[frame.arbitration_id, False] = bytes(frame.data)
    assert live.get("soc") is None
    live.received[frame.arbitration_id, False] = b"short"
    assert live.get("soc") is None
