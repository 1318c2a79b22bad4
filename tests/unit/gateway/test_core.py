"""The gateway's core: what leaves for each frame that arrives, when, and whether a receiver can tell."""

import pytest

from v2g_bench.can import wire
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import E2EReceiver, E2EStatus, check
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import (
    BmsSilence,
    CellVoltage,
    EmiNoise,
    Fault,
    OverTemperature,
    SocDivergence,
    StringVoltageDifference,
    ThermalGradient,
)
from v2g_bench.gateway.core import Gateway
from v2g_bench.gateway.frame import Frame, frame_of
from v2g_bench.gateway.rule import Rule

CYCLE_S = 0.01


@pytest.fixture(scope="module")
def db():
    return BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


@pytest.fixture(scope="module")
def classic():
    return BusDatabase.load(dbc_path("compact_classic"), read_roles(roles_path("compact_classic")))


@pytest.fixture
def gateway(db):
    return Gateway(db, seed=1)


class Sender:
    """A stranger's BMS: frames of its messages with a counter each."""

    def __init__(self, db):
        self.db, self.counter = db, {}

    def frame(self, message, **values):
        counter = self.counter[message] = self.counter.get(message, -1) + 1
        return frame_of(self.db.encode(message, values, counter))

    def safety(self, max_c=25.0, min_c=24.0, delta_v=0.01):
        return self.frame(
            "BMS_Safety", cell_temperature_max=max_c, cell_temperature_min=min_c, string_voltage_difference=delta_v
        )

    def status(self, soc=50.0, volts=350.0):
        return self.frame("BMS_PackStatus", soc=soc, pack_voltage=volts, pack_current=0.0)


@pytest.fixture
def bms(db):
    return Sender(db)


def sound(db, frame):
    spec = db.by_id(frame.frame_id)
    return check(frame.data[: spec.length], spec.e2e.data_id)


def test_without_a_fault_every_byte_passes_both_ways(gateway, bms, db):
    command = frame_of(db.encode("EMS_Command", {"contactor_request": 1}, 3))
    for frame in (bms.safety(), bms.status(), command._replace(frame_id=0x7F0)):
        assert gateway.from_bms(frame, 0.0) == [frame]
    assert gateway.from_controller(command, 0.0) == [command]
    assert (gateway.rewritten, gateway.next_due_s) == (0, float("inf"))


def test_the_first_frame_at_the_time_carries_the_fault_with_a_right_crc(gateway, bms, db):
    number = gateway.inject(OverTemperature(cell=17, to_c=45.5), at_s=1.0, now_s=0.5)
    early = bms.safety()
    assert gateway.from_bms(early, 0.999) == [early]
    sent = bms.safety()
    (hot,) = gateway.from_bms(sent, 1.0)
    values = db.decode(hot.message())
    assert values["cell_temperature_max"] == 45.5
    assert values["cell_temperature_min"] == 24.0  # nothing else is touched
    assert hot.data[2] == sent.data[2]  # the sender's counter
    assert sound(db, hot)
    gateway.clear(number)
    after = bms.safety()
    assert gateway.from_bms(after, 1.01) == [after]


def test_frames_on_the_wrong_side_do_not_go_round(gateway, bms, db):
    """Both channels on one cable: what is forwarded comes back on the other one."""
    command = frame_of(db.encode("EMS_Command", {"contactor_request": 1}, 3))
    assert gateway.from_bms(command, 0.0) == []
    assert gateway.from_controller(bms.safety(), 0.0) == []
    assert gateway.wrong_side == 2


def test_other_messages_pass_untouched_under_a_fault(gateway, bms):
    gateway.inject(OverTemperature(cell=1, to_c=50), 0.0, 0.0)
    frame = bms.status()
    assert gateway.from_bms(frame, 0.0) == [frame]


def test_a_relative_fault_follows_what_the_bms_sends(gateway, bms, db):
    gateway.inject(SocDivergence(by_pct=8), 0.0, 0.0)
    seen = [db.decode(gateway.from_bms(bms.status(soc=soc), 0.0)[0].message())["soc"] for soc in (50.0, 49.0, 97.0)]
    assert seen == [58.0, 57.0, 100.0]


def test_a_gradient_stands_on_the_coldest_cell_that_is_seen(gateway, bms, db):
    gateway.inject(ThermalGradient(to_k=12), 0.0, 0.0)
    values = db.decode(gateway.from_bms(bms.safety(max_c=26, min_c=20), 0.0)[0].message())
    assert (values["cell_temperature_min"], values["cell_temperature_max"]) == (20.0, 32.0)


def test_a_ramp_arrives_when_the_fault_says(gateway, bms, db):
    gateway.from_bms(bms.safety(max_c=25.0), 9.99)
    gateway.inject(OverTemperature(cell=17, to_c=45.0, ramp_k_per_s=10.0), 10.0, 10.0)
    seen = [
        db.decode(gateway.from_bms(bms.safety(max_c=25.0), 10.0 + after_s)[0].message())["cell_temperature_max"]
        for after_s in (0.0, 1.0, 2.0, 9.0)
    ]
    assert seen == pytest.approx([25.0, 35.0, 45.0, 45.0])


