"""What bus and inverter showed around a shutdown, out of a capture and the inverter's orders."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import NotTested
from v2g_bench.evidence.record import ORDERED
from v2g_bench.evidence.shutdown import REQUEST, STATE
from v2g_bench.inverter.orders import Order
from v2g_bench.rig.measuring.aftermath import Aftermath, closing_of
from v2g_bench.rig.measuring.command_lines import NoStart
from v2g_bench.rig.parts.timing import Timestamp

T0_S = 10.0
ORDERS = [Order(9.5, -3000.0, "aa"), Order(10.001, 0.0, "bb"), Order(16.0, 3000.0, "cc")]


class FakeRig:
    """A capture with a shutdown at T0_S, an emulated inverter, a clock that only pauses move."""

    def __init__(self, *, inverter="emulated"):
        self.db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
        self.store, self.now_s, self.count = FrameStore(), 10.5, 0
        client = SimpleNamespace(inverter_orders=lambda since_s: ORDERS)
        rig = SimpleNamespace(inverter=SimpleNamespace(kind=inverter), judging=SimpleNamespace(isolation_fraction=0.05))
        self.parts = SimpleNamespace(
            bus=SimpleNamespace(
                db=self.db,
                capture=SimpleNamespace(frames=self.frames),
                timestamp=lambda at_s: Timestamp(at_s, 1e-4, "a stamp"),
                latest_all=lambda: {STATE: 0.0},
            ),
            clock=SimpleNamespace(now_s=lambda: self.now_s, pause=self.pause),
            loaded=SimpleNamespace(rig=rig),
            world=SimpleNamespace(plant=SimpleNamespace(client=client)),
        )

    def pause(self, for_s):
        self.now_s += for_s

    def frames(self, frame_id=None, since_s=0.0, is_extended=False):
        columns = self.store.since(since_s)
        return columns if frame_id is None else columns.of(frame_id, is_extended)

    def frame(self, role, value, at_s, *, damaged=False):
        message = self.db.encode(self.db.message_of(role).name, {role: value}, self.count % 256)
        self.count += 1
        data = bytearray(message.data)
        if damaged:
            data[0] ^= 0xFF
        flags = 1 if message.is_extended_id else 0
        self.store.append(at_s, self.count, message.arbitration_id, flags, len(data), bytes(data))

    def shutdown(self):
        for role, value, at_s in (
            (REQUEST, 1.0, 9.9), (STATE, 2.0, 9.9), (REQUEST, 1.0, 10.01), (REQUEST, 0.0, 10.021), (REQUEST, 0.0, 10.03),
            (STATE, 0.0, 10.04), (REQUEST, 1.0, 15.5),
        ):  # fmt: skip
            self.frame(role, value, at_s)
        return self


def changes(seen):
    return [(one.role, one.value, one.at_s) for one in seen.changes]


def test_only_what_changes_is_kept_up_to_the_end_of_the_watch():
    seen = Aftermath(FakeRig().shutdown().parts).until(T0_S, 15.0, 0.05)
    assert changes(seen) == [
        (ORDERED, -3000.0, 9.5), (ORDERED, 0.0, 10.001), (REQUEST, 1.0, 9.9), (REQUEST, 0.0, 10.021), (STATE, 2.0, 9.9),
        (STATE, 0.0, 10.04),
    ]  # fmt: skip
    assert [one.frame for one in seen.changes[:2]] == ["aa", "bb"]


def test_it_waits_until_the_watch_is_over():
    rig = FakeRig().shutdown()
    Aftermath(rig.parts).until(T0_S, 15.0, 0.05)
    assert rig.now_s == 15.0


def test_a_damaged_frame_shows_nothing():
    rig = FakeRig()
    rig.frame(STATE, 2.0, 9.9)
    rig.frame(STATE, 0.0, 10.04, damaged=True)
    seen = Aftermath(rig.parts).until(T0_S, 15.0, 0.05)
    assert [one for one in changes(seen) if one[0] == STATE] == [(STATE, 2.0, 9.9)]


def test_the_orders_of_a_real_inverter_are_not_seen():
    seen = Aftermath(FakeRig(inverter="real").shutdown().parts).until(T0_S, 15.0, 0.05)
    assert not seen.orders
    assert not [one for one in seen.changes if one.role == ORDERED]


def test_a_database_without_the_contactors_shows_no_shutdown():
    rig = FakeRig()
    rig.parts.bus.db = SimpleNamespace(has=lambda role: role != STATE)
    with pytest.raises(NotTested, match="has no contactor_state"):
        Aftermath(rig.parts).until(T0_S, 15.0, 0.05)


@contextmanager
def closing(rig, *frames):
    for role, value, at_s in frames:
        rig.frame(role, value, at_s)
    rig.now_s = 16.5
    yield


def test_a_closing_has_its_precharge_and_its_order_to_run():
    rig = FakeRig()
    rig.frame(STATE, 0.0, 10.4)
    found = closing_of(rig.parts, closing(rig, (STATE, 1.0, 15.7), (STATE, 2.0, 15.9)))
    assert found.precharge.value == 1.0
    assert found.run.value == pytest.approx(100.0)


def test_a_closing_without_precharge_has_none():
    rig = FakeRig()
    rig.frame(STATE, 0.0, 10.4)
    assert closing_of(rig.parts, closing(rig, (STATE, 2.0, 15.9))).precharge.value == 0.0


def test_contactors_that_are_not_open_cannot_be_seen_to_close():
    rig = FakeRig()
    rig.parts.bus.latest_all = lambda: {STATE: 2.0}
    with pytest.raises(NoStart, match="not reported open"):
        closing_of(rig.parts, closing(rig))
