"""The responder's own core and wires, and that it shares nothing with what measures."""

import ast
import socket
import struct
import threading
from pathlib import Path

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.qualification import responder, responder_line, responder_wire
from v2g_bench.qualification.responder import Responder, spin_until
from v2g_bench.qualification.responder_wire import CommandFrame, Danger, Inverter

HOT = Danger(0x80, False, 24, shift=24, length=16, signed=True, big_endian=False, limit=450.0)
DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


def hot_frame(celsius):
    return bytes(DB.encode("BMS_Safety", {"cell_temperature_max": celsius}, 1).data)


@pytest.mark.parametrize(("celsius", "dangerous"), [(45.0, False), (45.1, True), (-20.0, False), (120.0, True)])
def test_it_sees_the_dangerous_value(celsius, dangerous):
    assert HOT.is_in(0x80, False, hot_frame(celsius)) is dangerous


def test_it_sees_no_danger_in_other_frames():
    data = hot_frame(50.0)
    assert not HOT.is_in(0x81, False, data)
    assert not HOT.is_in(0x80, True, data)
    assert not HOT.is_in(0x80, False, data[:8])


def test_big_endian_and_falling_values():
    danger = Danger(1, False, 2, shift=4, length=8, signed=False, big_endian=True, limit=10, above=False)
    assert danger.is_in(1, False, bytes([0x00, 0x9F]))
    assert not danger.is_in(1, False, bytes([0x00, 0xA0]))


def test_it_reacts_once_a_set_time_after_the_first_dangerous_frame():
    core = Responder(HOT)
    core.on_frame(0x80, False, hot_frame(50.0), 0.5)
    assert core.due_s is None  # at rest nobody reacts
    core.arm(0.0495)
    core.on_frame(0x80, False, hot_frame(40.0), 0.9)
    assert core.due_s is None
    core.on_frame(0x80, False, hot_frame(50.0), 1.0)
    core.on_frame(0x80, False, hot_frame(50.0), 1.01)
    assert core.due_s == pytest.approx(1.0495)
    core.isolated(1.0495, 1.0499)
    assert core.due_s is None
    assert core.contactors_closed
    core.on_frame(0x80, False, hot_frame(50.0), 1.02)
    assert core.due_s is None
    assert (core.last.received_s, core.last.written_s, core.last.answered_s) == (1.0, 1.0495, 1.0499)
    core.arm(None)
    assert core.delay_s == 0.0495
    assert core.last is None
    core.rest()
    assert not core.contactors_closed


def test_its_command_frame_is_protected_and_counts():
    spec = DB.message_of("contactor_request")
    data = {state: DB.encode(spec.name, {"contactor_request": state}, 0).data.hex() for state in (0, 1)}
    frame = CommandFrame(spec.frame_id, False, True, True, 0.01, data[1], data[0], spec.e2e.data_id)
    one, two = frame.message(closed=True), frame.message(closed=False)
    assert DB.decode(one)["contactor_request"] == 1
    assert DB.decode(two)["contactor_request"] == 0
    assert check(one.data, spec.e2e.data_id)
    assert check(two.data, spec.e2e.data_id)
    assert (one.data[2], two.data[2]) == (0, 1)


@pytest.mark.parametrize("step_s", [1e-7, 0.0])
def test_it_waits_also_on_a_clock_that_stands_still_while_it_computes(monkeypatch, step_s):
    now_s, slept = 1.0, []

    def read():
        nonlocal now_s
        now_s += step_s
        return now_s

    def sleep(seconds):
        nonlocal now_s
        slept.append(seconds)
        now_s += seconds

    monkeypatch.setattr(responder.time, "monotonic", read)
    monkeypatch.setattr(responder.time, "sleep", sleep)
    spin_until(1.0005)
    assert now_s >= 1.0005
    assert bool(slept) is (step_s == 0.0)


class FakeInverter:
    """Models 1, 704 and (perhaps) 715 or 703 in a dictionary of registers, on a real socket."""

    def __init__(self, last_model):
        self.registers = {40000: 0x5375, 40001: 0x6E53}
        self.writes = []
        address = 40002
        for model, length in ((1, 66), (704, 65), (last_model, 8)):
            self.registers |= {address + offset: 0 for offset in range(length + 2)}
            self.registers |= {address: model, address + 1: length}
            if model == 704:
                self.registers[address + 55] = 0xFFFF  # scale -1
            address += length + 2
        self.registers |= {address: 0xFFFF, address + 1: 0}
        self.server = socket.create_server(("127.0.0.1", 0))
        self.refuse = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.server.accept()
        with connection:
            while head := connection.recv(7):
                number, _, length, unit = struct.unpack(">HHHB", head)
                answer = self.answer(connection.recv(length - 1))
                connection.sendall(struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer)

    def answer(self, request):
        code, address, count = struct.unpack(">BHH", request[:5])
        if self.refuse:
            return bytes([code | 0x80, 4])
        if code == 3:
            words = [self.registers[address + offset] for offset in range(count)]
            return bytes([3, 2 * count]) + struct.pack(f">{count}H", *words)
        self.writes.append((address, request[6:].hex()))
        return request[:5]


@pytest.mark.parametrize(("last_model", "offset"), [(715, 8), (703, 2)])
def test_it_speaks_to_a_sunspec_inverter(last_model, offset):
    fake = FakeInverter(last_model)
    inverter = Inverter("127.0.0.1", fake.server.getsockname()[1], 1)
    try:
        assert inverter.models == {1: 40002, 704: 40070, last_model: 40137}
        inverter.set_power(-3000.0)  # a discharge is a positive set-point there; the scale is 0.1 W
        inverter.start()
        inverter.stop()
        assert fake.writes == [
            (40070 + 22, "00010001" + f"{30000:08x}"),
            (40137 + offset, "0001"),
            (40137 + offset, "0000"),
        ]
        fake.refuse = True
        with pytest.raises(ValueError, match="refuses"):
            inverter.stop()
    finally:
        inverter.close()
        fake.server.close()
        fake.thread.join(5)


@pytest.mark.parametrize("module", [responder, responder_line, responder_wire])
def test_it_shares_no_code_with_what_measures(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    own = {name for name in named if name.startswith("v2g_bench")}
    assert own <= {"v2g_bench.qualification.responder_line", "v2g_bench.qualification.responder_wire"}
