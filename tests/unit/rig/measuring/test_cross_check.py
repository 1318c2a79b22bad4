"""Instruments that cannot both be right are found; those that can are let pass, in both directions of the power."""

import pytest

from v2g_bench.rig.measuring.cross_check import current_contradiction, power_contradiction


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("share", "fits"), [(1.0, True), (1.05, True), (0.95, True), (0.5, False), (1.3, False), (-1.0, False)]
)
def test_the_digitizer_is_held_against_the_bms(sign, share, fits):
    assert (current_contradiction(sign * 8.8 * share, sign * 8.8, 0.01, 0.19) == "") is fits


@pytest.mark.parametrize(("bms_limit_a", "fits"), [(0.05, False), (0.19, False), (0.5, True)])
def test_how_far_it_may_be_off_is_what_is_known_of_its_sources(bms_limit_a, fits):
    assert (current_contradiction(10.0, 8.8, 0.01, bms_limit_a) == "") is fits
    assert current_contradiction(10.0, 8.8, 1.2, 0.0) == "", "a coarse digitizer contradicts nobody either"


def test_no_current_is_no_contradiction():
    assert current_contradiction(-0.05, 0.1, 0.01, 0.1) == ""


@pytest.mark.parametrize(
    ("pack_w", "ac_w", "message"),
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
def test_energy_is_kept(pack_w, ac_w, message):
    found = power_contradiction(pack_w, ac_w, 85.0, 0.95)
    assert message in found
    assert bool(found) is bool(message)


def test_a_bms_that_may_be_further_off_and_a_converter_that_loses_more_contradict_nobody():
    assert power_contradiction(-3090, -3300, 300.0, 0.95) == ""
    assert power_contradiction(-3090, -2000, 85.0, 0.95) != ""
    assert power_contradiction(-3090, -2000, 85.0, 0.90) == ""
