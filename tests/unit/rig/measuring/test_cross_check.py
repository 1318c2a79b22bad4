"""Instruments that cannot both be right are found; those that can are let pass, in both directions of the power."""

import pytest

from v2g_bench.rig.measuring.cross_check import current_contradiction, power_contradiction


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("share", "fits"), [(1.0, True), (1.05, True), (0.95, True), (0.5, False), (1.3, False), (-1.0, False)]
)
def test_the_digitizer_is_held_against_the_bms(sign, share, fits):
    assert (current_contradiction(sign * 8.8 * share, sign * 8.8) == "") is fits


def test_no_current_is_no_contradiction():
    assert current_contradiction(-0.05, 0.1) == ""


@pytest.mark.parametrize(
    ("pack_w", "ac_w", "said"),
    [
        (-3090, -3000, ""),
        (2910, 3000, ""),
        (-11_340, -11_000, ""),
        (-20, 0, ""),
        (-3090, -3300, "more comes out"),
        (3300, 3000, "more comes out"),
        (-3090, -1500, "more is lost"),
        (1400, 3000, "more is lost"),
        (-3090, 3000, "different directions"),
        (-3090, 0, "more is lost"),
    ],
)
def test_energy_is_kept(pack_w, ac_w, said):
    found = power_contradiction(pack_w, ac_w)
    assert said in found
    assert bool(found) is bool(said)
