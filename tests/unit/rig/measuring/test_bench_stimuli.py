"""What is injected: how far a stimulus may go, and what of it is in force."""

import math
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.pack import FULL_PCT, nearly_full_pct
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.parts.timing import Timestamp

REAL_BMS = load_rig("hardware-example").rig.bms
TWO_BUSES, ONE_BUS = load_rig("hardware-example").rig.bus, load_rig("virtual").rig.bus


def on_this_rig(parts, monkeypatch, **parts_of_the_rig):
    """A bench on a rig with other parts, whose injector only says what it was asked for."""
    parts.loaded = SimpleNamespace(rig=parts.loaded.rig.model_copy(update=parts_of_the_rig))
    bench, injected = Session(parts).bench, []

    @contextmanager
    def active(faults, phase_s, meanwhile, *, alone):
        injected.extend(faults)
        yield SimpleNamespace(on_bus=Timestamp(100.0, 1e-4, "a stamp"))

    monkeypatch.setattr(bench._faults._injector, "active", active)
    return bench, injected


@pytest.mark.parametrize("step_pct", [0.01, 0.1, 0.25, 0.4, 0.5, 1.0])
def test_a_nearly_full_pack_is_not_shown_as_full_and_soon_will_be(step_pct):
    nearly_pct = nearly_full_pct(step_pct)
    shown = [round(soc_pct / step_pct) * step_pct for soc_pct in (nearly_pct, nearly_pct + 0.002)]
    assert shown[0] < FULL_PCT <= round(shown[1], 6)


@pytest.mark.parametrize("to_c", [61.0, 70.0, 125.0])
@pytest.mark.parametrize(
    "rig", [{}, {"bus": TWO_BUSES}, {"bms": REAL_BMS, "bus": TWO_BUSES}], ids=["emulated", "gateway", "real, gateway"]
)
def test_a_stimulus_that_heats_no_cell_has_no_limit(parts, monkeypatch, rig, to_c):
    bench, injected = on_this_rig(parts, monkeypatch, **rig)
    fault = OverTemperature(cell=1, to_c=to_c)
    with bench.inject(fault), bench.inject(fault):  # the second while the bus shows the first
        assert injected == [fault, fault]


def test_where_a_real_bms_is_heard_directly_the_battery_itself_would_be_so_hot(parts, monkeypatch):
    bench, injected = on_this_rig(parts, monkeypatch, bms=REAL_BMS, bus=ONE_BUS)
    with pytest.raises(BenchError, match="max_cell_temperature_c"), bench.inject(OverTemperature(cell=1, to_c=61)):
        pass
    assert injected == []
    with bench.inject(OverTemperature(cell=1, to_c=59)):
        assert injected


@pytest.mark.parametrize("true_c", [61.0, 300.0, math.nan])
def test_while_the_pack_itself_is_beyond_the_envelope_nothing_is_injected(parts, monkeypatch, true_c):
    bench, injected = on_this_rig(parts, monkeypatch)
    parts.true = {"cell_temperature_max": true_c}
    with pytest.raises(BenchError, match=r"is not injected.*max_cell_temperature_c"), bench.inject(BmsSilence()):
        pass
    assert injected == []


def test_a_fault_that_ends_before_another_leaves_the_other_in_force(bench, monkeypatch):
    @contextmanager
    def active(faults, phase_s, meanwhile, *, alone):
        yield SimpleNamespace(on_bus=Timestamp(100.0, 1e-4, "a stamp"))

    monkeypatch.setattr(bench._faults._injector, "active", active)
    hot, silent = OverTemperature(cell=1, to_c=50), BmsSilence()
    first = bench.inject(hot)
    first.__enter__()
    with bench.inject(silent):
        first.__exit__(None, None, None)
        assert bench._faults.in_force == [silent]
        assert bench.readings._cross_check.roles() == set(), "a silent BMS bears no witness"
    assert bench.readings._cross_check.roles() == {"pack_current", "pack_voltage", "soc"}
