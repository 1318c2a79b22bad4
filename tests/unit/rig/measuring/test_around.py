"""What happened around a moment, out of a capture, the inverter's orders, the log, the commands and the faults."""

from types import SimpleNamespace

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import ORDERED
from v2g_bench.evidence.shutdown import REQUEST, STATE
from v2g_bench.faults import OverTemperature
from v2g_bench.inverter.orders import Order
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.measuring.around import MOST, MOST_OF_ONE, Surroundings
from v2g_bench.rig.measuring.said.log_book import Line
from v2g_bench.rig.measuring.said.notebook import Command, InForce

T0_S = 10.0
HOT = "cell_temperature_max"


class Rig:
    def __init__(self, inverter="emulated"):
        self.db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
        self.store, self.count, self.lost = FrameStore(), 0, False
        client = SimpleNamespace(inverter_orders=lambda since_s: [Order(9.0, -3000.0, "aa"), Order(10.07, 0.0, "bb")])
        self.parts = SimpleNamespace(
            bus=SimpleNamespace(db=self.db, capture=SimpleNamespace(frames=self.frames)),
            clock=SimpleNamespace(now_s=lambda: 11.0),
            loaded=SimpleNamespace(rig=SimpleNamespace(inverter=SimpleNamespace(kind=inverter))),
            world=SimpleNamespace(plant=SimpleNamespace(client=client)),
        )
        self.notebook = SimpleNamespace(faults=[], commands=[], log=SimpleNamespace(lines=lambda now_s: self.lines))
        self.lines: list[Line] = []

    def frames(self, frame_id=None, since_s=0.0, is_extended=False):
        if self.lost:
            raise BenchError("capture", "frames since then are not kept any more")
        columns = self.store.since(since_s)
        return columns if frame_id is None else columns.of(frame_id, is_extended)

    def frame(self, at_s, **values):
        message = self.db.encode(self.db.message_of(next(iter(values))).name, values, self.count % 256)
        self.count += 1
        flags = 1 if message.is_extended_id else 0
        self.store.append(at_s, self.count, message.arbitration_id, flags, len(message.data), bytes(message.data))
        return self

    def around(self, until_s=10.5):
        return Surroundings(self.parts, self.notebook).around(T0_S, until_s)


def told(found, by):
    return [(one.at_s, one.text) for one in found.moments if one.by == by]


def test_the_frame_at_t0_is_decoded_beside_the_one_before():
    rig = Rig().frame(9.99, **{HOT: 25.0}).frame(T0_S, **{HOT: 45.5}).frame(10.01, **{HOT: 50.0})
    found = rig.around()
    assert found.frame.startswith("BMS_Safety, identifier 0x80, data ")
    assert ("cell temperature max", "25 °C", "45.5 °C") in found.values


def test_where_no_frame_marks_the_moment_none_is_shown():
    found = Rig().frame(9.99, **{HOT: 25.0}).around()
    assert (found.frame, found.values) == ("", [])


def test_what_the_controller_sends_and_the_contactors_report_and_nothing_twice():
    rig = Rig()
    for at_s, role, value in (
        (9.9, REQUEST, 1.0), (9.95, REQUEST, 1.0), (9.9, STATE, 2.0), (10.08, REQUEST, 0.0), (10.1, STATE, 0.0),
    ):  # fmt: skip
        rig.frame(at_s, **{role: value})
    found = rig.around()
    asked = [(at_s, "contactor request open (was closed)" in text) for at_s, text in told(found, "controller, CAN")]
    assert asked == [(9.9, False), (10.08, True)]
    assert told(found, "BMS, CAN")[-1] == (10.1, "contactor state open (was closed)")
    assert {(one.role, one.value) for one in found.changes} >= {(REQUEST, 0.0), (STATE, 0.0), (ORDERED, 0.0)}


