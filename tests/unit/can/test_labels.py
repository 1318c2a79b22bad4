"""Value tables: which counts have no value, and what the others stand for."""

import can
import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.labels import WORDED, Contradiction, meanings, no_value
from v2g_bench.can.trace import signal as traced
from v2g_bench.errors import BenchError

DBC = """VERSION ""
BU_: BMS EMS
BO_ {state} STATE: 8 BMS
 SG_ Contactor : 0|4@1+ (1,0) [0|15] "" EMS
 SG_ Flag : 4|2@1+ (1,0) [0|3] "" EMS
 SG_ Hot : 8|8@1+ (1,-40) [-40|215] "degC" EMS
 SG_ Delta : 16|16@1+ (1,0) [0|65535] "mV" EMS
 SG_ Soc : 32|10@1+ (0.1,0) [0|100] "%" EMS
BO_ 2 CMD: 8 EMS
 SG_ Request : 0|2@1+ (1,0) [0|3] "" BMS
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "GenMsgCycleTime" 20;
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
{frame}
{values}
"""
J1939 = 0x98F10203
ROLES = {
    "contactor_state": "STATE.Contactor",
    "over_current": "STATE.Flag",
    "cell_temperature_max": "STATE.Hot",
    "string_voltage_difference": "STATE.Delta",
    "soc": "STATE.Soc",
    "contactor_request": "CMD.Request",
}
TURNED = """VAL_ {state} Contactor 0 "SNA" 1 "CLOSED" 2 "OPEN" 3 "PRECHARGE" 15 "not available" ;
VAL_ 2 Request 0 "CLOSE" 1 "OPEN" ;"""


@pytest.fixture
def database(tmp_path):
    def made(values="", state=1, roles=None):
        path = tmp_path / "own.dbc"
        frame = f'BA_ "VFrameFormat" BO_ {state} 3;' if state == J1939 else ""
        path.write_text(DBC.format(state=state, frame=frame, values=values.format(state=state)))
        return BusDatabase.load(path, ROLES | (roles or {}))

    return made


def raw(db, message, data):
    spec = db.message(message)
    return db.decode(
        can.Message(arbitration_id=spec.frame_id, is_extended_id=spec.is_extended, data=data.ljust(8, b"\0"))
    )


@pytest.mark.parametrize(("count", "meaning"), [(0, None), (1, 2.0), (2, 0.0), (3, 1.0), (7, None), (15, None)])
def test_a_count_means_what_its_label_says(database, count, meaning):
    db = database(TURNED)
    assert raw(db, "STATE", bytes([count])).get("contactor_state") == meaning


@pytest.mark.parametrize(("meaning", "count"), [(0.0, 2), (1.0, 3), (2.0, 1)])
def test_a_meaning_is_sent_as_its_label_counts(database, meaning, count):
    db = database(TURNED)
    sent = db.encode("STATE", {"contactor_state": meaning, "soc": 50.0}, 0)
    assert sent.data[0] & 0xF == count
    assert db.decode(sent)["contactor_state"] == meaning


def test_a_request_is_turned_as_well(database):
    assert [database(TURNED).encode("CMD", {"contactor_request": value}, 0).data[0] for value in (0.0, 1.0)] == [1, 0]


def test_without_a_table_the_numbers_of_the_role_hold(database):
    assert raw(database(), "STATE", b"\x02")["contactor_state"] == 2.0


