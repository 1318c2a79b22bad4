"""Every part gets a line: what answers, what is sick, what was not tried, and what could not be closed."""

import dataclasses
from types import SimpleNamespace

import pytest

from v2g_bench.commands import check
from v2g_bench.commands.check import Finding, check_rig
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts.opening import Step


class FakeRig:
    """Parts that open or do not, in a world that remembers what was opened and closed."""

    def __init__(self):
        self.opened, self.closed, self.trouble, self.asked = [], 0, {}, None
        self.notes, self.wont_close, self.note = {}, "", None
        self.parts = {"database": (), "bus": ("database",), "plant": ("bus",), "meter": ("plant",), "inverter": ()}

    def steps(self):
        return [Step(part, lambda part=part: self.open(part), needs) for part, needs in self.parts.items()]

    def open(self, part):
        self.opened.append(part)
        for text in self.notes.get(part, []):
            self.note(text)
        if part in self.trouble:
            raise self.trouble[part]
        return f"{part} of the fakes"

    def close(self, *, quiet=False):
        self.closed += 1
        if self.wont_close and not quiet:
            raise BenchError("rig", self.wont_close)


@pytest.fixture
def rig(monkeypatch):
    fake = FakeRig()

    def open_parts(loaded, folder, seed, *, strict, note, temporary):
        fake.note, fake.asked = note, SimpleNamespace(loaded=loaded, folder=folder, strict=strict)
        assert folder.is_dir()
        assert temporary, "nobody wants the folder of a check that was killed"
        return fake

    monkeypatch.setattr(check, "open_parts", open_parts)
    monkeypatch.setattr(check, "_stated", lambda loaded: iter(()))
    return fake


def found(**how):
    first, *others = check_rig("virtual", **how)
    assert (first.part, first.ok) == ("rig file", True)
    return {finding.part: finding for finding in others}


def test_the_rig_file_is_named_with_its_evidence(rig):
    first = next(iter(check_rig("virtual")))
    assert "virtual.toml" in first.text
    assert first.text.endswith("evidence emulated")


def test_a_sound_rig_has_a_line_for_each_part(rig):
    reported = found()
    assert list(reported) == list(rig.parts)
    assert reported["meter"] == Finding("meter", True, "meter of the fakes")
    assert all(finding.ok for finding in reported.values())
    assert rig.closed == 1
    assert not rig.asked.folder.exists()


@pytest.mark.parametrize("strict", [False, True])
def test_strictness_is_handed_on(rig, strict):
    found(strict=strict)
    assert rig.asked.strict is strict
    assert rig.asked.loaded.rig.name == "virtual"


def test_a_sick_part_does_not_keep_the_others_from_being_looked_at(rig):
    rig.trouble["meter"] = BenchError("meter", "does not answer", "is it on?")
    reported = found()
    assert reported["meter"] == Finding("meter", False, "meter: does not answer\n  is it on?")
    assert [part for part, finding in reported.items() if not finding.ok] == ["meter"]
    assert rig.opened == list(rig.parts)


def test_what_needs_a_sick_part_is_not_tried_and_neither_is_what_needs_that(rig):
    rig.trouble["bus"] = BenchError("bus", "is down")
    reported = found()
    assert reported["plant"] == Finding("plant", False, "not tried: it needs bus")
    assert reported["meter"] == Finding("meter", False, "not tried: it needs plant")
    assert reported["inverter"].ok
    assert rig.opened == ["database", "bus", "inverter"]


def test_all_that_is_missing_is_named(rig):
    rig.parts["controller"] = ("inverter", "bus", "database")
    rig.trouble = {"bus": BenchError("bus", "is down"), "inverter": BenchError("inverter", "is dark")}
    assert found()["controller"].text == "not tried: it needs bus, inverter"


def test_several_sick_parts_are_all_told(rig):
    rig.trouble = {"meter": BenchError("meter", "is off"), "inverter": BenchError("inverter", "is dark")}
    assert [finding.text for finding in found().values() if not finding.ok] == ["meter: is off", "inverter: is dark"]
    assert rig.closed == 1


