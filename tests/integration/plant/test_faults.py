"""Each fault of the library, injected over the control socket: on the bus, and gone after it is cleared."""

import time
from dataclasses import replace

import pytest

from v2g_bench.faults import (
    BmsFrozen,
    BmsSilence,
    BusExpectation,
    CellApart,
    CellImbalance,
    CellVoltage,
    CellVoltages,
    ColdCell,
    ContinuousRating,
    EmiNoise,
    Expectation,
    Fault,
    ImbalanceCode,
    OverCurrent,
    OverTemperature,
    PackTemperature,
    PowerLimit,
    SocDivergence,
    StateOfCharge,
    StringVoltageDifference,
    TamperedFrames,
    ThermalGradient,
    WornBattery,
    spread_ms,
)
from v2g_bench.rig.parts.traffic import window

from .conftest import Setup, eventually

SENSED = [
    CellApart(cell=17, to_v=4.11, others_v=4.05),
    CellImbalance(),
    CellVoltage(cell=96, to_v=4.2),
    CellVoltages(to_v=4.11),
    ColdCell(cell=3, to_c=-5.0),
    ContinuousRating(to_w=1000),
    ImbalanceCode(),
    OverCurrent(),
    OverTemperature(cell=17, to_c=45.5),
    OverTemperature(cell=1, to_c=40.0, ramp_k_per_s=100.0),
    PackTemperature(to_c=40),
    PowerLimit("charge", to_w=1500),
    PowerLimit("discharge", to_w=1500),
    SocDivergence(by_pct=-7),
    StateOfCharge(to_pct=25),
    StringVoltageDifference(to_mv=320),
    ThermalGradient(to_k=9.5, module=3),
    WornBattery(soh_pct=79.9),
]


@pytest.mark.parametrize("fault", SENSED, ids=str)
def test_each_sensed_fault_is_on_the_bus_and_gone_after_it_is_cleared(setup: Setup, fault: Fault):
    start_s = time.monotonic()
    expected = fault.readback()
    assert isinstance(expected, Expectation)
    before = eventually(lambda: (seen := setup.roles(start_s)) and set(expected.roles()) <= seen.keys() and seen)
    assert not expected.met_by(before, before)

    injected_s = time.monotonic()
    number = setup.client.inject(fault)
    after = eventually(lambda: expected.met_by(seen := setup.roles(injected_s), before) and seen)
    for role, value in fault.signals(before).items():
        margin = max(expected.tolerance + 0.01, setup.db.resolution(role) + 0.1)
        assert after[role] == pytest.approx(value, abs=margin)

    setup.client.clear(number)
    cleared_s = time.monotonic()
    eventually(lambda: (seen := setup.roles(cleared_s)) and set(expected.roles()) <= seen.keys() and seen)
    assert not expected.met_by(setup.roles(cleared_s), before)


@pytest.mark.parametrize(
    "fault",
    [
        BmsFrozen(),
        BmsSilence(),
        EmiNoise(loss_pct=30),
        EmiNoise(flip_pct=30, burst_frames=3),
        EmiNoise(duplicate_pct=30),
        EmiNoise(jitter_ms=6),
        TamperedFrames("freeze", good_of=2),
        TamperedFrames("damage", good_of=2),
        TamperedFrames("swap"),
        TamperedFrames("stride", step=4),
        TamperedFrames("second"),
        TamperedFrames("shorten"),
        TamperedFrames("drop", scope="safety"),
    ],
    ids=str,
)
def test_each_disturbance_of_the_traffic_is_seen_by_the_receiver(setup: Setup, fault: Fault):
    expected = fault.readback()
    assert isinstance(expected, BusExpectation)

    def observed(since_s: float) -> bool:
        to_s = time.monotonic() - 0.01
        frames = setup.capture.frames(since_s=since_s)
        spreads = [
            spread_ms(frames.of(spec.frame_id, spec.is_extended).timestamp_s, spec.cycle_s)
            for spec in setup.db.senders("BMS")
        ]
        return expected.met_by(replace(window(setup.db, frames, since_s, to_s, expected.scope), spread_ms=max(spreads)))

    setup.client.inject(fault)
    injected_s = time.monotonic() + 0.02
    eventually(lambda: observed(injected_s), within_s=20)
    setup.client.clear_all()
    cleared, cleared_s = setup.client.status(), time.monotonic() + 0.05
    after = eventually(lambda: (now := setup.client.status())["frames_sent"] > cleared["frames_sent"] + 300 and now)
    for what in ("lost", "flipped", "duplicated", "silenced"):
        assert after["disturbance"][what] == cleared["disturbance"][what]
    # A frame that is on its way may still have to wait for an earlier one of its identifier.
    assert after["disturbance"]["delayed"] <= cleared["disturbance"]["delayed"] + 12
    if not isinstance(fault, EmiNoise) or not fault.jitter_ms:  # a busy host jitters by itself
        assert not observed(cleared_s)


def test_an_injection_at_a_time_begins_with_the_first_safety_frame_after_it(setup: Setup):
    begun_s = time.monotonic()  # earlier frames are of the test before, which may have been a hot one
    at_s = begun_s + 0.2
    setup.client.inject(OverTemperature(cell=5, to_c=46.0), at_s=at_s)
    spec = setup.db.message_of("cell_temperature_max")
    frame = setup.capture.wait_for(
        lambda one: setup.db.decode(one.message()).get("cell_temperature_max", 0.0) > 45.0,
        since_s=begun_s,
        timeout_s=5,
    )
    before_s, after_s = setup.client.truth_frame("cell_temperature_max", above=45.0, since_s=begun_s)
    # On an idle machine one cycle; the bound leaves room for a stalled one, of which the frames before would tell.
    times = setup.capture.frames(spec.frame_id, since_s=begun_s).timestamp_s
    previous_s = times[times < frame.timestamp_s].max()
    assert previous_s < at_s + 0.002 <= frame.timestamp_s + 0.002
    assert before_s - 2e-4 <= frame.timestamp_s <= after_s + 2e-4
