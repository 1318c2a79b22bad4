"""The databases that ship: complete, sound, and readable through their role tables."""

import re

import cantools
import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import FD_LENGTHS, attribute
from v2g_bench.can.roles import ROLES, read_roles
from v2g_bench.dbc import dbc_path, roles_path

NAMES = ["v2g_bms_fd", "compact_classic"]
SAFETY_ROLES = [
    "cell_temperature_max",
    "cell_temperature_min",
    "string_voltage_difference",
    "cell_voltage_max",
    "cell_voltage_min",
    "pack_voltage",
    "pack_current",
    "soc",
    "contactor_state",
    "charge_power_limit",
    "discharge_power_limit",
    "contactor_request",
    "power_setpoint",
    "operating_mode",
]


def defects(database) -> list[str]:
    """What a careful reader would send back to the author of a database."""
    found = []
    for message in database.messages:
        if not message.comment:
            found.append(f"{message.name}: no comment")
        if not message.cycle_time:
            found.append(f"{message.name}: no cycle time")
        if message.length not in FD_LENGTHS:
            found.append(f"{message.name}: {message.length} bytes")
        if not message.senders:
            found.append(f"{message.name}: nobody sends it")
        for signal in message.signals:
            name = f"{message.name}.{signal.name}"
            if not signal.comment:
                found.append(f"{name}: no comment")
            if not signal.unit:
                found.append(f"{name}: no unit")
            if signal.minimum is None or signal.maximum is None or signal.minimum >= signal.maximum:
                found.append(f"{name}: no range")
            if signal.raw_initial is None:
                found.append(f"{name}: no initial value")
    return found


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def parsed(name):
    return cantools.database.load_file(dbc_path(name), strict=True)


def loaded(name):
    return BusDatabase.load(dbc_path(name), read_roles(roles_path(name)))


def test_every_signal_is_described(name):
    assert defects(parsed(name)) == []


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r'CM_ SG_ 128 CellTempMax ".*?";', ""),
        (r"\[-60\|200\]", "[0|0]"),
        (r'"degC"', '""'),
        (r'BA_ "GenSigStartValue" SG_ 128 CellTempMax', 'BA_ "GenSigStartValue" SG_ 128 CellTempMin'),
        (r'BA_ "GenMsgCycleTime" BO_ 128 10;', ""),
        (r"BO_ 128 BMS_Safety: 24 ", "BO_ 128 BMS_Safety: 25 "),
    ],
)
def test_a_missing_description_is_seen(pattern, replacement):
    text = dbc_path("v2g_bms_fd").read_text()
    broken, count = re.subn(pattern, replacement, text, count=1)
    assert count == 1
    assert defects(cantools.database.load_string(broken, "dbc"))


def test_an_overlap_is_refused():
    text = dbc_path("v2g_bms_fd").read_text().replace("CellTempMin : 40|16", "CellTempMin : 39|16")
    with pytest.raises(cantools.Error):
        cantools.database.load_string(text, "dbc", strict=True)


def test_it_carries_what_a_controller_needs(name):
    loaded(name).require(SAFETY_ROLES)


def test_the_fd_database_carries_every_role():
    db = loaded("v2g_bms_fd")
    db.require(ROLES)
    assert (db.count("cell_voltage"), db.count("module_temperature"), db.count("string_voltage")) == (96, 12, 4)


def test_the_steps_are_fine_enough():
    db = loaded("v2g_bms_fd")
    finest = {
        "cell_temperature_max": 0.1,
        "string_voltage_difference": 0.001,
        "cell_voltage[96]": 0.001,
        "pack_current": 0.1,
        "soc": 0.1,
    }
    assert {role: db.resolution(role) <= step for role, step in finest.items()} == dict.fromkeys(finest, True)


def test_cycle_times():
    cycles = {spec.name: spec.cycle_s for spec in loaded("v2g_bms_fd").messages.values()}
    for name in ("BMS_Safety", "BMS_Heartbeat", "EMS_Command"):
        assert cycles[name] == 0.01
    assert cycles["BMS_PackStatus"] == 0.02
    assert cycles["BMS_Limits"] == cycles["BMS_CellVoltages1"] == cycles["EMS_Status"] == 0.1


def test_safety_frames_are_protected_with_ids_of_their_own():
    db = loaded("v2g_bms_fd")
    protected = {spec.name: spec.e2e.data_id for spec in db.messages.values() if spec.e2e}
    assert set(protected) == {
        "BMS_Safety",
        "BMS_Heartbeat",
        "BMS_PackStatus",
        "BMS_Limits",
        "BMS_Contactor",
        "BMS_ModuleTemps",
        "EMS_Command",
    }
    assert len(set(protected.values())) == len(protected)


def test_frame_formats():
    assert {(s.is_fd, s.brs, s.is_extended) for s in loaded("v2g_bms_fd").messages.values()} == {(True, True, False)}
    assert {(s.is_fd, s.brs, s.is_extended) for s in loaded("compact_classic").messages.values()} == {
        (False, False, True)
    }
    assert all(s.length <= 8 and s.e2e is None for s in loaded("compact_classic").messages.values())


def test_bit_rates_are_stated():
    attributes = parsed("v2g_bms_fd").dbc.attributes
    assert (attributes["Baudrate"].value, attributes["BaudrateCANFD"].value) == (500_000, 2_000_000)
    message = parsed("v2g_bms_fd").get_message_by_name("BMS_Safety")
    assert attribute(message, "VFrameFormat") == "StandardCAN_FD"


def test_nothing_is_allowed_until_somebody_says_so(name):
    """The initial values: no measured value, no power, open contactors."""
    db = loaded(name)
    start = {}
    for spec in db.messages.values():
        start |= db.decode(db.encode(spec.name, {}, 0))
    measured = [role for role in start if db.unit(role) in ("V", "A", "degC", "%", "Ah", "kWh")]
    assert measured == []
    assert {value for role, value in start.items()} == {0.0}
    assert start["charge_power_limit"] == start["contactor_request"] == start["power_setpoint"] == 0


def test_the_compact_database_is_another_makers():
    db = loaded("compact_classic")
    assert {codec.big_endian for codec in map(db.codec, db.roles)} == {True}
    frame = db.encode("BATT_HV", {"pack_current": 25.0}, 0)
    assert db.decode(frame)["pack_current"] == 25.0
    signals = parsed("compact_classic").decode_message(frame.arbitration_id, frame.data, decode_choices=False)
    assert signals["HvCurr"] == -25.0
    assert db.senders("BMS")[0].sender == "BATT"
    assert [spec.name for spec in db.senders("EMS")] == ["VCU_CMD", "VCU_STS"]
