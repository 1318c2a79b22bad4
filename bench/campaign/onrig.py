"""One scenario on an open rig of any kind: what `bare.play` does in its own world, with wires and meters.

The current is the digitizer's record, averaged over 2 ms (ripple and noise are no current), so times are known to about
a millisecond: this shows whether a finding of a campaign is one on the rig. Latencies are measured by the conformance
tests, not here.
"""

import dataclasses
import math
import re

import numpy as np

from v2g_bench.campaign.bare import Floats, ScenarioRun
from v2g_bench.campaign.invariants import BLOCKING, TIMEOUT_CODE, TRIP_CODE
from v2g_bench.campaign.limits import Limits
from v2g_bench.campaign.scenario import REPEAT_REQUEST_S, Scenario
from v2g_bench.errors import BenchError
from v2g_bench.metrology.extremes import SMOOTHING_S as SMOOTH_S
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.measuring.bench import Bench
from v2g_bench.rig.parts.protocol import Parts

# Neither is a whole part of a usual switching frequency: ripple sampled in step with itself would look like a current.
FAST_HZ, SLOW_HZ = 50_000.0, 6_250.0
MOST_SAMPLES = 45_000  # what a bench multimeter has memory for
PAST_S = 0.25  # of the bus before the scenario: a counter is judged by the frame before
MARGIN_S = 0.3  # recorded beyond the end: a command takes its time on a real rig
SETTLE_S = 0.05  # until the capture has everything
LINE = re.compile(r"^\S+ (?P<at_s>\d+\.\d+) \w+ (?P<code>\S+) (?P<text>.*)$")
CODES = (TRIP_CODE, TIMEOUT_CODE, *BLOCKING)


def play_on(parts: Parts, bench: Bench, scenario: Scenario, limits: Limits) -> tuple[ScenarioRun, Limits]:
    """What happened, and the limits with what this record leaves uncertain. BenchError where the rig has no plant."""
    if parts.world.plant is None:
        raise BenchError(f"scenario {scenario.name}", "this rig has no emulated battery to play it on")
    client, clock, operating_point = parts.world.plant.client, parts.clock, scenario.operating_point
    _prepare_pack(parts, bench, scenario)
    with parts.bus.capture.holding(clock.now_s() - PAST_S), bench.power.asking(operating_point.power_w):
        rate_hz = FAST_HZ if FAST_HZ * (scenario.end_s + 2 * MARGIN_S) <= MOST_SAMPLES else SLOW_HZ
        with bench.recording(rate_hz=rate_hz, after_s=scenario.end_s + MARGIN_S) as trace:
            parts.dut.controller.log.mark()
            client.seed(operating_point.seed)
            start_s = clock.now_s()
            parts.safety.allow_silence(any(timed.fault.transmit() is not None for timed in scenario.faults))
            try:
                for timed in scenario.faults:
                    client.inject(timed.fault, at_s=start_s + timed.at_s)
                parts.clock.pause(max(0.0, start_s + scenario.clear_s - clock.now_s()))
            finally:
                client.clear_all()
                parts.safety.allow_silence(False)
            clear_s = clock.now_s() - start_s
            parts.clock.pause(REPEAT_REQUEST_S)
            reply = parts.dut.controller.run("set_power", power_w=f"{operating_point.power_w:.0f}")
            parts.clock.pause(max(0.0, start_s + scenario.end_s - clock.now_s()))
            end_s = clock.now_s()
            parts.clock.pause(SETTLE_S)
            waveform = trace.waveform
            columns = parts.bus.capture.frames(since_s=start_s - PAST_S)
    crash = "" if parts.dut.controller.alive() else "the controller has ended"
    frames = [columns.frame(place) for place in range(len(columns))]
    times_s, current_a, noise_a = _smoothed(waveform)
    inside = times_s <= end_s
    before_a = float(np.mean(current_a[times_s < start_s]))
    scenario_run = ScenarioRun(
        scenario=dataclasses.replace(scenario, clear_s=clear_s, end_s=end_s - start_s),
        start_s=start_s,
        before_a=before_a,
        times_s=times_s[inside],
        current_a=current_a[inside],
        frames=[(one.timestamp_s, one.message()) for one in frames if one.timestamp_s <= end_s and not one.is_own],
        log=log_entries(parts.dut.controller.log.since_mark(), start_s, parts.loaded.rig.dut.trip_told),
        answer=(reply.status == 0, (reply.out + reply.err).strip()),
        crash=crash,
    )
    slack_a = trace.zero_offset_a() + 4 * noise_a
    return scenario_run, dataclasses.replace(limits, slack_ms=limits.slack_ms + 1e3 * SMOOTH_S, slack_a=slack_a)


def log_entries(log: str, start_s: float, trip_told: str = TRIP_CODE) -> list[tuple[float, str, str]]:
    """(time, code, text) of a controller's log. A line that is not in the reference's format has no own timestamp.

    trip_told: a regular expression: how a line tells of a trip.
    """
    lines = []
    for line in log.splitlines():
        if found := LINE.match(line):
            lines.append((float(found["at_s"]), found["code"], found["text"]))
        elif line.strip():
            tripped = trip_told and re.search(trip_told, line)
            code = TRIP_CODE if tripped else next((code for code in CODES if code in line), "-")
            lines.append((start_s, code, line))
    return lines


def _prepare_pack(parts: Parts, bench: Bench, scenario: Scenario) -> None:
    """The pack as the scenario has it, and a controller that has never seen another one."""
    assert parts.world.plant is not None
    operating_point, client = scenario.operating_point, parts.world.plant.client
    client.rest = operating_point.soc_pct, operating_point.temperature_c
    try:
        parts.dut.fresh()
    finally:
        client.rest = None, None
    asked = f"{operating_point.power_w:.0f}"
    if not bench.wait_until(
        lambda: parts.dut.controller.run("set_power", power_w=asked).status == 0, bench.controller.dut.ready_s, 0.1
    ):
        raise BenchError(f"scenario {scenario.name}", f"the controller does not take {asked} W before any fault")


def _smoothed(waveform: Waveform) -> tuple[Floats, Floats, float]:
    """Times (s), 2 ms means (A), and the standard deviation that noise leaves in them."""
    width = max(1, round(SMOOTH_S / waveform.dt_s))
    smooth: Floats = np.asarray(np.convolve(waveform.samples, np.full(width, 1.0 / width), mode="valid"), np.float64)
    first_s = float(waveform.start_s + (width - 1) / 2 * waveform.dt_s)
    times_s: Floats = np.asarray(first_s + waveform.dt_s * np.arange(len(smooth)), np.float64)
    last = waveform.samples[-width:]
    return times_s, smooth, float(np.std(last)) / math.sqrt(width)
