import math
import random

import can
import cantools
import pytest

from v2g_bench.can import wire
from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.roles import read_roles
from v2g_bench.can.trace import signal
from v2g_bench.can.values import newest
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError

NAMES = ["v2g_bms_fd", "compact_classic"]


def loaded(name):
    return BusDatabase.load(dbc_path(name), read_roles(roles_path(name)))


@pytest.fixture(scope="module")
def fd():
    return loaded("v2g_bms_fd")


@pytest.fixture(scope="module")
def classic():
    return loaded("compact_classic")


SMALL = """VERSION ""
BU_: A B
BO_ 256 Mixed: 8 A
 SG_ Little : 0|12@1+ (0.5,-10) [0|0] "mV" B
 SG_ Big : 23|12@0- (0.1,0) [0|0] "kW" B
 SG_ Plain : 40|8@1+ (1,0) [10|100] "%" B
BO_ 512 Muxed: 8 A
 SG_ Which M : 0|8@1+ (1,0) [0|1] "" B
 SG_ Value m0 : 8|16@1+ (1,0) [0|100] "V" B
BO_ 768 Unsent: 8 Vector__XXX
 SG_ X : 0|8@1+ (1,0) [0|255] "furlong" B
BA_DEF_ SG_ "GenSigStartValue" INT 0 65535;
BA_DEF_ BO_ "E2EProfile" STRING;
BA_DEF_ BO_ "E2EDataId" INT 0 70000;
BA_DEF_DEF_ "GenSigStartValue" 0;
BA_DEF_DEF_ "E2EProfile" "";
BA_DEF_DEF_ "E2EDataId" 0;
BA_ "GenSigStartValue" SG_ 256 Little 291;
BA_ "GenSigStartValue" SG_ 256 Big 1110;
"""


@pytest.fixture
def small(tmp_path):
    def make(roles, text=SMALL):
        path = tmp_path / "small.dbc"
        path.write_text(text, encoding="utf-8")
        return BusDatabase.load(path, roles)

    return make


def test_45_degrees_are_exact(fd):
    frame = fd.encode("BMS_Safety", {"cell_temperature_max": 45.0}, 0)
    assert fd.decode(frame)["cell_temperature_max"] == 45.0
    assert fd.decode(fd.encode("BMS_Safety", {"cell_temperature_max": 45.1}, 0))["cell_temperature_max"] == 45.1


def test_300_millivolts_are_exact(fd, classic):
    for db, message in ((fd, "BMS_Safety"), (classic, "BATT_CELL")):
        assert db.decode(db.encode(message, {"string_voltage_difference": 0.3}, 0))["string_voltage_difference"] == 0.3


def test_encode_rounds_to_the_nearest_count(fd):
    def sent(value):
        return fd.decode(fd.encode("BMS_Safety", {"cell_temperature_max": value}, 0))["cell_temperature_max"]

    assert (sent(45.04), sent(45.06), sent(-10.04), sent(-10.06)) == (45.0, 45.1, -10.0, -10.1)


@pytest.mark.parametrize("value", [-60.1, 200.1, 1e9, float("nan"), float("inf")])
def test_out_of_range_is_refused_and_never_wraps(fd, value):
    with pytest.raises(ValueError, match="cell_temperature_max"):
        fd.encode("BMS_Safety", {"cell_temperature_max": value}, 0)


@pytest.mark.parametrize("value", [-60.0, 200.0])
def test_the_ends_of_the_range_can_be_sent(fd, value):
    assert fd.decode(fd.encode("BMS_Safety", {"cell_temperature_max": value}, 0))["cell_temperature_max"] == value


def test_no_value_cannot_be_sent_as_a_value(small):
    text = SMALL.replace(
        'BA_ "GenSigStartValue" SG_ 256 Little', 'VAL_ 256 Plain 100 "SNA" ;\nBA_ "GenSigStartValue" SG_ 256 Little'
    )
    db = small({"soc": "Mixed.Plain"}, text)
    assert db.decode(can.Message(arbitration_id=256, is_extended_id=False, data=bytes([0] * 5 + [100, 0, 0]))) == {}
    with pytest.raises(ValueError, match="outside 10 to 99 %"):
        db.encode("Mixed", {"soc": 100}, 0)


