import dataclasses

import numpy as np
import pytest

from v2g_bench.pack.ageing import kit
from v2g_bench.pack.ageing.kit import Block, KitState, advance, stepped
from v2g_bench.pack.ageing.validation import daily, resting


def test_a_day_at_once_is_sample_by_sample():
    series = daily(0.05, 0.95, 1.5, 10.0)
    state = KitState()
    dt, soc, warm = np.diff(series.time_s), series.soc[1:], series.temperature_c[1:] + 273.15
    for i in range(len(dt)):
        one = slice(i, i + 1)
        state = kit.grown(state, state, Block.of(dt[one], kit.ocv_v(soc[one]), warm[one], series.c_rate[one]))
    by_day = stepped(series)
    for name in ("sei", "wear", "plating", "low"):
        assert getattr(by_day, name) == pytest.approx(getattr(state, name), rel=1e-2, abs=1e-7)


def test_order_matters():
    hot, cold = resting(0.9, 40.0, 700.0), resting(0.9, 5.0, 700.0)
    assert stepped(cold, stepped(hot)).total < stepped(hot, stepped(cold)).total


def test_nothing_shrinks():
    aged = stepped(resting(1.0, 40.0, 3650.0))
    assert stepped(resting(0.1, 0.0, 365.0), aged) == aged


def test_ceilings():
    """SEI at 25 °C ends at 8.4 % (3.73 V) and 12.9 % (4.09 V); time constant 650 days."""
    for voltage, ceiling in ((3.73, 0.084), (4.0887, 0.129)):
        assert float(kit.sei_rate(np.array([voltage]), np.array([298.15]))[0]) / kit.SEI_COUNTER == pytest.approx(
            ceiling, abs=5e-4
        )
    in_days, in_efc = 650 * 86400, 7200
    assert in_days * kit.SEI_COUNTER == pytest.approx(1, abs=2e-3)
    assert 146 * in_efc * kit.WEAR_COUNTER == pytest.approx(1, abs=2e-3)
    assert 0.56 * in_efc * kit.LOW_COUNTER == pytest.approx(1, abs=1e-2)


def test_low_voltage_counts_below_3_2_volts_alone_and_saturates():
    assert stepped(daily(0.1, 0.6, 0.45, 25.0), repeats=5).low == 0.0
    deep = stepped(daily(0.0, 0.6, 0.45, 25.0), repeats=5)
    assert 0 < deep.low < 0.1


def test_discharge_never_plates():
    series = daily(0.2, 0.8, 3.0, -10.0)
    discharged = dataclasses.replace(series, current_a=np.minimum(series.current_a, 0.0))
    assert stepped(discharged).plating == 0.0
    assert stepped(series).plating > 0.0


@pytest.mark.parametrize(
    ("soc", "volt"),
    [(0.05, 3.163), (0.10, 3.360), (0.25, 3.525), (0.50, 3.750), (0.80, 4.020), (0.90, 4.089), (1.0, 4.200)],
)
def test_ocv_of_the_cell(soc, volt):
    assert float(kit.ocv_v(np.array([soc]))[0]) == pytest.approx(volt, abs=6e-4)


def test_unknown_times_do_not_age():
    series = resting(0.9, 40.0, 100.0, step_s=86400.0)
    half = dataclasses.replace(series, soc=np.where(np.arange(101) > 50, np.nan, 0.9))
    assert stepped(half).total == pytest.approx(stepped(resting(0.9, 40.0, 50.0, step_s=86400.0)).total)


def test_advance_without_a_block_before_foretells_its_own_middle():
    block = Block.of(np.array([86400.0]), np.array([3.9]), np.array([298.15]), np.array([0.0]))
    first = advance(KitState(), None, block)
    exact = (
        float(kit.sei_rate(np.array([3.9]), np.array([298.15]))[0])
        / kit.SEI_COUNTER
        * (1 - np.exp(-kit.SEI_COUNTER * 86400))
    )
    assert first.sei == pytest.approx(exact, rel=1e-6)
