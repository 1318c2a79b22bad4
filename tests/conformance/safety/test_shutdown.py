"""How an emergency shutdown is done: the bridge first, then the contactors, without load, for good."""

import pytest

from v2g_bench.faults import BmsSilence

LIMIT_C, LIMIT_MV = 45.0, 300.0
NOTICED_S = 2.0  # twenty times what foxBMS waits for the feedback
HARMLESS_V = 60.0


@pytest.mark.req("SAF-20")
def test_bridge_stops_before_the_contactors_open(bench, judge, worlds):
    """Any danger, any power: the inverter is ordered to stop, and only then the contactors are asked to open."""
    danger = {"fault": worlds.any.trip(LIMIT_C, LIMIT_MV), "alone": worlds.any.alone()}
    for world in worlds(**danger, **worlds.any.operating_point()):
        shown = bench.inject(world.fault, alone=world.alone)
        with bench.at_power(world), bench.recording() as trace, shown as fault:
            judge.bridge_first(trace.shutdown(after=fault.on_bus))


@pytest.mark.req("SAF-20")
def test_bridge_stops_first_when_the_bms_is_silent(bench, judge, worlds):
    """The BMS falls silent: the inverter is ordered to stop in the rig's time, and no contactor is asked to open before."""
    limit_ms = judge.limits.silence_limit_ms
    for world in worlds(**worlds.any.operating_point()):
        with bench.at_power(world), bench.recording(after_s=0.3 + limit_ms / 1000) as trace:
            with bench.inject(BmsSilence()) as fault:
                judge.bridge_stops(trace.shutdown(after=fault.on_bus), below_ms=limit_ms)


@pytest.mark.req("SAF-21")
def test_contactors_open_without_load(bench, judge, worlds):
    """Any danger, any current that they may not open: they are asked to when it is over, and are open in time; each time."""
    loaded = worlds.any.operating_point(above_a=judge.limits.open_below_a)
    danger = {"fault": worlds.any.trip(LIMIT_C, LIMIT_MV), "alone": worlds.any.alone()}
    for world in worlds(**danger, **loaded):
        shown = bench.inject(world.fault, alone=world.alone)
        with bench.at_power(world), bench.recording() as trace, shown as fault:
            judge.opens(trace.shutdown(after=fault.on_bus))
    # Once more without a new start: the controller has been through a shutdown.
    again = bench.inject(world.fault, alone=world.alone)
    with bench.at_power(world.power_w), bench.recording() as trace, again as fault:
        judge.opens(trace.shutdown(after=fault.on_bus))


@pytest.mark.req("SAF-21")
def test_contactors_open_at_the_last_moment(bench, judge, worlds):
    """An inverter that does not stop: the contactors open all the same, at the last moment, and the log states it."""
    loaded = worlds.any.operating_point(above_a=judge.limits.open_below_a)
    for world in worlds(fault=worlds.any.trip(LIMIT_C, LIMIT_MV), **loaded):
        with bench.at_power(world), bench.power.inverter.deaf(), bench.recording() as trace:
            with bench.inject(world.fault, alone=True) as fault:
                shutdown = trace.shutdown(after=fault.on_bus)
                judge.opens(shutdown)
        judge.latency("the current ends", shutdown.isolation, below_ms=50)


@pytest.mark.req("SAF-22")
def test_contactors_stay_open(bench, judge, worlds):
    """While the danger lasts the contactors stay open, whatever power is asked for."""
    watch_s = judge.profile.watch_s
    for world in worlds.few(fault=worlds.any.trip(LIMIT_C, LIMIT_MV), **worlds.any.operating_point()):
        with bench.at_power(world), bench.recording() as trace, bench.inject(world.fault, alone=True) as fault:
            bench.power.insist(-3000, for_s=watch_s / 2)
            bench.power.insist(3000, for_s=watch_s / 2)
            judge.stays_open(trace.shutdown(after=fault.on_bus, watch_s=watch_s))


@pytest.mark.req("SAF-22")
def test_contactors_close_through_precharge(bench, judge, worlds):
    """After a shutdown they close again through precharge, and the inverter runs only when they are closed."""
    for world in worlds.few(
        fault=worlds.any.trip(LIMIT_C, LIMIT_MV), then_w=worlds.any.power_w(), **worlds.any.operating_point()
    ):
        with bench.at_power(world), bench.inject(world.fault, alone=True):
            bench.power.settle()
        judge.closes(bench.power.pack.contactors.closing(world.then_w))


@pytest.mark.req("SAF-23")
@pytest.mark.parametrize("defect", ["weld_pole", "stuck_feedback"])
def test_contactor_that_does_not_open_is_noticed(bench, judge, worlds, defect):
    """Asked to open and not reported open: the log states it, and no power follows although the trip is reset."""
    drawn = {"fault": worlds.any.trip(LIMIT_C, LIMIT_MV), "then_w": worlds.any.power_w()}
    for world in worlds.few(**drawn, **worlds.any.operating_point()):
        with bench.at_power(world), bench.power.pack.contactors.defect(defect):
            with bench.inject(world.fault, alone=True):
                judge.logged(bench.controller.dut.weld_told, within_s=NOTICED_S)
            bench.controller.run("reset_trip")
            with bench.power.watch.once(world.then_w, for_s=1.0) as trace:
                judge.never_flows("with a contactor that does not open", trace)


@pytest.mark.req("SAF-24")
def test_link_is_discharged(bench, judge, worlds):
    """In the rig's time after the dangerous frame the inverter's DC link is below 60 V: nothing feeds it any more."""
    within_s = judge.limits.link_discharged_s
    for world in worlds.few(fault=worlds.any.trip(LIMIT_C, LIMIT_MV), **worlds.any.operating_point()):
        link_voltage = bench.power.inverter.link_voltage
        with bench.at_power(world):
            judge.require(link_voltage().value > HARMLESS_V, "the inverter reports no voltage of its DC link")
            with bench.inject(world.fault, alone=True) as fault:
                discharged_s = fault.on_bus.time_s + within_s
                bench.wait_until(lambda due_s=discharged_s: bench.bus.now_s() >= due_s, within_s)
                judge.at_most("DC link", link_voltage(), below=HARMLESS_V)
