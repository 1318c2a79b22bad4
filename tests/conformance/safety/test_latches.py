"""The latch of a trip or a fallback: it holds until an authorised person releases it, whatever comes in between."""

from contextlib import ExitStack

import pytest

from v2g_bench.faults import (
    BmsSilence,
    CellImbalance,
    ImbalanceCode,
    OverTemperature,
    SocDivergence,
    StringVoltageDifference,
)
from v2g_bench.faults.emi_noise import noise

HOT = OverTemperature(cell=1, to_c=45.5)
LIMIT_C, LIMIT_MV = 45.0, 300.0
BOTH_W = (-3000, 3000)
WATCHED_S, UNASKED_S = 1.5, 1.0
RESETS = 3  # while the danger is present: a second one may be taken for insistence


def trips(bench, judge) -> None:
    """The controller reports its trip, and has had the time to act on it."""
    shown_s = bench.controller.latches.shown_s()
    judge.require(bench.wait_until(bench.controller.latches.tripped, 1 + shown_s), "no trip is reported")
    bench.power.insist(-3000, for_s=shown_s)


def any_trip(worlds, turn=0):
    """A hot cell or diverging strings, how far past the limit is drawn. turn: where tests share these between them."""
    ways = worlds.any.trips(LIMIT_C, LIMIT_MV)
    return next(worlds.few(fault=ways[turn % len(ways)])).fault


def nothing_comes_by_itself(bench, judge) -> None:
    """The reset is done, and nothing flows of it: only what is asked for again does."""
    with bench.recording(rate_hz=1000, after_s=UNASKED_S) as trace:
        bench.controller.must("reset_trip")
        trace.complete()
    judge.never_flows("after the reset, before power is asked for", trace)


@pytest.mark.req("SAF-04")
def test_trip_latches_until_an_authorised_reset(bench, judge, worlds, turn):
    """A tripped controller moves nothing, in danger or safe again, for any command but the reset; that works when all is safe.

    The reset itself moves nothing either.
    """
    others = bench.power.watch.commands(but=("reset_trip",))
    with bench.at_power(-3000):
        with bench.inject(any_trip(worlds, turn)):
            trips(bench, judge)
            replies = []
            resets = [lambda: replies.append(bench.controller.run("reset_trip"))] * RESETS
            judge.never_flows("in danger", *bench.power.watch(*BOTH_W, for_s=judge.profile.watch_s, meanwhile=resets))
            accepted = [reply.out for reply in replies if reply.status == 0]
            judge.holds("the reset is refused while the danger stands", not accepted, "; ".join(accepted))
        judge.never_flows(
            "with the pack safe again", *bench.power.watch(*BOTH_W, for_s=judge.profile.watch_s, meanwhile=others)
        )
        judge.holds("the trip still stands", bench.controller.latches.tripped())
        nothing_comes_by_itself(bench, judge)
    with bench.power.asking(-3000):
        judge.flows("discharge after the reset", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("SAF-04")
def test_reset_is_refused_while_another_danger_stands(bench, judge):
    """What tripped, heat or strings, is over, but meanwhile there is the other one: the reset is refused, the trip remains."""
    hot, strings = ("a cell is hot", HOT), ("the strings diverge", StringVoltageDifference(to_mv=320))
    for (_, first), (danger, second) in ((strings, hot), (hot, strings)):
        with bench.at_power(-3000), ExitStack() as over:
            over.enter_context(bench.inject(first))
            trips(bench, judge)
            with bench.inject(second):
                over.close()
                bench.power.insist(-3000, for_s=bench.controller.latches.shown_s())
                reply = bench.controller.run("reset_trip")
                judge.holds(f"the reset is refused while {danger}", reply.status != 0, reply.out + reply.err)
                judge.holds("the trip stands", bench.controller.latches.tripped())
            if second is not HOT:  # once is enough
                nothing_comes_by_itself(bench, judge)  # though power was asked for to the last, and never taken back


def silence(bench, judge) -> None:
    """The BMS falls silent until the controller has noticed, and comes back."""
    within_s = judge.limits.silence_limit_ms / 1000 + 1.5
    with bench.inject(BmsSilence()):
        noticed = bench.wait_until(lambda: bench.controller.log.find("ERR_BMS_TIMEOUT"), within_s)
        judge.require(noticed, "the silence is not noticed")


WHAT_COMES = {
    "silence": silence,
    "reload": lambda bench, judge: bench.controller.must("reload"),
    "restart": lambda bench, judge: bench.controller.command_line.restart(),
    "kill": lambda bench, judge: bench.controller.command_line.restart("kill"),
}


def outlives(bench, judge, event: str, danger, event_of=WHAT_COMES) -> None:
    """The trip, of a pack that is safe again, is there after the event as before."""
    with bench.at_power(-3000), bench.inject(danger):
        trips(bench, judge)
    shown_s = bench.controller.latches.shown_s()
    released = bench.wait_until(lambda: not bench.controller.latches.tripped(), within_s=shown_s)
    judge.require(not released, "the trip releases itself")
    event_of[event](bench, judge)
    judge.never_flows(f"after the {event}", *bench.power.watch(*BOTH_W, for_s=WATCHED_S))
    judge.holds(f"the trip stands after the {event}", bench.controller.latches.tripped())


@pytest.mark.req("SAF-12")
@pytest.mark.parametrize("event", WHAT_COMES)
def test_trip_outlives(bench, judge, worlds, turn, event):
    """The pack is safe again after a trip by heat or by strings: no silence of the BMS, reload, restart or kill releases it."""
    outlives(bench, judge, event, any_trip(worlds, turn + list(WHAT_COMES).index(event)))


MEANWHILE = {"silence": ["reload"], "restart": ["force_limit"], "kill": ["departure"]}  # commands that release nothing
RESET_BY_A_TRIP = ("noise",)  # the same authorised reset releases both

CHARGE_ONLY = {
    "noise": lambda limits: noise(limits.packet_loss_pct, 2.5),
    "divergence": lambda limits: SocDivergence(by_pct=limits.soc_divergence_pct + 3),
    "imbalance": lambda limits: CellImbalance(),
}


def falls_back(bench, judge, fault) -> None:
    """A discharge is under way, the fault comes and ends it, and is over."""
    with bench.at_power(-3000), bench.inject(fault):
        none_w, within_s = -judge.limits.no_discharge_w, bench.controller.dut.thresholds.noticed_within_s
        ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, within_s)
        judge.require(ended, "nothing keeps V2G off")
        bench.power.granted()


