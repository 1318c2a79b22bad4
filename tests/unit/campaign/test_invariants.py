"""Every invariant can fail: each for a controller that breaks it; the sound controller keeps all in the same scenario."""

import dataclasses

import numpy as np
import pytest

from v2g_bench.campaign.invariants import INVARIANTS, latency_ms
from v2g_bench.faults import (
    BmsFrozen,
    BmsSilence,
    CellImbalance,
    EmiNoise,
    OverCurrent,
    OverTemperature,
    SocDivergence,
    StringVoltageDifference,
    ThermalGradient,
)

HOT, AT_45 = OverTemperature(cell=17, to_c=45.5), OverTemperature(cell=17, to_c=45.0)
LONG = {"clear_s": 1.0, "end_s": 1.6}
SILENT = {"clear_s": 0.3, "end_s": 0.36}

BROKEN = [
    ("hot_cell_ignored", HOT, {}, {"isolation", "contactors", "latch", "log"}),
    ("hot_cell_in_55_ms", HOT, {}, {"isolation"}),
    ("hot_limit_one_bit_high", OverTemperature(cell=3, to_c=45.1), {}, {"isolation", "contactors", "latch", "log"}),
    ("strings_limit_one_bit_high", StringVoltageDifference(to_mv=301), {}, {"isolation", "contactors", "latch", "log"}),
    ("hot_limit_one_bit_low", AT_45, {}, {"no-trip", "log"}),
    ("trip_does_not_latch", HOT, {}, {"contactors", "latch"}),
    ("power_accepted_after_trip", HOT, {}, {"contactors", "latch"}),
    ("contactors_stay_closed", HOT, {}, {"contactors"}),
    ("crashes_on_danger", HOT, {}, {"alive"}),
    ("power_sign_wrong", HOT, {}, {"direction"}),
    ("trip_not_logged", HOT, {}, {"log"}),
    ("log_names_another_cause", HOT, {}, {"log"}),
    ("log_invents_a_timeout", HOT, {}, {"log"}),
    ("stale_data_used", BmsSilence(), SILENT, {"isolation", "log"}),
    ("counter_unchecked", BmsFrozen(), SILENT, {"isolation", "log"}),
    ("imbalance_ignored", CellImbalance(), LONG, {"no-discharge"}),
    ("charge_only_leaks_60_w", CellImbalance(), LONG, {"no-discharge"}),
    ("divergence_keeps_discharging", SocDivergence(by_pct=8), LONG, {"no-discharge"}),
]


@pytest.mark.parametrize(("core", "fault", "times", "wanted"), BROKEN, ids=[one[0] for one in BROKEN])
def test_a_broken_controller_breaks_its_invariants(broken, prepared, judge, reported, core, fault, times, wanted):
    _, violations = broken(core, fault, **times)
    assert wanted <= {one.invariant for one in violations}
    assert judge.judge(prepared.play(reported(fault, **times))) == []


def test_every_invariant_is_broken_by_somebody():
    assert set.union(*(wanted for *_, wanted in BROKEN)) == set(INVARIANTS)


@pytest.mark.parametrize(
    "faults",
    [
        (),
        (AT_45,),
        (StringVoltageDifference(to_mv=300),),
        (ThermalGradient(to_k=25),),
        (OverCurrent(),),
        (EmiNoise(loss_pct=30, flip_pct=30, burst_frames=4, jitter_ms=5, duplicate_pct=20), HOT),
        (BmsSilence(), HOT),
    ],
    ids=str,
)
def test_the_sound_controller_keeps_all(prepared, judge, reported, faults):
    assert judge.judge(prepared.play(reported(*faults, clear_s=0.3, end_s=0.5))) == []


def test_a_damaged_frame_proves_nothing(prepared, judge, reported):
    """All frames damaged: what they say is neither a danger nor a sign of life."""
    scenario_run = prepared.play(reported(EmiNoise(flip_pct=100), HOT, clear_s=0.3, end_s=0.36))
    seen = judge.look(scenario_run)
    assert seen.disturbed
    assert seen.must_trip_s == seen.may_trip_s == float("inf")
    assert seen.silent_s == pytest.approx(scenario_run.start_s + 0.013, abs=0.011)


def test_the_latency_is_that_of_the_plant(prepared, judge, reported):
    """The last instant at which the current was above 5 %: a pure decay, found exactly between two ends."""
    scenario_run = prepared.play(reported(HOT))
    seen = judge.look(scenario_run)
    found_s = seen.must_trip_s + latency_ms(scenario_run, seen, judge.limits) / 1e3
    place = int(np.searchsorted(scenario_run.times_s, found_s)) - 1
    assert (
        abs(scenario_run.current_a[place])
        >= 0.05 * abs(scenario_run.before_a)
        >= abs(scenario_run.current_a[place + 1])
    )
    assert 5 < latency_ms(scenario_run, seen, judge.limits) < 12


def test_the_record_of_a_rig_gets_its_slack(prepared, judge, reported):
    """A current that ends 1 ms late is forgiven where the record is only that good."""
    from v2g_bench.campaign.invariants import Judge

    scenario_run = prepared.play(reported(HOT))
    due_s = judge.look(scenario_run).must_trip_s + 0.05
    late = dataclasses.replace(
        scenario_run,
        times_s=np.append(scenario_run.times_s[scenario_run.times_s < due_s], [due_s + 0.001, due_s + 0.002]),
        current_a=np.append(scenario_run.current_a[scenario_run.times_s < due_s], [scenario_run.before_a, 0.0]),
    )
    assert [one.invariant for one in judge.judge(late)] == ["isolation"]
    assert Judge(judge.look.__self__._db, dataclasses.replace(judge.limits, slack_ms=1.5)).judge(late) == []