def test_a_role_of_another_message_is_refused(fd):
    with pytest.raises(ValueError, match="BMS_Safety does not carry soc"):
        fd.encode("BMS_Safety", {"soc": 50}, 0)


@pytest.mark.parametrize("name", NAMES)
def test_cantools_reads_what_we_write(name):
    """Oracle: every role of every message, random values, against cantools' own decoder."""
    rng = random.Random(7)
    db, oracle = loaded(name), cantools.database.load_file(dbc_path(name))
    for spec in db.messages.values():
        for counter in range(50):
            counts = {
                role: rng.randint(db.codec(role).raw_min, db.codec(role).raw_max) for role in db.roles_of(spec.name)
            }
            values = {role: db.codec(role).value(count) for role, count in counts.items()}
            frame = db.encode(spec.name, values, counter)
            assert db.decode(frame) == values
            raw = oracle.get_message_by_name(spec.name).decode(bytes(frame.data), scaling=False, decode_choices=False)
            by_place = {s.start: s.name for s in oracle.get_message_by_name(spec.name).signals}
            for role, count in counts.items():
                assert raw[by_place[db.codec(role).start]] == count
            if spec.e2e:
                assert raw["E2E_Counter"] == counter


@pytest.mark.parametrize("name", NAMES)
def test_initial_values_are_the_databases(name):
    db, oracle = loaded(name), cantools.database.load_file(dbc_path(name))
    for spec in db.messages.values():
        message = oracle.get_message_by_name(spec.name)
        raw = message.decode(bytes(db.encode(spec.name, {}, 0).data), scaling=False, decode_choices=False)
        expected = {s.name: int(s.raw_initial or 0) for s in message.signals}
        for header in ("E2E_CRC", "E2E_Counter"):
            raw.pop(header, None)
            expected.pop(header, None)
        assert raw == expected


def test_both_byte_orders_in_one_frame(small):
    db = small({"cell_voltage_max": "Mixed.Little", "power_setpoint": "Mixed.Big", "soc": "Mixed.Plain"})
    oracle = cantools.database.load_string(SMALL, "dbc")
    frame = db.encode("Mixed", {"power_setpoint": -1500.0}, 0)
    raw = oracle.decode_message(256, bytes(frame.data), scaling=False)
    assert raw == {"Little": 291, "Big": -15, "Plain": 0}
    assert db.decode(frame)["power_setpoint"] == -1500.0
    assert db.decode(frame)["cell_voltage_max"] == (291 * 0.5 - 10) / 1000
    with pytest.raises(ValueError, match="outside -204800 to 204700 W"):
        db.encode("Mixed", {"power_setpoint": 204_800.0}, 0)


def test_invert_turns_the_sign(small):
    db = small({"power_setpoint": {"signal": "Mixed.Big", "invert": True}})
    frame = db.encode("Mixed", {"power_setpoint": 1500.0}, 0)
    assert cantools.database.load_string(SMALL, "dbc").decode_message(256, bytes(frame.data))["Big"] == -1.5
    assert db.decode(frame) == {"power_setpoint": 1500.0}


def test_counter_and_checksum(fd):
    for counter in (0, 1, 255, 256):
        frame = fd.encode("BMS_Safety", {}, counter)
        assert frame.data[2] == counter % 256
        assert check(frame.data, fd.message("BMS_Safety").e2e.data_id)
    assert not check(frame.data, fd.message("BMS_PackStatus").e2e.data_id)


