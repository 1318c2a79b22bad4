"""How an emergency shutdown is done: the bridge first, then the contactors, without load, for good."""

import pytest

from v2g_bench.faults import OverTemperature, StringVoltageDifference
from v2g_bench.rig.measuring.bench import RATED_W

NOTICED_S = 2.0  # twenty times what foxBMS waits for the feedback
HOT, APART = OverTemperature(cell=1, to_c=45.5), StringVoltageDifference(to_mv=400)


@pytest.mark.req("SAF-20")
@pytest.mark.parametrize(
    ("power_w", "danger"), [(-RATED_W, HOT), (3000, APART)], ids=["discharging-rated-hot", "charging-3kW-apart"]
)
def test_bridge_stops_before_the_contactors_open(bench, judge, power_w, danger):
    """The inverter is ordered to stop, and only then the contactors are asked to open."""
    with bench.at_power(power_w), bench.recording() as trace, bench.inject(danger) as fault:
        judge.bridge_first(trace.shutdown(after=fault.on_bus))


@pytest.mark.req("SAF-21")
@pytest.mark.parametrize(
    ("power_w", "danger"), [(RATED_W, HOT), (-3000, APART)], ids=["charging-rated-hot", "discharging-3kW-apart"]
)
def test_contactors_open_without_load(bench, judge, power_w, danger):
    """The contactors are asked to open when the current is over, and are open in time."""
    with bench.at_power(power_w), bench.recording() as trace, bench.inject(danger) as fault:
        judge.opens(trace.shutdown(after=fault.on_bus))


@pytest.mark.req("SAF-21")
@pytest.mark.parametrize("power_w", [-3000, 3000], ids=["discharging", "charging"])
def test_contactors_open_at_the_last_moment(bench, judge, power_w):
    """An inverter that does not stop: the contactors open all the same, at the last moment, and the log states it."""
    with bench.at_power(power_w), bench.power.deaf_inverter(), bench.recording() as trace, bench.inject(HOT) as fault:
        shutdown = trace.shutdown(after=fault.on_bus)
        judge.opens(shutdown)
    judge.latency("the current ends", shutdown.isolation, below_ms=50)


@pytest.mark.req("SAF-22")
def test_contactors_stay_open(bench, judge):
    """While the danger lasts the contactors stay open, whatever power is asked for."""
    watch_s = judge.profile.watch_s
    with bench.at_power(-3000), bench.recording() as trace, bench.inject(HOT) as fault:
        bench.power.insist(-3000, for_s=watch_s / 2)
        bench.power.insist(3000, for_s=watch_s / 2)
        judge.stays_open(trace.shutdown(after=fault.on_bus, watch_s=watch_s))


@pytest.mark.req("SAF-22")
def test_contactors_close_through_precharge(bench, judge):
    """After a shutdown they close again through precharge, and the inverter runs only when they are closed."""
    with bench.at_power(-3000), bench.inject(HOT):
        bench.power.settle()
    judge.closes(bench.power.closing(3000))


@pytest.mark.req("SAF-23")
@pytest.mark.parametrize("defect", ["weld_pole", "stuck_feedback"])
def test_contactor_that_does_not_open_is_noticed(bench, judge, defect):
    """Asked to open and not reported open: the log states it, and no power follows although the trip is reset."""
    with bench.at_power(-3000), bench.power.pack.contactors(defect):
        with bench.inject(HOT):
            judge.logged(bench.controller.dut.weld_told, within_s=NOTICED_S)
        bench.controller.run("reset_trip")
        with bench.power.watching(3000, for_s=1.0) as trace:
            judge.never_flows("with a contactor that does not open", trace)
