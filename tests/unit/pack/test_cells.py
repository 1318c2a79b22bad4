import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.pack.cells import TAU1_S, CellChain

WARM = np.full(96, 25.0)


def chain(soc=0.5, seed=1, string_delta_v=0.04):
    return CellChain(96, 156.0, soc, seed, strings=4, string_delta_v=string_delta_v)


def drive(cells, current_a, dt_s, steps):
    for _ in range(steps):
        cells.step(dt_s, current_a * dt_s, current_a**2 * dt_s, WARM)


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(0.001, 30)), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_every_coulomb_is_counted(pieces):
    cells = chain()
    before = cells.soc * cells.capacity_ah
    for current_a, dt_s in pieces:
        cells.step(dt_s, current_a * dt_s, current_a**2 * dt_s)
    moved_ah = sum(current_a * dt_s for current_a, dt_s in pieces) / 3600
    assert cells.soc * cells.capacity_ah - before == pytest.approx(np.full(96, moved_ah), abs=1e-9)


def test_steps_of_any_length_agree():
    fine, coarse = chain(), chain()
    drive(fine, 30.0, 0.01, 6000)
    drive(coarse, 30.0, 1.0, 60)
    assert fine.emf_v() == pytest.approx(coarse.emf_v(), abs=1e-6)
    assert fine.voltages_v(30.0) == pytest.approx(coarse.voltages_v(30.0), abs=1e-6)


def test_first_rc_pair_relaxes_with_its_time_constant():
    cells = chain()
    drive(cells, 30.0, 1.0, 1)
    rested = chain()
    rested.soc[:] = cells.soc
    rested.step(1e-9, 0.0, 0.0, WARM)
    shown_v = cells.emf_v() - rested.emf_v()
    r1_ohm = 0.25e-3 / 0.5e-3 * cells.resistance_ohm()
    r2_ohm = 0.15e-3 / 0.5e-3 * cells.resistance_ohm()
    expected_v = 30.0 * (r1_ohm * (1 - np.exp(-1 / TAU1_S)) + r2_ohm * (1 - np.exp(-1 / 600.0)))
    assert shown_v == pytest.approx(expected_v, rel=1e-3)


def test_terminal_voltage_is_emf_plus_ohmic_drop():
    cells = chain()
    drive(cells, -20.0, 1.0, 100)
    assert cells.voltages_v(-20.0).sum() == pytest.approx(cells.emf_v() - 20.0 * cells.resistance_ohm(), abs=1e-9)


def test_heat_is_the_energy_lost_in_the_resistances():
    """Charging and discharging the same amount: what does not come back is heat, once the RC pairs are empty."""
    cells, energy_j, current_a, dt_s = chain(), 0.0, 20.0, 0.5
    for now_a in [current_a] * 1200 + [-current_a] * 1200 + [0.0] * 12_000:
        before_v = cells.emf_v()
        cells.step(dt_s, now_a * dt_s, now_a**2 * dt_s)
        energy_j += now_a * dt_s * ((before_v + cells.emf_v()) / 2 + now_a * cells.resistance_ohm())
    assert cells.take_heat_j().sum() == pytest.approx(energy_j, rel=0.002)
    assert cells.take_heat_j().sum() == 0.0


def test_resistance_rises_in_the_cold_and_at_the_ends_of_the_charge():
    cells = chain()
    warm = cells.resistance_ohm()
    assert warm == pytest.approx(96 * 0.5e-3, rel=0.01)
    cells.refresh_resistance(np.full(96, 0.0))
    assert 1.8 < cells.resistance_ohm() / warm < 2.3
    assert chain(soc=1.0).resistance_ohm() / warm == pytest.approx(1.2, rel=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_chain_shows_the_string_difference_it_was_given(seed):
    strings_v = chain(seed=seed, string_delta_v=0.040).ocv_v.reshape(4, 24).sum(axis=1)
    assert np.ptp(strings_v) == pytest.approx(0.040, abs=0.002)


def test_mean_soc_is_the_one_asked_for():
    assert chain(soc=0.37).mean_soc == pytest.approx(0.37, abs=1e-12)


def test_balancing_bleeds_the_high_cells_only_and_only_when_on():
    cells = chain()
    cells.soc[5] += 0.03
    cells.step(1.0, 0.0, 0.0)
    before = cells.soc.copy()
    cells.step(3600.0, 0.0, 0.0)
    assert np.array_equal(cells.soc, before)
    cells.balancing = True
    cells.step(3600.0, 0.0, 0.0)
    bled = np.flatnonzero(cells.soc < before)
    assert bled.tolist() == [5]
    assert before[5] - cells.soc[5] == pytest.approx(0.1 / cells.capacity_ah[5])


def test_seeds_make_different_cells_and_the_same_seed_the_same():
    assert chain(seed=3).capacity_ah.tobytes() == chain(seed=3).capacity_ah.tobytes()
    assert not np.array_equal(chain(seed=3).capacity_ah, chain(seed=4).capacity_ah)