def test_the_younger_fault_wins_and_the_older_comes_back(gateway, bms, db):
    def seen():
        return db.decode(gateway.from_bms(bms.safety(), 1.0)[0].message())["cell_temperature_max"]

    gateway.inject(OverTemperature(cell=1, to_c=40), 0.0, 0.0)
    younger = gateway.inject(OverTemperature(cell=2, to_c=50), 0.0, 0.0)
    assert seen() == 50.0
    gateway.clear(younger)
    assert seen() == 40.0
    gateway.clear_all()
    assert seen() == 25.0


def test_a_frame_that_arrives_damaged_leaves_damaged(gateway, bms, db):
    """A rewritten signal must not make a damaged frame believable."""
    gateway.inject(StringVoltageDifference(to_mv=320), 0.0, 0.0)
    frame = bms.safety()
    damaged = frame._replace(data=frame.data[:-1] + bytes([frame.data[-1] ^ 1]))
    (out,) = gateway.from_bms(damaged, 0.0)
    assert not sound(db, out)


def test_a_short_frame_passes_as_it_is(gateway, bms):
    gateway.inject(OverTemperature(cell=1, to_c=50), 0.0, 0.0)
    frame = bms.safety()
    short = frame._replace(data=frame.data[:12], dlc=12)
    assert gateway.from_bms(short, 0.0) == [short]


def test_a_database_without_protection_and_with_other_units(classic):
    gateway, bms = Gateway(classic), Sender(classic)
    name = classic.message_of("cell_temperature_max").name
    gateway.inject(OverTemperature(cell=1, to_c=46), 0.0, 0.0)
    (out,) = gateway.from_bms(bms.frame(name, cell_temperature_max=25.0), 0.0)
    assert classic.decode(out.message())["cell_temperature_max"] == 46.0


def test_silence_lets_nothing_of_the_bms_through(gateway, bms, db):
    gateway.inject(BmsSilence(), 0.0, 0.0)
    assert gateway.from_bms(bms.safety(), 0.0) == gateway.from_bms(bms.status(), 0.0) == []
    command = frame_of(db.encode("EMS_Command", {"contactor_request": 0}, 3))
    assert gateway.from_controller(command, 0.0) == [command]


def test_noise_takes_damages_delays_and_doubles_as_on_an_emulated_bms(gateway, bms, db):
    gateway.inject(EmiNoise(loss_pct=25, flip_pct=20, duplicate_pct=10, jitter_ms=5), 0.0, 0.0)
    now, later = 0, []
    for number in range(2000):
        now += len(gateway.from_bms(bms.safety(), number * CYCLE_S))
        later += gateway.due(number * CYCLE_S + 0.005)
    assert now < 20  # hardly a frame is not delayed at all
    assert gateway.next_due_s == float("inf")
    counters = gateway.path.counters
    assert counters.lost == pytest.approx(500, abs=100)
    assert sum(not sound(db, frame) for frame in later) == pytest.approx(300, abs=90)
    assert now + len(later) == 2000 - counters.lost + counters.duplicated


def statuses(db, frames, message="BMS_Safety"):
    receiver = E2EReceiver(db.message(message).e2e.data_id)
    return [receiver.on_frame(frame.data) for frame in frames]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(messages=("BMS_Safety",), drop=True), [E2EStatus.OK] * 2 + [E2EStatus.OK_SOME_LOST, E2EStatus.OK]),
        (Rule(messages=("BMS_Safety",), drop=True, counter="continued"), [E2EStatus.OK] * 4),
        (Rule(messages=("BMS_Safety",), repeats=1),
         [E2EStatus.OK] * 2 + [E2EStatus.OK, E2EStatus.REPEATED] * 2 + [E2EStatus.OK] * 2),
        (Rule(messages=("BMS_Safety",), repeats=1, counter="continued"), [E2EStatus.OK] * 8),
        (Rule(messages=("BMS_Safety",), counter="frozen"),
         [E2EStatus.OK] * 3 + [E2EStatus.REPEATED, E2EStatus.OK_SOME_LOST, E2EStatus.OK]),
        (Rule(write={"cell_temperature_max": 50.0}, crc="stale"),
         [E2EStatus.OK] * 2 + [E2EStatus.WRONG_CRC] * 2 + [E2EStatus.OK_SOME_LOST, E2EStatus.OK]),
        (Rule(invert=("cell_temperature_max",)), [E2EStatus.OK] * 6),
    ],
    ids=["drop", "drop unseen", "repeat", "repeat unseen", "frozen", "stale", "invert"],
)  # fmt: skip
def test_what_a_receiver_can_tell(gateway, bms, db, rule, expected):
    """Two frames before the rule, two under it, two after it."""
    out = []
    for number in range(6):
        if number == 2:
            injection = gateway.add(rule, 0.0, 0.0)
        if number == 4:
            gateway.clear(injection)
        out += gateway.from_bms(bms.safety(), number * CYCLE_S)
    assert statuses(db, out) == expected


