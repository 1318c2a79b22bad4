"""Danger in every state: whatever the controller is doing, was told or has gone through, it answers a danger as ever."""

import pytest

from v2g_bench.rig.measuring.dangers import TRIP_MS

AFTER_S, RELOAD_S = 0.3, 0.5
PULSE_S = 0.055  # one poll of 50 ms and a little
WATCHED_S, ASKED_S, REST_S = 1.0, 0.7, 0.3
FINE_HZ, COARSE_HZ = 50_000, 5000


def recording(bench, cell, state):
    """Long enough for the danger's limit, and as fine as that."""
    after_s = cell.limit_ms / 1e3 + AFTER_S + (RELOAD_S if state.meanwhile else 0.0)
    return bench.recording(rate_hz=FINE_HZ if cell.limit_ms <= TRIP_MS else COARSE_HZ, after_s=after_s)


def insisting(bench, state, for_s):
    """A complete recording, while power is asked for again and again."""
    with bench.recording(rate_hz=1000, after_s=for_s + REST_S) as trace:
        bench.power.insist(state.setting.power_w, for_s=for_s)
        trace.complete()
    return trace


@pytest.mark.req("STA-01")
def test_danger_isolates_in_every_state(bench, cells):
    """Hot, diverging, over its current, or silent: the current ends in time in each state, and none comes at rest."""
    for cell in cells.isolating():
        with cell:
            with bench.controller.in_state(cell.state, cell.setting) as state:
                if state.flows:
                    with recording(bench, cell, state) as trace, cell.shown(bench.power.inverter, state) as since:
                        cell.isolated(trace.isolation(after=since))
                        if cell.danger.stands_s > ASKED_S:
                            cell.nothing_flows(insisting(bench, state, cell.danger.stands_s), "while it goes on")
                elif cell.danger.trips and not state.from_start:
                    with cell.shown(bench.power.inverter, state) as since:
                        bench.wait_until(lambda from_s=since.time_s: bench.bus.now_s() >= from_s + PULSE_S, within_s=1)
                else:
                    with cell.shown(bench.power.inverter, state):
                        trace = insisting(bench, state, cell.danger.stands_s)
                    cell.nothing_flows(trace, "while it is shown")
            if cell.danger.trips and not state.flows:
                cell.nothing_flows(insisting(bench, state, ASKED_S), "when it is over")


@pytest.mark.req("STA-02")
def test_v2g_ends_in_every_state(bench, cells):
    """Noise, a wrong SoC or cells out of balance: no discharge afterwards, in whatever state that was noticed."""
    within_s = bench.controller.dut.thresholds.noticed_within_s
    for cell in cells.ending_v2g():
        with cell:
            with (
                bench.controller.in_state(cell.state, cell.setting) as state,
                cell.shown(bench.power.inverter, state),
            ):
                if cell.danger.log:
                    bench.wait_until(lambda pattern=cell.danger.log: bench.controller.log.find(pattern), within_s)
                bench.power.granted()
            power_w = -abs(state.setting.power_w)
            with bench.power.asking(power_w), bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
                cell.no_discharge(trace, "afterwards")
