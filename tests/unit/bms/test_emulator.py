from itertools import pairwise

import can
import pytest

from v2g_bench.bms.emulator import BmsEmulator
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import E2EReceiver, E2EStatus
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path


class Pack:
    """Records what the BMS asks of it, and reports what the test sets."""

    def __init__(self) -> None:
        self.roles = {"cell_temperature_max": 25.0, "cell_temperature_min": 24.0, "soc": 50.0, "contactor_state": 0.0}
        self.asked: list[tuple[str, bool, float]] = []

    def request_contactors(self, closed: bool, now_s: float) -> None:
        self.asked.append(("contactors", closed, now_s))

    def request_cooling(self, on: bool, now_s: float) -> None:
        self.asked.append(("cooling", on, now_s))


@pytest.fixture(scope="module")
def db() -> BusDatabase:
    return BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


@pytest.fixture
def pack() -> Pack:
    return Pack()


@pytest.fixture
def bms(db, pack) -> BmsEmulator:
    return BmsEmulator(db, lambda now_s: pack.roles, pack, seed=5)


def play(bms: BmsEmulator, until_s: float, late_s: float = 0.0) -> list[tuple[float, can.Message]]:
    """All frames until then, each taken `late_s` after it was due."""
    received = []
    while bms.next_due_s + late_s <= until_s:
        now_s = bms.next_due_s + late_s
        received += [(now_s, frame) for frame in bms.due(now_s)]
    return received


def of(db: BusDatabase, frames: list[tuple[float, can.Message]], name: str) -> list[tuple[float, can.Message]]:
    return [(at_s, frame) for at_s, frame in frames if frame.arbitration_id == db.messages[name].frame_id]


@pytest.mark.parametrize("late_s", [0.0, 0.0007])
def test_the_phase_is_held_over_a_thousand_cycles(db, bms, late_s):
    frames = play(bms, 10.05, late_s)
    for spec in db.senders("BMS"):
        if not spec.cycle_s:
            continue
        times = [at_s for at_s, _ in of(db, frames, spec.name)]
        assert len(times) >= 10 / spec.cycle_s
        assert max(abs(at_s - times[0] - n * spec.cycle_s) for n, at_s in enumerate(times)) < 1e-9


def test_messages_are_spread_over_the_cycle(db, bms):
    frames = play(bms, 0.25)
    starts = [of(db, frames, spec.name)[0][0] for spec in db.senders("BMS") if spec.cycle_s]
    starts.sort()
    assert min(later - earlier for earlier, later in pairwise(starts)) > 0.0005


def test_end_to_end_counters_go_up_by_one_through_a_thousand_frames(db, bms):
    frames = play(bms, 10.05)
    protected = [spec for spec in db.senders("BMS") if spec.e2e and spec.cycle_s]
    assert protected
    for spec in protected:
        receiver = E2EReceiver(spec.e2e.data_id)
        statuses = {receiver.on_frame(frame.data) for _, frame in of(db, frames, spec.name)}
        assert statuses == {E2EStatus.OK}


def test_a_value_that_changes_between_cycles_is_in_the_next_safety_frame(db, bms, pack):
    name = db.message_of("cell_temperature_max").name
    changed_s = 0.1034
    play(bms, changed_s)
    pack.roles["cell_temperature_max"] = 45.5
    at_s, first = of(db, play(bms, changed_s + 0.03), name)[0]
    assert db.decode(first)["cell_temperature_max"] == 45.5
    assert at_s - changed_s <= db.messages[name].cycle_s


def test_after_a_short_stall_what_is_missing_comes_late_and_the_phase_is_kept(db, bms):
    before = of(db, play(bms, 0.1), "BMS_Safety")[-1]
    frames = [frame for frame in bms.due(before[0] + 0.0352) if frame.arbitration_id == 0x80]
    counters = [frame.data[2] for frame in (before[1], *frames)]
    assert [(b - a) & 0xFF for a, b in pairwise(counters)] == [1, 1, 1]
    assert bms.missed == 0
    after = of(db, play(bms, before[0] + 0.08), "BMS_Safety")[0][0]
    assert after - before[0] == pytest.approx(0.04, abs=1e-9)


def test_after_a_long_stall_old_slots_are_left_out_and_counted(db, bms):
    before = of(db, play(bms, 0.1), "BMS_Safety")[-1][0]
    frames = bms.due(before + 0.1052)
    assert len([frame for frame in frames if frame.arbitration_id == 0x80]) == 6
    assert bms.missed > 0
    after = of(db, play(bms, before + 0.13), "BMS_Safety")[0][0]
    assert after - before == pytest.approx(0.11, abs=1e-9)


def test_a_value_beyond_the_signal_is_sent_as_its_limit(db, bms, pack):
    pack.roles["soc"] = 140.0
    frame = of(db, play(bms, 0.05), db.message_of("soc").name)[0][1]
    assert db.decode(frame)["soc"] == 100.0


def command(db: BusDatabase, counter: int, closed: bool, cooling: bool = False) -> can.Message:
    values = {"contactor_request": float(closed), "cooling_request": float(cooling)}
    return db.encode(db.message_of("contactor_request").name, values, counter)


def test_commands_move_contactors_and_cooling(db, bms, pack):
    assert bms.on_frame(command(db, 0, closed=True, cooling=True), 1.0)
    assert pack.asked == [("contactors", True, 1.0), ("cooling", True, 1.0)]
    assert bms.commanded


def test_a_command_with_a_wrong_checksum_or_an_old_counter_is_not_obeyed(db, bms, pack):
    bad = command(db, 0, closed=True)
    bad.data[-1] ^= 1
    assert not bms.on_frame(bad, 1.0)
    assert bms.on_frame(command(db, 1, closed=False), 1.01)
    assert not bms.on_frame(command(db, 1, closed=True), 1.02)
    assert [closed for what, closed, _ in pack.asked if what == "contactors"] == [False]
    assert bms.commands_rejected == 2


def test_a_silent_controller_opens_the_contactors_once(db, bms, pack):
    play(bms, 1.0)
    bms.on_frame(command(db, 0, closed=True), 1.0)
    pack.asked.clear()
    play(bms, 1.199)
    assert pack.asked == []
    play(bms, 2.0)
    assert [(what, closed) for what, closed, _ in pack.asked] == [("contactors", False)]
    assert pack.asked[0][2] == pytest.approx(1.2)
    assert bms.command_timeouts == 1


def test_frames_of_others_are_not_commands(db, bms, pack):
    assert not bms.on_frame(db.encode("BMS_Safety", {}, 0), 0.0)
    assert not bms.on_frame(can.Message(arbitration_id=0x7FF, is_extended_id=False), 0.0)
    assert pack.asked == []


def test_a_database_without_commands_connects_the_pack_by_itself(pack):
    roles = {"cell_temperature_max": "BMS_Safety.CellTempMax"}
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), roles)
    BmsEmulator(db, lambda now_s: pack.roles, pack, start_s=2.0)
    assert pack.asked == [("contactors", True, 2.0)]


@pytest.mark.parametrize("seed", range(3))
def test_the_seed_moves_phase_and_counters(db, pack, seed):
    def first(seed: int) -> tuple[float, bytes]:
        bms = BmsEmulator(db, lambda now_s: pack.roles, pack, seed=seed)
        at_s = bms.next_due_s
        return at_s, bytes(bms.due(at_s)[0].data)

    assert first(seed) == first(seed)
    assert first(seed) != first(seed + 10)