def test_what_a_part_notes_stands_after_its_line(rig):
    rig.notes = {"bus": ["no vcan0 here: userland bus instead"]}
    reported = list(check_rig("virtual"))
    place = [finding.part for finding in reported].index("note")
    assert reported[place] == Finding("note", True, "no vcan0 here: userland bus instead")
    assert reported[place - 1].part == "bus"
    assert [finding.part for finding in reported].count("note") == 1


def test_every_note_is_told_once(rig):
    rig.notes = {"bus": ["one", "two"], "meter": ["three"]}
    reported = [finding.text for finding in check_rig("virtual") if finding.part == "note"]
    assert sorted(reported) == ["one", "three", "two"]


def test_what_cannot_be_closed_is_told_last(rig):
    rig.wont_close = "not all parts closed: plant: it does not end"
    reported = list(check_rig("virtual"))
    assert reported[-1] == Finding("closing", False, "rig: not all parts closed: plant: it does not end")


def test_a_sick_rig_that_cannot_be_closed_has_both_told(rig):
    rig.trouble["meter"], rig.wont_close = BenchError("meter", "is off"), "stuck"
    assert [part for part, finding in found().items() if not finding.ok] == ["meter", "closing"]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_the_rig_is_closed_whatever_ends_the_check(rig, error):
    rig.trouble["plant"] = error()
    with pytest.raises(error):
        list(check_rig("virtual"))
    assert rig.closed == 1
    assert not rig.asked.folder.exists()


def test_it_is_closed_where_nobody_reads_on(rig):
    lines = check_rig("virtual")
    assert [next(lines).part for _ in range(3)] == ["rig file", "database", "bus"]
    lines.close()
    assert rig.closed == 1


def test_a_broken_rig_file_opens_nothing(rig, tmp_path):
    (tmp_path / "mine.toml").write_text("name = 3")
    with pytest.raises(BenchError, match=r"mine\.toml"):
        list(check_rig(str(tmp_path / "mine.toml")))
    assert (rig.opened, rig.closed) == ([], 0)


def test_how_to_have_the_interface_that_a_userland_bus_stands_in_for(rig, monkeypatch):
    monkeypatch.setattr(check, "socketcan_problem", lambda channel, **_: f"no {channel}\nadd {channel}")
    reported = [finding.text for finding in check_rig("gateway") if finding.part == "note"]
    assert reported == ["to have vcan1 itself: add vcan1", "to have vcan0 itself: add vcan0"]
    monkeypatch.setattr(check, "socketcan_problem", lambda channel, **_: None)
    assert not [finding for finding in check_rig("gateway") if finding.part == "note"]


def test_what_dut_states_and_what_it_costs_stand_before_the_parts():
    loaded = load_rig("virtual")
    commands = loaded.rig.dut.commands | {"status": ["no-such-program"]}
    dut = loaded.rig.dut.model_copy(update={"commands": commands})
    rig = dataclasses.replace(loaded, rig=loaded.rig.model_copy(update={"dut": dut}))
    sick, cost = check._stated(rig)
    assert (sick.part, sick.ok) == ("dut.commands.status", False)
    assert cost == Finding("note", True, "missing dut.commands.power_cycle: END-02 will be NOT TESTED")


def test_commands_that_change_nothing_are_tried(rig):
    asked = []

    def must(name):
        asked.append(name)
        if name == "health":
            raise BenchError("dut.commands.health", "exit status 1")
        return SimpleNamespace(out="{}\n")

    rig.parts = {"controller": ()}
    commands = {"set_power": [], "status": [], "health": [], "reset_trip": []}
    rig.dut = SimpleNamespace(controller=SimpleNamespace(dut=SimpleNamespace(commands=commands), must=must))
    reported = found()
    assert asked == ["status", "health"]
    assert reported["dut.commands.status"] == Finding("dut.commands.status", True, "answers: {}")
    assert not reported["dut.commands.health"].ok
