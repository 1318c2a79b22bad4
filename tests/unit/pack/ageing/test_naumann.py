import numpy as np

from v2g_bench.pack.ageing.naumann import k_cycling, r_cycling


def test_no_draw_of_the_depth_slope_makes_a_cycle_heal():
    depth = np.linspace(0, 1, 101)
    for slope in (0.5, 1.0, 1.5, 3.0):
        assert (k_cycling(np.full(101, 0.15), depth, slope) >= 0).all()


def test_resistance_does_not_shrink_at_high_rates():
    rates = r_cycling(np.array([1.0, 1.05, 2.0]), np.full(3, 0.8))
    assert rates[0] > 0
    assert rates[2] == 0.0