def trip_and_reset(bench, judge, danger) -> None:
    """A trip comes, and is released by its reset."""
    with bench.inject(danger):
        trips(bench, judge)
    reset = bench.wait_until(lambda: bench.controller.run("reset_trip").status == 0, within_s=2)
    judge.require(reset, "the trip cannot be reset")


@pytest.mark.req("SAF-12")
@pytest.mark.parametrize("fault", CHARGE_ONLY)
def test_charge_only_outlives(bench, judge, worlds, fault):
    """Noise, divergence or imbalance is over: whatever comes or is commanded, the pack is charged, and not discharged."""
    falls_back(bench, judge, CHARGE_ONLY[fault](bench.controller.dut.thresholds))
    if fault not in RESET_BY_A_TRIP:
        trip_and_reset(bench, judge, any_trip(worlds))
    for event, commands in MEANWHILE.items():
        WHAT_COMES[event](bench, judge)
        with bench.power.asking(2000, within_s=bench.controller.dut.ready_s):
            judge.flows(f"charging after the {event}", bench.readings.ac_power(), is_w=2000)
        meanwhile = bench.power.watch.commands(of=commands)
        judge.never_discharges(f"after the {event}", *bench.power.watch(-3000, for_s=WATCHED_S, meanwhile=meanwhile))


@pytest.mark.req("SAF-10")
def test_imbalance_keeps_v2g_off_until_a_balancing_charge(bench, judge, partial_charge):
    """Cells out of balance: no discharge until a charge to 100 %, no less, and not before the BMS takes it back."""
    bench.power.pack.seconds_below_full(partial_charge.from_pct)
    with bench.at_power(-1000), bench.inject(CellImbalance(), alone=True):
        bench.power.granted()
        judge.never_discharges("while the BMS reports imbalance", *bench.power.watch(-1000, for_s=WATCHED_S))
    watched = bench.power.watch(-1000, for_s=judge.profile.watch_s)
    judge.never_discharges("before the balancing charge", *watched)
    charged = bench.power.pack.charge_to(
        partial_charge.to_pct
    )  # a controller that takes less for full may end it before
    judge.never_discharges(f"at {bench.bus.signal('soc'):g} %", *bench.power.watch(-1000, for_s=WATCHED_S))
    judge.require(charged, "the pack cannot be charged")
    judge.holds("the balancing charge reaches 100 %", bench.power.pack.charge_to_full())
    with bench.power.asking(-1000):
        judge.flows("discharge after the balancing charge", bench.readings.ac_power(), is_w=-1000)
        none_w = -judge.limits.no_discharge_w
        with bench.inject(CellImbalance(), alone=True):
            within_s = bench.controller.dut.thresholds.noticed_within_s
            ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, within_s)
            judge.holds("a second imbalance ends it", ended)


@pytest.mark.req("SAF-17")
def test_trouble_code_alone_keeps_v2g_off(bench, judge):
    """The BMS holds a code for cell imbalance without a flag: it is read in time, and then nothing is discharged."""
    bench.bus.needs("dtc_count")
    with bench.at_power(-3000):
        with bench.inject(ImbalanceCode()):
            none_w = -judge.limits.no_discharge_w
            ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, judge.limits.diagnosis_s)
            judge.holds(f"the discharge ends within {judge.limits.diagnosis_s:g} s", ended)
            judge.never_discharges("while the code is stored", *bench.power.watch(-3000, for_s=WATCHED_S))
        judge.never_discharges("before the balancing charge", *bench.power.watch(-3000, for_s=WATCHED_S))