def test_what_it_wrote_by_modbus_and_that_a_real_inverter_hides_it():
    assert told(Rig().around(), "controller, Modbus") == [
        (9.0, "orders -3000 W, request aa"),
        (10.07, "orders 0 W, request bb"),
    ]
    ((_, text),) = told(Rig(inverter="sunspec").around(), "controller, Modbus")
    assert "cannot be seen" in text


def test_a_line_of_the_log_has_its_own_time_where_that_is_possible_else_its_bounds():
    rig = Rig()
    rig.lines = [
        Line(8.0, 8.5, "long before"),
        Line(9.8, 10.6, "2026 10.0704 ERROR trip"),
        Line(9.8, 10.6, "at 1234.567 by another clock"),
        Line(10.8, 11.0, "after all"),
    ]
    found = [(one.at_s, one.until_s, one.text) for one in rig.around().moments if one.by == "controller, log"]
    assert found == [
        (9.8, 10.6, "at 1234.567 by another clock"),
        (10.0704, None, "2026 10.0704 ERROR trip"),
    ]


def test_the_fault_and_the_commands_with_the_last_one_before():
    rig = Rig()
    rig.notebook.faults = [InForce(OverTemperature(17, 45.5), 9.99, 10.3)]
    power = {"power_w": "-3000"}
    rig.notebook.commands = [
        Command("status", {}, Reply([], 0, "", ""), 1.0, 1.1),
        Command("set_power", power, Reply([], 0, "", ""), 2.0, 2.1),
        Command("set_power", power, Reply([], 1, "", "tripped"), 10.2, 10.3),
    ]
    found = rig.around()
    assert told(found, "command") == [
        (2.0, "set_power power_w=-3000: accepted"),
        (10.2, "set_power power_w=-3000: refused: tripped"),
    ]
    begins, ends = told(found, "bench")
    assert begins[0] == 9.99
    assert begins[1].startswith("fault over temperature, cell 17, to 45.5 °C")
    assert ends[0] == 10.3


def test_a_ramp_is_told_by_its_beginning_and_the_number_of_the_rest():
    rig = Rig()
    for step in range(3 * MOST):
        rig.frame(9.8 + 0.001 * step, power_setpoint=float(-10 * step))
    found = rig.around()
    assert len(told(found, "controller, CAN")) == MOST_OF_ONE
    assert told(found, "bench")[-1][1].startswith(f"{3 * MOST - MOST_OF_ONE} more changes")


def test_a_bus_that_is_not_kept_any_more_is_no_error():
    rig = Rig().frame(T0_S, **{HOT: 45.5})
    rig.lost = True
    found = rig.around()
    assert "cannot be shown" in told(found, "bench")[0][1]
    assert found.frame == ""


@pytest.mark.parametrize("at_s", [9.69, 10.51])
def test_nothing_of_another_time(at_s):
    rig = Rig().frame(at_s, power_setpoint=-1000.0)
    assert told(rig.around(), "controller, CAN") == []


def test_where_no_frame_is_stamped_then_the_controllers_last_one_before_is_shown():
    rig = Rig().frame(9.9, **{REQUEST: 1.0}).frame(9.95, **{HOT: 25.0}).frame(10.2, **{REQUEST: 0.0})
    found = rig.around()
    assert found.frame.startswith("none is stamped t0; the controller's last before it: EMS_")
    assert ("contactor request", "—", "closed") in found.values


def test_the_current_as_the_bms_reports_it():
    rig = Rig().frame(9.5, pack_current=-8.0).frame(9.9, pack_current=-8.0).frame(10.1, pack_current=0.0)
    assert rig.around().current == [(9.9, -8.0), (10.1, 0.0)]


def test_a_frame_without_a_value_of_the_current_shows_none():
    rig = Rig().frame(9.9, pack_current=-8.0)
    message = rig.db.encode(rig.db.message_of("pack_current").name, {}, 1)  # as of a BMS that has just started
    rig.store.append(10.1, 99, message.arbitration_id, 0, len(message.data), bytes(message.data))
    assert rig.around().current == [(9.9, -8.0)]