def test_frame_kind(fd, classic):
    frame = fd.encode("BMS_Safety", {}, 0)
    assert (frame.is_fd, frame.bitrate_switch, frame.is_extended_id, frame.arbitration_id) == (True, True, False, 0x80)
    frame = classic.encode("BATT_CELL", {}, 0)
    assert (frame.is_fd, frame.bitrate_switch, frame.is_extended_id) == (False, False, True)


def test_foreign_frames_carry_nothing(fd):
    good = fd.encode("BMS_Safety", {"cell_temperature_max": 20.0}, 0)
    assert fd.decode(good)
    data = bytes(good.data)
    assert fd.decode(can.Message(arbitration_id=0x81, is_extended_id=False, is_fd=True, data=data)) == {}
    assert fd.decode(can.Message(arbitration_id=0x80, is_extended_id=True, is_fd=True, data=data)) == {}
    assert fd.decode(can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, data=data[:20])) == {}
    assert fd.decode(can.Message(arbitration_id=0x80, is_extended_id=False, is_remote_frame=True)) == {}
    assert fd.decode(can.Message(arbitration_id=0x80, is_extended_id=False, is_error_frame=True, data=bytes(8))) == {}
    assert fd.decode(can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, data=data + bytes(8)))


def test_look_ups(fd):
    assert fd.message_of("cell_voltage[33]").name == "BMS_CellVoltages2"
    assert fd.by_id(0x80).name == "BMS_Safety"
    assert fd.by_id(0x80, is_extended=True) is None
    assert fd.roles_of("EMS_Status") == ("error_code", "trip_latched", "charge_only")
    assert (fd.unit("cell_voltage[3]"), fd.resolution("soc"), fd.resolution("cell_voltage[3]")) == ("V", 0.1, 0.001)
    assert fd.has("cell_voltage")
    assert fd.has("soc")
    assert not fd.has("nonsense")
    assert len(fd.sha256) == 64
    assert [spec.name for spec in fd.senders("EMS")] == ["EMS_Command", "EMS_Status"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda db: db.message_of("cell_voltage[97]"), "cell_voltage[9"),
        (lambda db: db.encode("BMS_Saftey", {}, 0), "did you mean BMS_Safety"),
        (lambda db: db.roles_of("x"), "no message 'x'"),
        (lambda db: db.senders("CHARGER"), "its senders: BMS, EMS"),
    ],
)
def test_wrong_look_ups(fd, call, says):
    with pytest.raises(BenchError) as caught:
        call(fd)
    assert says in str(caught.value)


