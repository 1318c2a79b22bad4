"""Who is heard of a power and believed: digitizer, analyzer and BMS, which fit or contradict each other."""

import math
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import BmsAccuracy
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.parts.timing import Timestamp


def accurate(parts, **stated):
    """The same rig, whose file states other accuracies of the BMS."""
    bms = load_rig("virtual").rig.bms
    rig = load_rig("virtual").rig.model_copy(update={"bms": bms.model_copy(update={"accuracy": BmsAccuracy(**stated)})})
    parts.loaded = SimpleNamespace(rig=rig)
    return Session(parts).bench


@pytest.mark.parametrize(("scale", "message"), [(0.5, "the digitizer shows -4.4"), (-1.0, "the digitizer shows 8.8")])
@pytest.mark.parametrize("marks", [True, False], ids=["line at the input", "trigger alone"])
def test_a_digitizer_that_contradicts_the_bms_ends_the_test(bench, parts, scale, message, marks):
    parts.dc_scale, parts.sync.marks = scale, marks
    with pytest.raises(BenchError, match=message), bench.at_power(-3000):
        pytest.fail("the test began")
    assert parts.power_w == 0


def test_without_the_line_at_its_input_a_sound_digitizer_lets_the_test_begin(bench, parts):
    parts.sync.marks = False
    with bench.at_power(-3000):
        assert parts.armed == 1, "its current was compared, its time base was not"


@pytest.mark.parametrize("time_base", [0.001, -0.001, 0.02, 0.1, 0.2, -0.3])
def test_a_digitizer_with_a_wrong_time_base_starts_no_test(bench, parts, time_base):
    parts.time_base = time_base
    with pytest.raises(BenchError, match="two edges of the sync line"), bench.at_power(-3000):
        pytest.fail("the test began")
    assert parts.power_w == 0


def test_a_second_edge_that_never_comes_in_time_is_said(bench, parts):
    parts.late_s = 0.05
    with pytest.raises(BenchError, match="came too late"), bench.at_power(-3000):
        pytest.fail("the test began")


def test_witnesses_are_heard_once_a_test(bench, parts):
    for _ in range(3):
        with bench.at_power(-3000):
            pass
    assert parts.armed == 1
    with Session(parts).bench.at_power(-3000):
        pass
    assert parts.armed == 2


def test_where_the_power_is_not_there_nobody_is_heard(bench, parts):
    parts.obeys = 0.0
    with bench.power.asking(-3000):
        pass
    assert parts.armed == 0


@pytest.mark.parametrize(
    ("scale", "message"), [(1.2, "more comes out"), (0.5, "more is lost"), (-1.0, "different directions")]
)
def test_an_analyzer_that_shows_what_cannot_be_is_not_believed(bench, parts, scale, message):
    parts.ac_scale = scale
    with bench.at_power(-3000), pytest.raises(BenchError, match=message):
        bench.readings.ac_power()


def test_the_analyzer_is_read_with_its_accuracy(bench):
    with bench.at_power(-3000):
        reading = bench.readings.ac_power()
    assert reading.value == -3000
    assert reading.uncertainty.u == pytest.approx(3.0 / math.sqrt(3))


def test_the_dc_power_is_as_uncertain_as_the_rig_file_states_of_the_voltage(parts):
    """-3000 W are 8.8 A at 350 V: half a percent of 350 V, and half a count of 0.01 V, as a rectangle."""
    found = {}
    for pct in (0.5, 20.0):
        bench = accurate(parts, voltage_pct=pct)
        with bench.at_power(-3000):
            power = bench.readings.pack_power()
        (line,) = [part for part in power.budget.components if part.name == "voltage"]
        assert line.u == pytest.approx((pct / 100 * 350.0 + 0.005) / math.sqrt(3))
        assert line.source == "rig file: bms.accuracy"
        found[pct] = power.uncertainty.expanded
    assert found[20.0] > 30 * found[0.5]


def test_what_the_rig_file_does_not_state_is_called_an_assumption(parts):
    bench = accurate(parts, current_pct=1.0)
    with bench.at_power(-3000):
        power = bench.readings.pack_power()
    (line,) = [part for part in power.budget.components if part.name == "voltage"]
    assert line.source == "assumed, not in the rig file: bms.accuracy voltage_pct = 0.5"


@pytest.mark.parametrize(("current_pct", "starts"), [(1.0, False), (5.0, True)])
def test_what_contradicts_the_bms_is_a_matter_of_its_accuracy_by_the_rig_file(parts, current_pct, starts):
    parts.dc_scale = 1.2
    bench = accurate(parts, current_pct=current_pct, current_a=0.1)
    with nullcontext() if starts else pytest.raises(BenchError, match="contradict each other"), bench.at_power(-3000):
        assert starts


@pytest.mark.parametrize(("stated", "fits"), [({"current_pct": 1.0}, False), ({"current_pct": 20.0}, True)])
def test_what_comes_out_of_the_converter_is_a_matter_of_the_bms_s_accuracy(parts, stated, fits):
    """3390 W out of 3093 W cannot be, where the 3093 W are known to 2 %; where they are known to 20 %, they can."""
    parts.ac_scale = 1.13
    bench = accurate(parts, **stated)
    with bench.at_power(-3000), nullcontext() if fits else pytest.raises(BenchError, match="more comes out"):
        assert bench.readings.ac_power().value == pytest.approx(-3390)


def test_a_silent_bms_bears_no_witness(bench, parts):
    with bench.at_power(-3000):
        parts.silent, parts.ac_scale = True, 0.5
        assert bench.readings.ac_power().value == -1500


def test_a_bms_under_a_fault_bears_no_witness_and_the_log_counts_from_the_fault_on(bench, parts, monkeypatch):
    @contextmanager
    def active(faults, phase_s, meanwhile, *, alone):
        yield SimpleNamespace(on_bus=Timestamp(100.0, 1e-4, "a stamp"))

    monkeypatch.setattr(bench._faults._injector, "active", active)
    with bench.at_power(-3000):
        parts.ac_scale = 0.5
        with bench.inject(OverTemperature(cell=1, to_c=50)):
            assert bench.readings.ac_power().value == -1500
        assert parts.controller.log.marks == 1
        with pytest.raises(BenchError, match="contradict"):
            bench.readings.ac_power()