def test_a_trace_reads_the_same_words(database):
    db, store = database(TURNED), FrameStore()
    for at, count in enumerate((1, 2, 0, 3)):
        store.append(float(at), -1, 1, 0, 8, bytes([count]).ljust(8, b"\0"))
    times, values = traced(store.since(0.0), db, "contactor_state")
    assert (list(times), list(values)) == ([0.0, 1.0, 3.0], [2.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("values", "roles", "what"),
    [
        ('VAL_ {state} Contactor 0 "open" 1 "run" ;', {}, "'closed'"),
        ('VAL_ {state} Contactor 0 "red" 1 "blue" ;', {}, "'closed', .*'open'"),
        ('VAL_ {state} Flag 0 "left" 1 "right" ;', {}, "'set'"),
        (TURNED, {"contactor_state": {"signal": "STATE.Contactor", "invert": True}}, "which count means what"),
        (TURNED, {"contactor_state": {"signal": "STATE.Contactor", "labels": {"UP": "closed"}}}, "no label 'UP'"),
        (TURNED, {"contactor_state": {"signal": "STATE.Contactor", "labels": {"OPEN": "shut"}}}, "no meaning of"),
        ("", {"soc": {"signal": "STATE.Soc", "labels": {"OPEN": "open"}}}, "for a role in words"),
    ],
)
def test_a_contradiction_is_refused(database, values, roles, what):
    with pytest.raises(BenchError, match=what):
        database(values, roles=roles)


def test_words_of_its_own_are_stated_in_the_role_table(database):
    stated = {"signal": "STATE.Contactor", "labels": {"red": "open", "blue": "closed"}}
    db = database('VAL_ {state} Contactor 0 "blue" 1 "red" 2 "green" ;', roles={"contactor_state": stated})
    assert [raw(db, "STATE", bytes([count])).get("contactor_state") for count in range(3)] == [2.0, 0.0, None]


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        ({0: "inactive", 1: "active"}, {0: 0.0, 1: 1.0}),
        ({0: "Over current detected", 1: "no over current"}, None),
        ({0: "DETECTED", 1: "NOT_DETECTED", 3: "SNA"}, {0: 1.0, 1: 0.0}),
        ({1: "Fault"}, {0: 0.0, 1: 1.0}),
        ({3: "not available"}, {}),
    ],
)
def test_flags(labels, number):
    if number is None:
        with pytest.raises(Contradiction):
            meanings("over_current", labels, {}, bits=2)
    else:
        assert meanings("over_current", labels, {}, bits=1 if len(labels) == 1 and 1 in labels else 2) == number


@pytest.mark.parametrize(
    "label",
    ["SNA", "Init", "Error", "not available", "Signal_Not_Available", "reserved", "Reserved 3", "invalid", "unknown",
     "SensorDefect", "n/a", "Initial value", "Not valid", "undefined"],
)  # fmt: skip
def test_words_for_no_value(label):
    assert no_value(label)


@pytest.mark.parametrize("label", ["no error", "full", "25", "normal", "charging", "nascent", "initiated charge"])
def test_words_that_are_values(label):
    assert not no_value(label)


def test_every_such_entry_is_no_value_and_not_the_first_alone(database):
    db = database('VAL_ {state} Soc 1023 "SNA" 1022 "Error" 1021 "Init" 0 "empty" 0 "0 %" ;')
    seen = [
        raw(db, "STATE", b"\0" * 4 + count.to_bytes(2, "little")).get("soc") for count in (1023, 1022, 1021, 1000, 0)
    ]
    assert seen == [None, None, None, 100.0, 0.0]


def test_the_highest_counts_of_j1939_have_no_value_without_a_word(database):
    db = database(state=J1939)
    hot = [raw(db, "STATE", bytes([0, count])).get("cell_temperature_max") for count in (0xFA, 0xFB, 0xFC, 0xFE, 0xFF)]
    assert hot == [210.0, None, None, None, None]
    delta = [0xFAFF, 0xFB00, 0xFE00, 0xFFFF]
    seen = [
        raw(db, "STATE", bytes(2) + count.to_bytes(2, "little")).get("string_voltage_difference") for count in delta
    ]
    assert seen == [64.255, None, None, None]
    flags = [raw(db, "STATE", bytes([count << 4])).get("over_current") for count in range(4)]
    assert flags == [0.0, 1.0, None, None]


def test_elsewhere_they_are_values(database):
    """A danger must not be lost because it is large."""
    assert raw(database(), "STATE", b"\0\xff")["cell_temperature_max"] == 215.0


@pytest.mark.parametrize("role", WORDED)
def test_each_worded_role_has_distinct_names(role):
    found = [name for name, *_ in WORDED[role]]
    assert len(set(found)) == len(found)