def test_require(classic):
    classic.require(["soc", "pack_current"])
    with pytest.raises(BenchError, match="does not carry cell_voltage, module_temperature"):
        classic.require(["soc", "cell_voltage", "module_temperature"])


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({"soc": "Mixd.Plain"}, "did you mean Mixed"),
        ({"soc": "Mixed.Plane"}, "did you mean Plain"),
        ({"cell_voltage": "Mixed.V{n}"}, "has no signal 'V1'"),
        ({"pack_voltage": "Mixed.Plain"}, "is in '%', which is no unit of this role (canonical: V)"),
        ({"soc": "Unsent.X"}, "'furlong'"),
        ({"soc": "Mixed.Plain", "soh": "Mixed.Plain"}, "already plays soc"),
        ({"pack_voltage": "Muxed.Value"}, "multiplexed"),
    ],
)
def test_wrong_roles(small, roles, says):
    with pytest.raises(BenchError, match=r"roles\.") as caught:
        small(roles)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("BO_ 512 Muxed: 8 A", "BO_ 512 Muxed 8 A", "small.dbc:7"),
        ("0|12@1+", "60|12@1+", "Mixed: The signal Little does not fit in message Mixed"),
        ("40|8@1+", "8|8@1+", "overlapping"),
        ("BO_ 256 Mixed: 8 A", "BO_ 256 Mixed: 1785 A", "1785 bytes come in several frames"),
        ("BO_ 256 Mixed: 8 A", "BO_ 256 Mixed: 9 A", None),
        ("BO_ 256 Mixed: 8 A", "BO_ 256 Mixed: 13 A", "use 16"),
        (
            'BA_ "GenSigStartValue" SG_ 256 Little 291;',
            'BA_ "E2EProfile" BO_ 256 "P02";',
            "profile 'P02' is not supported",
        ),
    ],
)
def test_a_broken_database(small, old, new, says):
    assert old in SMALL
    with pytest.raises(BenchError) as caught:
        small({"soc": "Mixed.Plain"}, SMALL.replace(old, new))
    assert (says or "9 bytes") in str(caught.value)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e308", "9" * 400])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(0.5,", "({},"),
        (",-10)", ",{})"),
        ("[10|", "[{}|"),
        ('|100] "%', '|{}] "%'),
        ("256 Big 1110", "256 Big {}"),
        ("256 20", "256 {}"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(small, old, new, number):
    text = SMALL + 'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;\nBA_ "GenMsgCycleTime" BO_ 256 20;\n'
    assert old in text
    roles = {"cell_voltage_max": "Mixed.Little", "soc": "Mixed.Plain"}
    with pytest.raises(BenchError, match="is not a number from|is not a valid DBC|contradicts itself"):
        small(roles, text.replace(old, new.format(number)))


@pytest.mark.parametrize("factor", ["-0.0", "1e-400"])
def test_a_factor_of_nothing_is_refused(small, factor):
    with pytest.raises(BenchError, match="factor is 0"):
        small({"cell_voltage_max": "Mixed.Little"}, SMALL.replace("(0.5,", f"({factor},"))


@pytest.mark.parametrize(
    "elsewhere",
    [
        'BO_ 900 Odd: 10 B\n SG_ Y : 0|8@1+ (1,0) [0|0] "" A\n',
        'BO_ 2566844926 Odd: 39 B\n SG_ Y : 0|8@1+ (1,0) [0|0] "" A\n',
        'BO_ 2566844926 Odd: 1785 B\n SG_ Y : 0|8@1+ (1,0) [0|0] "" A\n',
        'BO_ 900 Odd: 2 B\n SG_ Y : 8|16@1+ (1,0) [0|0] "" A\n',
        'BO_ 900 Odd: 8 B\n SG_ Y : 0|8@1+ (1,0) [0|0] "" A\n SG_ Z : 4|8@1+ (1,0) [0|0] "" A\n',
    ],
)
def test_a_message_that_no_role_needs_refuses_nothing(small, elsewhere):
    text = SMALL.replace("BA_DEF_ SG_", elsewhere + "BA_DEF_ SG_", 1)
    db = small({"soc": "Mixed.Plain"}, text)
    assert "Odd" not in db.messages
    assert [note.partition(":")[0] for note in db.notes] == ["Odd is left out"]
    with pytest.raises(BenchError, match="Odd: "):
        small({"soc": "Mixed.Plain", "cycle_count": "Odd.Y"}, text)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("BO_ 512 Mixed: 8 A", "two messages are called Mixed: 0x100 and 0x200"),
        ("BO_ 256 Muxed: 8 A", "two messages have the identifier 0x100: Mixed and Muxed"),
    ],
)
def test_two_messages_that_cannot_be_told_apart_are_refused(small, new, says):
    with pytest.raises(BenchError, match=says):
        small({"soc": "Mixed.Plain"}, SMALL.replace("BO_ 512 Muxed: 8 A", new))


CELLS = 'VERSION ""\nBU_: A B\nBO_ 256 Cells: 8 {}\n'
CELL = ' SG_ V{} : {}|8@1+ (0.02,0) [0|5] "{}" B\n'


def cells(*numbers, sender="A", unit="V"):
    return CELLS.format(sender) + "".join(CELL.format(n, 8 * place, unit) for place, n in enumerate(numbers))