def test_inverted_bits_are_those_of_the_signal_alone(gateway, bms, db):
    gateway.add(Rule(invert=("string_voltage_difference",)), 0.0, 0.0)
    sent = bms.safety()
    (out,) = gateway.from_bms(sent, 0.0)
    codec = db.codec("string_voltage_difference")
    changed = int.from_bytes(sent.data[3:], "little") ^ int.from_bytes(out.data[3:], "little")
    assert changed << 24 == ((1 << codec.length) - 1) << codec.shift


def test_a_delayed_frame_leaves_at_its_time_and_in_order(gateway, bms):
    gateway.add(Rule(messages=("BMS_Safety",), delay_ms=12.0), 0.0, 0.0)
    frames = [bms.safety() for _ in range(3)]
    for number, frame in enumerate(frames):
        assert gateway.from_bms(frame, number * CYCLE_S) == []
    assert gateway.next_due_s == pytest.approx(0.012)
    assert gateway.due(0.0119) == []
    assert gateway.due(0.0121) == frames[:1]
    assert gateway.due(1.0) == frames[1:]


def test_what_a_gateway_cannot_produce_is_refused(gateway):
    class Weld(Fault):
        kind = "weld"

    assert not Weld().on_the_bus()
    with pytest.raises(BenchError, match="a gateway in front of a real BMS cannot produce it"):
        gateway.inject(Weld(), 0.0, 0.0)


def test_a_signal_that_the_database_lacks_is_refused(classic):
    lacking = CellVoltage(cell=2, to_v=4.3)
    assert not classic.has("cell_voltage")
    with pytest.raises(BenchError, match=r"does not carry cell_voltage\[2\]"):
        Gateway(classic).inject(lacking, 0.0, 0.0)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda: Rule(write={"cell_temperature_max": 4000.0}), "is outside"),
        (lambda: Rule(write={"contactor_request": 1.0}), "EMS_Command is not sent by the BMS"),
        (lambda: Rule(messages=("BMS_Safty",), drop=True), "BMS_Safety"),
        (lambda: Rule(drop=True), "names no message"),
        (lambda: Rule(messages=("BMS_Safety",), delay_ms=-1), "delay_ms: -1 is not a number from 0 to 10000"),
        (lambda: Rule(messages=("BMS_Safety",), crc="best"), "crc is mended or stale"),
        (lambda: Rule.of({"message": "BMS_Safety"}), "messages"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(gateway, rule, words):
    with pytest.raises(BenchError, match=words):
        gateway.add(rule(), 0.0, 0.0)


def test_rules_travel_as_data():
    rule = Rule(messages=("BMS_Safety",), repeats=2, write={"soc": 50.0}, invert=("soc",), counter="frozen")
    assert Rule.of(rule.to_dict()) == rule


ANY_NODE = """VERSION ""
BU_: BMS EMS
BO_ 2566849022 Pack: 8 BMS
 SG_ Soc : 0|8@1+ (0.4,0) [0|100] "%" EMS
BO_ 256 Command: 8 EMS
 SG_ Power : 0|8@1+ (1,0) [0|100] "%" BMS
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "J1939PG";
"""


@pytest.fixture
def any_node(tmp_path):
    """A gateway on a J1939 database whose one message of the BMS comes from any source."""
    (tmp_path / "any.dbc").write_text(ANY_NODE)
    return Gateway(BusDatabase.load(tmp_path / "any.dbc", {"soc": "Pack.Soc"}))


def test_a_fault_acts_on_a_j1939_message_from_any_source(any_node):
    frame = Frame(0x18FF01F3, wire.EXTENDED, 8, bytes([125] * 8))
    assert any_node.from_bms(frame, 0.0) == [frame]
    assert any_node.live["soc"] == 50.0
    any_node.add(Rule(write={"soc": 20.0}), 0.0, 0.0)
    assert any_node.changes(frame)
    assert any_node.from_bms(frame, 0.1) == [frame._replace(data=bytes([50, *[125] * 7]))]
    other = frame._replace(frame_id=0x18FF02F3)
    assert any_node.from_bms(other, 0.2) == [other]


def test_of_a_message_from_any_source_each_source_passes_from_its_own_side(any_node):
    ours, theirs = (Frame(identifier, wire.EXTENDED, 8, bytes(8)) for identifier in (0x18FF01F3, 0x18FF0121))
    assert any_node.from_bms(ours, 0.0) == [ours]
    assert any_node.from_controller(theirs, 0.0) == [theirs]
    assert any_node.from_controller(ours, 0.1) == any_node.from_bms(theirs, 0.1) == []
    assert any_node.wrong_side == 2


def test_clearing_twice_says_so(gateway):
    number = gateway.inject(BmsSilence(), 0.0, 0.0)
    gateway.clear(number)
    with pytest.raises(BenchError, match="was it cleared before"):
        gateway.clear(number)
