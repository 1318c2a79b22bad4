"""Sources of one quantity: what agrees, what does not, who is asked, and what a disagreement does to a budget."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.clock import SimClock
from v2g_bench.evidence.compute import recomputed
from v2g_bench.evidence.reading import Reading
from v2g_bench.instruments.protocols import PowerReading
from v2g_bench.inverter.port import InverterReading
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring import comparisons as sources_module
from v2g_bench.rig.measuring.comparisons import BMS_CROSS_CHECKED, DOUBT, Comparisons, by_bms, by_inverter, compare
from v2g_bench.rig.parts.calibrated import UNCALIBRATED

RIG = load_rig("virtual").rig


def reading(name, value, half_width, unit="W"):
    return Reading(name, value, unit, Budget(name, unit, [Component.rectangular("accuracy", half_width)]))


def test_two_that_agree_and_two_that_do_not():
    good = compare("AC power", [reading("meter", -3000.0, 5), reading("inverter", -3040.0, 55)])
    assert good.agreed
    assert 0 < good.e_n < 1
    bad = compare("AC power", [reading("meter", -3150.0, 5), reading("inverter", -3000.0, 55)])
    assert not bad.agreed
    assert bad.apart == 150
    assert bad.e_n == pytest.approx(150 / (2 / math.sqrt(3) * 55.2), rel=0.01)
    assert "meter and inverter disagree by 150 W, combined U 64 W" in bad.text
    assert "meter -3150.0 W ± 5.8 W" in bad.text
    assert "inverter -3000 W ± 64 W" in bad.text


def test_one_source_has_nobody_to_disagree_with():
    assert compare("AC power", [reading("meter", 1.0, 1)]) is None
    assert compare("AC power", [reading("meter", 1.0, 1), Reading("inverter", None, "W", None, "silent")]) is None


def test_the_worst_pair_of_three_counts():
    three = [reading("digitizer", 8.7, 0.01, "A"), reading("BMS", 9.13, 0.19, "A"), reading("inverter", 8.7, 0.16, "A")]
    found = compare("DC current", three)
    assert not found.agreed
    assert "digitizer and BMS disagree" in found.text
    assert found.apart == pytest.approx(0.43)


def test_what_the_rig_file_says_of_bms_and_inverter():
    bms = by_bms(RIG, "pack_current", -10.0, resolution=0.1)
    assert bms.uncertainty.u == pytest.approx((0.1 + 0.1 + 0.05) / math.sqrt(3))
    seen = InverterReading(-3000.0, 230.0, 50.0, 350.0, -8.8, math.nan, True, False)
    assert by_inverter(RIG, seen, "AC power").uncertainty.u == pytest.approx(55 / math.sqrt(3))
    assert by_inverter(RIG, seen, "DC current", 350.0).uncertainty.u == pytest.approx(55 / 350 / math.sqrt(3))
    assert by_inverter(RIG, seen, "DC current", 0.0) is None, "no voltage, no current for its rating"
    assert by_inverter(RIG, seen, "SoC") is None, "it does not measure it"


class World:
    """Everything at -3 kW, each source with a factor of its own."""

    def __init__(self, **scale):
        self.scale = {"bms": 1.0, "inverter": 1.0, "analyzer": 1.0, "multimeter": 1.0} | scale
        self.loaded, self.clock, self.done, self.drift_w = load_rig("virtual"), SimClock(10.0), [], 0.0
        self.sag_v = 0.0
        self.inverter = SimpleNamespace(reading=self.registers)
        analyzer = SimpleNamespace(series=self.series, rms_accuracy=lambda v, a: (0.4, 0.03, "a data sheet"))
        self.meters = {
            "multimeter": SimpleNamespace(
                ac_voltage=lambda: self.begun("volts", 230.0),
                ac_current=lambda: self.begun("amperes", 13.04),
                rms_accuracy=lambda v, a: (0.5, 0.1, "another data sheet"),
            )
        }
        self.instruments = SimpleNamespace(meters=self.meters, analyzer=analyzer, calibrated=lambda name: UNCALIBRATED)
        self.bus = SimpleNamespace(db=SimpleNamespace(resolution=lambda role: 0.01), latest_all=self.latest_all)

    def series(self, count):
        scale = self.scale["analyzer"]
        for place in range(count):
            self.done.append(f"reading {place}")
            yield PowerReading(-3000, 230.0 * scale + self.sag_v * place, 13.04 * scale, 50, 0, 0)

    def begun(self, what, value):
        self.done.append(f"begin {what}")

        def wait():
            self.done.append(f"wait for {what}")
            return value * self.scale["multimeter"]

        return wait

    def registers(self):
        scale = self.scale["inverter"]
        return InverterReading(-3000.0 * scale + self.drift_w, 230.0, 50.0, 350.0, -8.8 * scale, 50.0, True, False)

    def latest_all(self):
        return {"pack_current": -8.8 * self.scale["bms"], "pack_voltage": 350.0, "soc": 50.0}


@pytest.fixture
def accuracy():
    return []


def of(world, accuracy):
    return Comparisons(world, accuracy.append)


def power(value=-3000.0):
    return reading("AC power by the analyzer", value, 6.0)


def current(value=-8.8):
    return reading("DC current by the digitizer", value, 0.01, "A")


def test_a_sound_rig_agrees_about_everything(accuracy):
    world = World()
    found = of(world, accuracy)
    found.steady(current(), found.look(), bms=BMS_CROSS_CHECKED)
    found.at_the_terminals(power(), world.registers(), world.registers(), found.measured(5)[1])
    assert [one.quantity for one in accuracy] == [
        "DC current",
        "DC voltage",
        "SoC",
        "AC power",
        "AC voltage",
        "AC current",
    ]
    assert all(one.agreed for one in accuracy)
    assert not found.doubts


@pytest.mark.parametrize(
    ("sick", "quantities"),
    [
        ("bms", {"DC current"}),
        ("inverter", {"DC current", "AC power"}),
        ("multimeter", {"AC voltage", "AC current"}),
        ("analyzer", {"AC power", "AC voltage", "AC current"}),
    ],
)
def test_a_source_that_is_5_pct_off_is_noticed_and_said(accuracy, sick, quantities):
    world = World(**{sick: 1.05})
    found = of(world, accuracy)
    found.steady(current(), found.look(), bms=BMS_CROSS_CHECKED)
    found.at_the_terminals(
        power(-3150.0 if sick == "analyzer" else -3000.0), world.registers(), world.registers(), found.measured(5)[1]
    )
    assert {one.quantity for one in accuracy if not one.agreed} == quantities
    assert all(sick in one.text.lower() for one in accuracy if not one.agreed)
    if quantities & {"AC power", "AC current"}:
        assert found.doubts["AC power"] == pytest.approx(150 if sick == "inverter" else 300, rel=0.1)


def test_a_bms_that_a_fault_fakes_is_not_asked(accuracy):
    found = of(World(bms=2.0), accuracy)
    found.steady(current(), found.look(), bms={"soc"})
    assert "DC voltage" not in [one.quantity for one in accuracy]
    assert all(one.agreed for one in accuracy)


@pytest.mark.parametrize("source", ["inverter", "bms"])
def test_a_current_that_moves_on_after_the_record_is_no_contradiction(accuracy, source):
    """A derating goes by steps of some percent: the record was made before one, the looks lie around it."""
    world = World()
    found = of(world, accuracy)
    before = found.look()
    world.scale[source] = 0.95
    found.steady(current(), before, bms={"pack_current"})
    (compared,) = [one for one in accuracy if one.quantity == "DC current"]
    assert compared.agreed, compared.text
    (moved,) = [one for one in compared.readings if "moved meanwhile" in str(one.budget.components)]
    assert moved.value == pytest.approx(-8.8 * 0.975)


def test_the_multimeter_is_held_against_once_a_test_and_not_while_the_power_moves(accuracy):
    world = World()
    found = of(world, accuracy)
    before = world.registers()
    world.drift_w = 200.0
    found.at_the_terminals(power(-2900.0), before, world.registers(), found.measured(5)[1])
    assert accuracy[-1].quantity == "AC power"
    assert accuracy[-1].agreed, "it moved from -3000 W to -2800 W"
    for _ in range(2):
        found.at_the_terminals(power(-2800.0), world.registers(), world.registers(), found.measured(5)[1])
    assert [one.quantity for one in accuracy].count("AC voltage") == 1
    assert world.done.count("begin volts") == 2, "while it moved, and then"


def test_the_multimeter_measures_while_the_analyzer_does_and_is_held_against_the_same_time():
    world = World()
    world.sag_v = 1.0
    readings, beside = of(world, []).measured(5)
    assert world.done == [
        "begin volts", "reading 0", "reading 1", "wait for volts",
        "begin amperes", "reading 2", "reading 3", "reading 4", "wait for amperes",
    ]  # fmt: skip
    assert [one.voltage_v for one in readings] == pytest.approx([230, 231, 232, 233, 234])
    assert beside["analyzer"].voltage_v == pytest.approx(230.5), "of the readings beside its volts"
    assert (beside["multimeter"].voltage_v, beside["multimeter"].current_a) == pytest.approx((230.0, 13.04))


def test_without_a_multimeter_the_analyzer_measures_alone(accuracy):
    world = World()
    world.meters.clear()
    found = of(world, accuracy)
    readings, beside = found.measured(1)
    assert len(readings) == 1
    found.at_the_terminals(power(), world.registers(), world.registers(), beside)
    assert [one.quantity for one in accuracy] == ["AC power"]


def test_a_disagreement_widens_what_is_read_afterwards(accuracy):
    found = of(World(), accuracy)
    assert found.doubt("AC power") == []
    found.hold("AC power", power(-3150.0), reading("inverter", -3000.0, 55))
    found.hold("AC power", power(-3010.0), reading("inverter", -3000.0, 55))
    (part,) = found.doubt("AC power")
    assert (part.name, part.u) == (DOUBT, pytest.approx(150 / math.sqrt(3)))


def test_what_is_told_can_be_computed_again(accuracy):
    found = of(World(), accuracy)
    found.steady(current(), found.look(), bms=BMS_CROSS_CHECKED)
    bms = accuracy[0].readings[1]
    assert recomputed(bms.evidence).value == bms.value
    assert recomputed(bms.evidence).uncertainty.expanded == pytest.approx(bms.uncertainty.expanded)


def during(accuracy, monkeypatch, meter_a, bms_a):
    """A second of record at 1 kHz beside 50 frames."""
    world = World()
    timestamps = 100.0 + 0.02 * np.arange(1, len(bms_a) + 1)
    monkeypatch.setattr(sources_module, "signal", lambda frames, db, role, since_s: (timestamps, np.asarray(bms_a)))
    of(world, accuracy).during(Waveform(100.0, 0.001, np.asarray(meter_a)), None, 0.004, 1e-4, "a data sheet")


@pytest.mark.parametrize(("scale", "agreed"), [(1.0, True), (1.05, False), (0.0, False)])
def test_a_whole_record_is_held_against_the_frames_of_its_time(accuracy, monkeypatch, scale, agreed):
    during(accuracy, monkeypatch, np.full(1100, -8.8), np.full(50, -8.8 * scale))
    assert [one.agreed for one in accuracy] == [agreed]


def test_a_current_that_moves_is_shown_late_and_no_contradiction(accuracy, monkeypatch):
    steps = np.where(np.arange(50) < 25, -8.8, 0.0)
    during(accuracy, monkeypatch, np.where(np.arange(1100) < 480, -8.8, 0.0), steps)
    assert [one.agreed for one in accuracy] == [True]


def test_a_bms_that_is_not_heard_says_nothing(accuracy, monkeypatch):
    during(accuracy, monkeypatch, np.full(1100, -8.8), np.full(3, 0.0))
    assert accuracy == []
