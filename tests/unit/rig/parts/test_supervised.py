"""The safe state: by the supervisor as gently as it can, fully where that is not enough, and never forgotten at the end."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts import supervised
from v2g_bench.rig.parts.opening import roles_of
from v2g_bench.rig.parts.supervised import SupervisedClock, Supervision
from v2g_bench.rig.safety.physical import physical_side


class SupervisorClient:
    """A supervisor that can (gently, fully) or cannot make the rig safe; what it was told."""

    def __init__(self):
        self.reported, self.gently, self.fully = [], True, True

    def send(self, what, **values):
        self.reported.append((what, values))

    def make_safe(self, why, within_s, *, full=True):
        self.reported.append(("safe", {"full": full}))
        if not (self.fully if full else self.gently):
            raise BenchError("supervisor", "current still flows")

    def check(self):
        raise BenchError("supervisor", "has made the rig safe")


class Line:
    """The bench's own connection to the inverter."""

    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def line():
    return Line()


def supervision(loaded, tmp_path, note=print):
    made = Supervision(loaded, tmp_path, SimClock(100.0), note=note, later=lambda name, close: None)
    made.supervisor = SupervisorClient()
    return made


@pytest.fixture
def rig(tmp_path, line):
    rig = supervision(load_rig("virtual"), tmp_path)
    rig.inverter_at(InverterAddress(), line.close)
    return rig


def safe(rig):
    return [values["full"] for what, values in rig.supervisor.reported if what == "safe"]


def test_the_controller_lives_on_where_stopping_the_inverter_is_enough(rig, line):
    rig.make_safe("a breach")
    assert safe(rig) == [False]
    assert not line.closed


def test_where_it_is_not_enough_the_contactors_open_as_well(rig):
    rig.supervisor.gently = False
    rig.make_safe("a breach")
    assert safe(rig) == [False, True]


def test_a_rig_that_cannot_be_made_safe_is_an_error(rig):
    rig.supervisor.gently = rig.supervisor.fully = False
    with pytest.raises(BenchError, match="current still flows"):
        rig.make_safe("a breach")


def test_a_serial_line_is_left_to_the_supervisor(rig, line):
    rig.inverter_at(InverterAddress(device="/dev/ttyUSB0"), line.close)
    rig.make_safe("a breach")
    assert line.closed


@pytest.mark.parametrize(("kind", "full"), [("process", True), ("running", False)])
def test_at_the_end_a_controller_of_somebody_else_keeps_its_contactors(tmp_path, kind, full):
    loaded = load_rig("virtual")
    dut = loaded.rig.dut.model_copy(update={"kind": kind})
    rig = supervision(SimpleNamespace(rig=loaded.rig.model_copy(update={"dut": dut})), tmp_path)
    rig._safe_at_the_end()
    assert safe(rig) == [full]
    assert rig.supervisor.reported[-1] == ("disarm", {"well": True})


def test_at_the_end_without_a_supervisor_the_inverter_is_stopped_at_least(rig, monkeypatch):
    stopped = []
    monkeypatch.setattr(supervised, "stop_inverter", stopped.append)
    rig.supervisor.gently = rig.supervisor.fully = False
    with pytest.raises(BenchError, match="current still flows"):
        rig._safe_at_the_end()
    assert stopped == [rig._address]
    assert rig.supervisor.reported[-1] == ("disarm", {"well": False})


def test_no_time_passes_on_a_rig_that_the_supervisor_has_ended(rig, monkeypatch):
    monkeypatch.setattr(supervised.time, "sleep", lambda for_s: pytest.fail("slept"))
    for ask in (lambda: SupervisedClock(rig.check).pause(1.0), rig.require):
        with pytest.raises(BenchError, match="has made the rig safe"):
            ask()


def test_the_supervisor_hears_when_a_test_must_have_ended_and_when_silence_is_wanted(rig):
    rig.expect_end(5.0)
    rig.expect_end(None)
    rig.allow_silence(True)
    assert rig.supervisor.reported == [
        ("deadline", {"at_s": 105.0}),
        ("deadline", {"at_s": None}),
        ("silence", {"allowed": True}),
    ]


def watched(name, tmp_path, buses, roles_without=()):
    """A supervision that watches a rig without some roles, and what it noted."""
    loaded, notes = load_rig(name), []
    roles = {role: signal for role, signal in roles_of(loaded).items() if role not in roles_without}
    bms = type(loaded.rig.bms).model_validate(loaded.rig.bms.model_dump() | {"roles": roles})
    safety = loaded.rig.safety.model_copy(update={"max_cell_voltage_v": 4.2})
    changed = loaded.rig.model_copy(update={"bms": bms, "safety": safety})
    loaded = SimpleNamespace(rig=changed, resolve=loaded.resolve)
    rig = supervision(loaded, tmp_path, notes.append)
    db = BusDatabase.load(loaded.resolve(changed.bms.dbc, "bms.dbc"), roles)
    rig.watch(physical_side(changed, db), buses, Path("/run/plant"))
    return rig, notes


def test_the_supervisor_is_told_what_to_watch_before_it_is_armed(tmp_path):
    rig, notes = watched("virtual", tmp_path, {"main": {"channel": "bus"}})
    assert [what for what, _ in rig.supervisor.reported] == ["physical", "bus", "arm"]
    physical, bus = rig.supervisor.reported[0][1], rig.supervisor.reported[1][1]
    assert physical["truth"] == "/run/plant"
    assert physical["timeouts_s"]["cell_temperature_max"] == 1.0
    assert bus["bus"]["channel"] == "bus"
    assert notes == []
    assert json.loads(json.dumps(physical)) == physical


def test_a_limit_that_cannot_be_watched_is_noted_when_the_rig_is_opened(tmp_path):
    buses = {"bms": {"channel": "can0"}, "ems": {"channel": "can1"}}
    rig, notes = watched("hardware-example", tmp_path, buses, ["cell_voltage_max"])
    assert rig.supervisor.reported[0][1]["truth"] is None
    assert rig.supervisor.reported[1][1]["bus"] == {"channel": "can0"}, (
        "what the gateway writes is not the battery's word"
    )
    (reported,) = notes
    assert reported.startswith("NOT WATCHED: [safety] max_cell_voltage_v: ")
