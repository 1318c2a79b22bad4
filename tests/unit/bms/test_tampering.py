"""What leaves in place of a frame: which counter, which content, whether its checksum fits, and when."""

import pytest

from v2g_bench.bms.disturbance import QUIET, Disturbance, DisturbanceSettings
from v2g_bench.bms.tampering import FOREIGN, MANNERS, WITHOUT_VALUES, Tampering, in_scope
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import COUNTER_BYTE, check
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path

DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
SAFETY, HEARTBEAT, CELLS = "BMS_Safety", "BMS_Heartbeat", "BMS_CellVoltages1"
DATA_ID = DB.message(SAFETY).e2e.data_id


def frame(number, message=SAFETY):
    return DB.encode(message, {"cell_temperature_max": 20.0 + number} if message == SAFETY else {}, 250 + number)


def sent(what, count=8, message=SAFETY):
    """(time, counter, temperature, fits) of what leaves for the frames 1 to `count`, each 10 ms, after frame 0 passed."""
    path = Disturbance(1, DB)
    path.transmit(frame(0, message), 0.0)
    path.settings = DisturbanceSettings(tampering=what)
    leaving = [one for number in range(1, count + 1) for one in path.transmit(frame(number, message), number / 100)]
    return [
        (
            round(one.at_s, 4),
            one.frame.data[COUNTER_BYTE],
            DB.decode(one.frame).get("cell_temperature_max"),
            check(one.frame.data, DATA_ID),
        )
        for one in leaving
    ]


def counters(what, count=8):
    return [counter for _, counter, _, fits in sent(what, count) if fits]


def test_frozen_frames_are_the_last_one_from_before():
    assert {seen[1:] for seen in sent(Tampering("freeze"))} == {(250, 20.0, True)}


def test_one_of_some_is_new():
    assert counters(Tampering("freeze", good_of=2)) == [250, 252, 252, 254, 254, 0, 0, 2]
    assert counters(Tampering("freeze", good_of=4)) == [250, 250, 250, 254, 254, 254, 254, 2]


def test_each_second_checksum_is_wrong():
    assert [fits for *_, fits in sent(Tampering("damage", good_of=2))] == [False, True] * 4


def test_what_is_dropped_was_never_counted():
    assert sent(Tampering("drop")) == []
    assert [seen[:2] for seen in sent(Tampering("drop", good_of=4))] == [(0.04, 251), (0.08, 252)]


def test_out_of_order():
    assert counters(Tampering("swap")) == [252, 251, 254, 253, 0, 255, 2, 1]


@pytest.mark.parametrize(("step", "found"), [(4, [254, 2, 6]), (255, [249, 248, 247])])
def test_every_counter_is_a_step_further(step, found):
    assert counters(Tampering("stride", step=step), 3) == found


def test_one_jump():
    assert counters(Tampering("jump", step=3), 4) == [253, 254, 255, 0]


def test_a_sender_that_restarts():
    seen = sent(Tampering("restart"), WITHOUT_VALUES + 2)
    assert [counter for _, counter, _, fits in seen if fits] == list(range(WITHOUT_VALUES + 2))
    assert [value for _, _, value, _ in seen] == [None] * WITHOUT_VALUES + [24.0, 25.0]


def test_a_second_sender_has_old_values_and_a_counter_of_its_own():
    seen = sent(Tampering("second"), 2)
    foreign = (250 + FOREIGN) & 0xFF
    assert seen == [
        (0.01, 251, 21.0, True),
        (0.015, foreign, 20.0, True),
        (0.02, 252, 22.0, True),
        (0.025, foreign + 1, 20.0, True),
    ]


def test_a_short_frame_is_protected_and_decoded_by_nobody():
    (_, counter, value, fits), *_ = sent(Tampering("shorten"))
    assert (counter, value, fits) == (251, None, True)


def test_a_count_is_written_and_protected():
    hot = DB.codec("cell_temperature_max").count(60.0)
    assert [seen[1:] for seen in sent(Tampering("write", role="cell_temperature_max", raw=hot), 2)] == [
        (251, 60.0, True),
        (252, 60.0, True),
    ]


def test_other_messages_pass():
    assert [seen[1] for seen in sent(Tampering("write", role="soc", raw=1), 2)] == [251, 252]
    assert [seen[1] for seen in sent(Tampering("drop", scope="heartbeat"), 2)] == [251, 252]


@pytest.mark.parametrize("manner", ["damage", "stride", "jump"])
def test_a_message_without_protection_has_nothing_to_spoil(manner):
    assert len(sent(Tampering(manner, step=9), 3, CELLS)) == 3


@pytest.mark.parametrize(
    ("message", "scopes"),
    [
        (SAFETY, {"all", "safety", "all but heartbeat"}),
        (HEARTBEAT, {"all", "heartbeat"}),
        (CELLS, {"all", "all but heartbeat"}),
    ],
)
def test_scopes(message, scopes):
    known = ("all", "safety", "heartbeat", "all but heartbeat")
    assert {one for one in known if in_scope(DB, DB.message(message), one)} == scopes


@pytest.mark.parametrize("manner", [one for one in MANNERS if one != "write"])
def test_afterwards_frames_pass_and_it_begins_anew(manner):
    path, what = Disturbance(1, DB), Tampering(manner, step=7)
    path.transmit(frame(0), 0.0)
    for _ in range(2):
        path.settings = DisturbanceSettings(tampering=what)
        first = [bytes(one.frame.data) for one in path.transmit(frame(1), 0.01)]
        path.settings = QUIET
        assert [bytes(one.frame.data) for one in path.transmit(frame(0), 0.02)] == [bytes(frame(0).data)]
    path.settings = DisturbanceSettings(tampering=what)
    assert [bytes(one.frame.data) for one in path.transmit(frame(1), 0.03)] == first