@pytest.mark.parametrize(
    ("numbers", "note"),
    [
        ((1, 2, 3), None),
        ((0, 1, 2), "cell_voltage: 0-2 of V{n} are [1] to [3] here"),
        ((1, 3, 4), "cell_voltage: 1, 3-4 of V{n} are [1] to [3] here"),
    ],
)
def test_no_cell_is_left_out_however_they_are_numbered(small, numbers, note):
    db = small({"cell_voltage": "Cells.V{n}"}, cells(*numbers))
    assert db.count("cell_voltage") == 3
    assert list(db.notes) == ([note] if note else [])
    frame = db.encode("Cells", {"cell_voltage[1]": 3.0, "cell_voltage[3]": 4.0}, 0)
    assert (frame.data[0], frame.data[2]) == (150, 200)


def test_one_signal_in_two_messages_is_ambiguous(small):
    text = cells(1, 2) + "BO_ 257 Cells2: 8 A\n" + CELL.format(2, 0, "V")
    with pytest.raises(BenchError, match="V2 is in Cells and in Cells2"):
        small({"cell_voltage": "Cells*.V{n}"}, text)


def test_a_role_states_the_unit_that_the_file_does_not(small):
    for unit in ("", "bit"):
        with pytest.raises(BenchError, match='unit = "V"'):
            small({"cell_voltage": "Cells.V{n}"}, cells(1, unit=unit))
        db = small({"cell_voltage": {"signal": "Cells.V{n}", "unit": "mV"}}, cells(1, unit=unit))
        assert db.resolution("cell_voltage[1]") == pytest.approx(0.02e-3)
    with pytest.raises(BenchError, match=r"roles.soc.unit: must be a unit of this role"):
        small({"soc": {"signal": "Cells.V1", "unit": "furlong"}}, cells(1))


@pytest.mark.parametrize(
    "unit", ["℃".encode(), "℃".encode("gb2312"), "°C".encode("gb2312"), "°C".encode("cp1252"), b"\xbaC"]
)
def test_degrees_in_any_code_page(tmp_path, unit):
    path = tmp_path / "far.dbc"
    path.write_bytes(cells(1, unit="UNIT").encode().replace(b"UNIT", unit))
    assert BusDatabase.load(path, {"cell_temperature_max": "Cells.V1"}).unit("cell_temperature_max") == "degC"


def test_a_mark_before_the_first_line_is_no_part_of_it(small):
    assert small({"cell_voltage": "Cells.V{n}"}, "\ufeff" + cells(1, 2)).count("cell_voltage") == 2


def test_a_message_without_a_sender_is_of_the_side_of_its_roles(small):
    text = cells(1, sender="Vector__XXX") + 'BO_ 257 Ask: 8 Vector__XXX\n SG_ C : 0|4@1+ (1,0) [0|1] "" B\n'
    db = small({"cell_voltage": "Cells.V{n}", "contactor_request": "Ask.C"}, text)
    assert [[spec.name for spec in db.senders(side)] for side in ("BMS", "EMS")] == [["Cells"], ["Ask"]]


def test_the_role_table_says_who_sends_a_message_and_how_often(small):
    text = cells(1, sender="Vector__XXX") + "BO_ 257 Cells2: 8 Vector__XXX\n" + CELL.format(9, 0, "V")
    roles = {"cell_voltage": "Cells.V{n}", "messages": {"Cells*": {"sender": "Bms", "cycle_ms": 100}}}
    db = small(roles, text)
    assert [(spec.name, spec.cycle_s) for spec in db.senders("BMS")] == [("Cells", 0.1), ("Cells2", 0.1)]
    assert [spec.name for spec in db.senders("Bms")] == ["Cells", "Cells2"]


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ({"Cels": {"sender": "A"}}, "there is no message 'Cels'"),
        ({"Cells": {"cycle_ms": -1}}, "cycle_ms: must be a number"),
        ({"Cells": {"cycle": 1}}, "must say sender, cycle_ms or both"),
        ({"Cells": {"sender": 3}}, "sender: must be a name"),
        (3, "must be a table"),
    ],
)
def test_mistakes_in_what_it_says_of_messages(small, messages, says):
    with pytest.raises(BenchError, match=says):
        small({"cell_voltage": "Cells.V{n}", "messages": messages}, cells(1))


