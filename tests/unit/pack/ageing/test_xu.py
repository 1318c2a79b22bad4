import numpy as np
import pytest

from v2g_bench.pack.ageing.rainflow import close, halves, values_only
from v2g_bench.pack.ageing.xu import (
    HELD_BELOW,
    XU,
    depth_stress,
    held_depth_stress,
    loss,
    soc_stress,
    temperature_stress,
)


def test_cost_per_equivalent_full_cycle_rises_again_at_small_depth_as_published():
    """Relative to a depth of 0.6, as the notes of the law's study found."""
    cost = depth_stress(np.array([0.01, 0.1, 0.6])) / np.array([0.01, 0.1, 0.6])
    assert cost[:2] / cost[2] == pytest.approx([2.7, 1.08], abs=0.05)


def test_it_is_held_where_it_is_least():
    depth = np.linspace(0.01, 1.0, 10_000)
    assert depth[(depth_stress(depth) / depth).argmin()] == pytest.approx(HELD_BELOW, abs=1e-3)
    cost = held_depth_stress(depth) / depth
    assert (np.diff(cost) >= -1e-15).all()
    above = depth > HELD_BELOW
    assert held_depth_stress(depth[above]) == pytest.approx(depth_stress(depth[above]))


def test_reference_conditions_are_one():
    assert soc_stress(np.array([0.5])) == pytest.approx([1.0])
    assert temperature_stress(np.array([298.15])) == pytest.approx([1.0])
    assert loss(np.array([0.0])) == pytest.approx([0.0])


def test_the_law_counts_small_cycles_with_the_cost_that_is_held():
    """The same charge moved in cycles of 1 % and of 30 %, both below the depth from which the cost is held."""

    def damage(depth, cycles):
        closed, turns = close(values_only(0.5 + depth * (np.arange(2 * cycles + 1) % 2 - 0.5)))
        return XU.cycling.inner(closed + halves(turns)).sum()

    assert damage(0.01, 300) == pytest.approx(damage(0.3, 10), rel=1e-6)
