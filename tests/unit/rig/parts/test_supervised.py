"""The safe state: by the supervisor as gently as it can, fully where that is not enough, and never forgotten at the end."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from v2g_bench.can.roles import read_roles
from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts import supervised
from v2g_bench.rig.parts.supervised import Supervised


class Guard:
    """A supervisor that can (gently, fully) or cannot make the rig safe; what it was told."""

    def __init__(self):
        self.told, self.gently, self.fully = [], True, True

    def tell(self, what, **values):
        self.told.append((what, values))

    def make_safe(self, why, within_s, *, full=True):
        self.told.append(("safe", {"full": full}))
        if not (self.fully if full else self.gently):
            raise BenchError("supervisor", "current still flows")

    def check(self):
        raise BenchError("supervisor", "has made the rig safe")


@pytest.fixture
def rig():
    rig = Supervised(load_rig("virtual"))
    rig.guard, rig.clock, rig._address = Guard(), SimClock(100.0), InverterAddress()
    rig.inverter = SimpleNamespace(closed=False, close=lambda: setattr(rig.inverter, "closed", True))
    return rig


def safe(rig):
    return [values["full"] for what, values in rig.guard.told if what == "safe"]


def test_the_controller_lives_on_where_stopping_the_inverter_is_enough(rig):
    rig.make_safe("a breach")
    assert safe(rig) == [False]
    assert not rig.inverter.closed


def test_where_it_is_not_enough_the_contactors_open_as_well(rig):
    rig.guard.gently = False
    rig.make_safe("a breach")
    assert safe(rig) == [False, True]


def test_a_rig_that_cannot_be_made_safe_is_an_error(rig):
    rig.guard.gently = rig.guard.fully = False
    with pytest.raises(BenchError, match="current still flows"):
        rig.make_safe("a breach")


def test_a_serial_line_is_left_to_the_supervisor(rig):
    rig._address = InverterAddress(device="/dev/ttyUSB0")
    rig.make_safe("a breach")
    assert rig.inverter.closed


@pytest.mark.parametrize(("kind", "full"), [("process", True), ("running", False)])
def test_at_the_end_a_controller_of_somebody_else_keeps_its_contactors(rig, kind, full):
    dut = rig.loaded.rig.dut.model_copy(update={"kind": kind})
    rig.loaded = SimpleNamespace(rig=rig.loaded.rig.model_copy(update={"dut": dut}))
    rig._safe_at_the_end()
    assert safe(rig) == [full]
    assert rig.guard.told[-1] == ("disarm", {"well": True})


def test_at_the_end_without_a_supervisor_the_inverter_is_stopped_at_least(rig, monkeypatch):
    stopped = []
    monkeypatch.setattr(supervised, "stop_inverter", stopped.append)
    rig.guard.gently = rig.guard.fully = False
    with pytest.raises(BenchError, match="current still flows"):
        rig._safe_at_the_end()
    assert stopped == [rig._address]
    assert rig.guard.told[-1] == ("disarm", {"well": False})


def test_no_time_passes_on_a_rig_that_the_supervisor_has_ended(rig, monkeypatch):
    monkeypatch.setattr(supervised.time, "sleep", lambda for_s: pytest.fail("slept"))
    for ask in (lambda: rig.pause(1.0), rig.require_supervised):
        with pytest.raises(BenchError, match="has made the rig safe"):
            ask()


def test_the_supervisor_hears_when_a_test_must_have_ended_and_when_silence_is_wanted(rig):
    rig.expect_end(5.0)
    rig.expect_end(None)
    rig.allow_silence(True)
    assert rig.guard.told == [
        ("deadline", {"at_s": 105.0}),
        ("deadline", {"at_s": None}),
        ("silence", {"allowed": True}),
    ]


def opened(name, roles_without=()):
    """A rig with its database, and what it noted."""
    rig, notes = Supervised(load_rig(name)), []
    rig.guard, rig.clock, rig._note = Guard(), SimClock(100.0), notes.append
    roles = rig.loaded.rig.bms.roles
    table = read_roles(rig.loaded.resolve(roles, "bms.roles")) if isinstance(roles, str) else roles
    bms = rig.loaded.rig.bms.model_copy(
        update={"roles": {role: signal for role, signal in table.items() if role not in roles_without}}
    )
    safety = rig.loaded.rig.safety.model_copy(update={"max_cell_voltage_v": 4.2})
    changed = rig.loaded.rig.model_copy(update={"bms": bms, "safety": safety})
    rig.loaded = SimpleNamespace(rig=changed, resolve=rig.loaded.resolve)
    rig._open_database()
    return rig, notes


def test_the_supervisor_is_told_what_to_watch_before_it_is_armed():
    rig, notes = opened("virtual")
    rig._watch_physical({"main": {"channel": "bus"}}, Path("/run/plant"))
    assert [what for what, _ in rig.guard.told] == ["physical", "bus", "arm"]
    physical, bus = rig.guard.told[0][1], rig.guard.told[1][1]
    assert physical["truth"] == "/run/plant"
    assert physical["timeouts_s"]["cell_temperature_max"] == 1.0
    assert bus["bus"]["channel"] == "bus"
    assert notes == []
    assert json.loads(json.dumps(physical)) == physical


def test_a_limit_that_cannot_be_watched_is_noted_when_the_rig_is_opened():
    rig, notes = opened("hardware-example", ["cell_voltage_max"])
    rig._watch_physical({"bms": {"channel": "can0"}, "ems": {"channel": "can1"}}, Path("/run/plant"))
    assert rig.guard.told[0][1]["truth"] is None
    assert rig.guard.told[1][1]["bus"] == {"channel": "can0"}, "what the gateway writes is not the battery's word"
    (told,) = notes
    assert told.startswith("NOT WATCHED: [safety] max_cell_voltage_v: ")