J1939 = """VERSION ""
BU_: A B
BO_ {} Pack: 8 A
 SG_ Soc : 0|8@1+ (0.4,0) [0|100] "%" B
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "J1939PG";
"""


@pytest.mark.parametrize(("in_the_file", "heard"), [(0x18FF01FE, True), (0x18FF0110, False)])
def test_a_j1939_message_with_the_null_address_comes_from_any_source(small, in_the_file, heard):
    db = small({"soc": "Pack.Soc"}, J1939.format(in_the_file | 1 << 31))
    frame = db.encode("Pack", {"soc": 50.0}, 0)
    assert db.decode(frame) == {"soc": 50.0}
    frame.arbitration_id = 0x18FF01F3
    assert bool(db.decode(frame)) is (db.by_id(0x18FF01F3, True) is not None) is heard
    frame.arbitration_id = 0x18FF02FE
    assert not db.decode(frame)


def test_what_a_capture_holds_of_it_comes_from_any_source_that_has_no_message_of_its_own(small):
    own = J1939.replace("BA_DEF_ ", 'BO_ {} Own: 8 A\n SG_ Soc : 0|8@1+ (1,0) [0|100] "" B\nBA_DEF_ ', 1)
    db = small({"soc": "Pack.Soc"}, own.format(0x18FF01FE | 1 << 31, 0x18FF0142 | 1 << 31))
    pack = db.message("Pack")
    frames = FrameStore(math.inf)
    heard = [0x18FF01F3, 0x18FF01FE, 0x18FF0142, 0x18FF02FE]
    for place, identifier in enumerate(heard):
        frames.append(place / 10, place, identifier, wire.EXTENDED, 8, bytes([100 + place] * 8))
    frames.append(0.5, 5, 0x0F3, 0, 8, bytes(8))
    columns = frames.since(-math.inf)
    assert columns.carrying(pack).frame_id.tolist() == [0x18FF01F3, 0x18FF01FE]
    assert columns.carrying(db.message("Own")).frame_id.tolist() == [0x18FF0142]
    assert [pack.carried_by(one, True) for one in heard] == [True, True, False, False]
    assert [db.key_of(one, True)[0] for one in heard] == [0x18FF01FE, 0x18FF01FE, 0x18FF0142, 0x18FF02FE]
    assert newest(db, columns) == {"soc": pytest.approx(101 * 0.4)}
    times, values = signal(columns, db, "soc")
    assert (times.tolist(), values.tolist()) == ([0.0, 0.1], pytest.approx([40.0, 40.4]))


def test_a_data_id_must_fit(small):
    text = SMALL + 'BA_ "E2EProfile" BO_ 256 "P05";\nBA_ "E2EDataId" BO_ 256 66000;\n'
    with pytest.raises(BenchError, match="16 bit number"):
        small({"soc": "Mixed.Plain"}, text)


def test_no_database(tmp_path):
    (tmp_path / "other.dbc").write_text("")
    with pytest.raises(BenchError, match=r"databases there: other\.dbc"):
        BusDatabase.load(tmp_path / "none.dbc", {})
    with pytest.raises(BenchError, match=r"other\.dbc"):
        BusDatabase.load(tmp_path / "other.dbc", {})
    (tmp_path / "text.dbc").write_text("hello")
    with pytest.raises(BenchError, match=r"text\.dbc:1"):
        BusDatabase.load(tmp_path / "text.dbc", {})


def test_a_database_of_a_windows_tool(small, tmp_path):
    path = tmp_path / "win.dbc"
    path.write_bytes(SMALL.replace('"mV"', '"°C"').encode("cp1252"))
    db = BusDatabase.load(path, {"cell_temperature_max": "Mixed.Little"})
    assert db.unit("cell_temperature_max") == "degC"
