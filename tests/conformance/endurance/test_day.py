"""One controller over a long time: never restarted, with all that a day brings between one danger and the next."""

import random
from contextlib import suppress
from itertools import chain, cycle

import pytest

from v2g_bench.draws.dimensions import Choice, LogUniform
from v2g_bench.errors import NotTested
from v2g_bench.faults import BmsSilence, OverCurrent, ThermalGradient
from v2g_bench.faults.emi_noise import noise

SOON_S, HOUR_S = 600.0, 3600.0


def transfer(bench, judge, world) -> None:
    """Power in one direction and then in the other one."""
    for power_w in (world.other_w, -world.other_w):
        with bench.at_power(power_w):
            pass


def idle(bench, judge, world) -> None:
    """Nothing."""
    bench.wait_until(lambda: False, within_s=judge.profile.watch_s)


def steady_power(bench, judge, world) -> None:
    """The power of the danger stands for long before it, and nothing is commanded: see `idle_s` of the world."""


def silent_bms(bench, judge, world) -> None:
    """The BMS falls silent until it is noticed."""
    with bench.inject(BmsSilence()):
        bench.wait_until(lambda: bench.controller.log.find("ERR_BMS_TIMEOUT"), judge.limits.silence_limit_ms / 1000)


def silent_inverter(bench, judge, world) -> None:
    """The inverter falls silent until it is noticed."""
    with bench.power.inverter.silent():
        within_s = judge.limits.offline_limit_ms / 1000
        bench.wait_until(lambda: bench.controller.log.find("FAULT_INVERTER_OFFLINE"), within_s)


def noisy_line(bench, judge, world) -> None:
    """Noise until it is noticed; what it latches is released before the next power."""
    thresholds = bench.controller.dut.thresholds
    with bench.inject(noise(thresholds.packet_loss_pct, 2.5)):
        bench.wait_until(lambda: bench.controller.log.find("0x0B22"), thresholds.noticed_within_s)


def gradient(bench, judge, world) -> None:
    """A thermal gradient derates a discharge, and is over."""
    with bench.at_power(-abs(world.other_w)):
        with bench.inject(ThermalGradient(to_k=bench.controller.dut.thresholds.gradient_k + 4)):
            bench.power.granted()


def over_current(bench, judge, world) -> None:
    """The BMS flags over-current while power flows, and takes it back."""
    with bench.at_power(world.other_w), bench.inject(OverCurrent()):
        bench.power.granted()


def reload(bench, judge, world) -> None:
    """Narrower limits, and those from before again."""
    with bench.controller.command_line.limits(min_soc=30, max_soc=70):
        pass


def override(bench, judge, world) -> None:
    """The limits are overridden for a while."""
    with bench.controller.command_line.forced_limit("15"):
        bench.power.granted()


def departure(bench, judge, world) -> None:
    """A departure is planned, and cancelled."""
    with bench.controller.command_line.plan.departure(in_s=world.plan_s, soc_pct=80):
        bench.power.granted()


def v2g_window(bench, judge, world) -> None:
    """Grid service is planned, and cancelled."""
    with bench.controller.command_line.plan.v2g_window(in_s=world.plan_s, for_s=HOUR_S):
        bench.power.granted()


ALWAYS = (transfer, idle, steady_power, silent_bms, silent_inverter, noisy_line)
LONG = (idle, steady_power)
NEEDS = {  # a role of the database, or what the controller claims
    "over_current": over_current,
    "bidirectional": gradient,
    "reload": reload,
    "force_limit": override,
    "departure": departure,
    "precooling": v2g_window,
}


def day(bench, order):
    """All that a day can bring this controller, in an order that is drawn; then the same again, without the long waits."""
    known = [name for name, claimed in bench.controller.dut.supports.items() if claimed]
    with suppress(NotTested):
        bench.bus.needs("over_current")
        known.append("over_current")
    events = [*ALWAYS, *(event for need, event in NEEDS.items() if need in known)]
    order.shuffle(events)
    return chain(events, cycle([event for event in events if event not in LONG]))


def dangers(trials):
    """What trips in turn: hot cells, and strings that diverge where the database has them."""
    found = [trials.any.hot_cell(above_c=45)]
    with suppress(NotTested):
        found.append(trials.any.diverging_strings(above_mv=300))
    return cycle(found)


@pytest.mark.req("END-01")
def test_every_trip_is_as_fast_as_the_first(bench, trials, judge):
    """Trip after trip without a restart, and a day's events between them: isolated within 50 ms each time."""
    events, faults, lacking = None, dangers(trials), {}
    for trial in trials.at_least(judge.profile.lives):
        events = events or day(bench, random.Random(trial.phase_s))
        event = next(events)
        steady = {"idle_s": trials.any.steady_s()} if event is steady_power else {}
        world = trial.draw(
            before=Choice((event.__name__.replace("_", " "),)),
            fault=next(faults),
            power_w=trials.any.power_w(),
            other_w=trials.any.power_w(),
            plan_s=LogUniform(SOON_S, 8 * HOUR_S),
            **steady,
        )
        try:
            event(bench, judge, world)
        except NotTested as reason:  # this rig cannot bring it
            lacking[world.before] = str(reason)
        with bench.at_power(world), bench.recording(**trials.any.span(world.fault)) as trace:
            with bench.inject(world.fault, phase_s=trial.phase_s, alone=True) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)
    if lacking:
        judge.kept("days-without.txt", "\n".join(f"{event}: {reason}" for event, reason in lacking.items()))
