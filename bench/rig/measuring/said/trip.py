"""A trip in the controller's frames, against danger on the bus and a line in its log; the same of its charge-only mode."""

import re

from v2g_bench.rig.measuring.said.account import Account, Danger
from v2g_bench.rig.measuring.said.reports import Series
from v2g_bench.rig.measuring.said.sheet import TRIP, TRIP_LOG, Sheet

POLL_S = 0.05  # V2G manual: the sensors are polled every 50 ms, so a danger that lasts a little longer is seen
FRAMES = 6  # and it was in so many frames
ISOLATED_S = 0.05
BEFORE_S = 10.0  # what was dangerous, or done, so long before a trip may be its cause


def compare_trip(account: Account, sheet: Sheet) -> None:
    """Danger on the bus, and a trip in the frames: both or neither; and each trip of them in the log."""
    said = account.reports.of("trip_latched")
    if said is None:
        sheet.leaves_out(TRIP, f"{account.reports.db.path.name} has no signal for trip_latched")
        return
    for danger in account.dangers:
        _must_trip(account, sheet, said, danger)
    trips_s = [float(said.time_s[first]) for first, _ in said.runs(said.value >= 0.5)]
    for number, at_s in enumerate(trips_s):
        _has_a_cause(account, sheet, at_s, first=number == 0)
    _logged(account, sheet, trips_s)


def _must_trip(account: Account, sheet: Sheet, said: Series, danger: Danger) -> None:
    lasted_s = max(1.1 * POLL_S, FRAMES * account.reports.cycle_s(danger.role))
    due_s = danger.from_s + lasted_s + ISOLATED_S + account.shown_s
    if danger.to_s - danger.from_s < lasted_s or due_s > account.to_s:
        return
    if account.disturbed(danger.from_s - 1.0, due_s) or not account.heard(said, danger.from_s, due_s):
        return
    latched = bool((said.between(danger.from_s, due_s).value >= 0.5).any())
    sheet.hold(TRIP, latched, "no trip", _words(danger), danger.from_s)


def _has_a_cause(account: Account, sheet: Sheet, at_s: float, *, first: bool) -> None:
    """Its cause may lie before what is known of the bus, and a restart shows a latch again."""
    if at_s - account.from_s < account.shown_s or any(0 <= at_s - one < BEFORE_S for one in account.starts_s[1:]):
        return
    caused = any(danger.from_s <= at_s and danger.to_s >= at_s - BEFORE_S for danger in account.dangers)
    excused = any(one.from_s <= at_s and one.to_s >= at_s - BEFORE_S for one in account.faults)
    sheet.hold(TRIP, caused or excused, "tripped", "no danger on the bus, and nothing injected", at_s)


def _logged(account: Account, sheet: Sheet, trips_s: list[float]) -> None:
    """Each trip has its line before the next one; and no line tells of a trip that was none."""
    if not account.rig.dut.trip_told:
        sheet.lacks(TRIP_LOG, "the rig file does not state how a trip is logged: dut.trip_told")
        return
    told = [line for line in account.lines if re.search(account.rig.dut.trip_told, line.text)]
    for number, at_s in enumerate(trips_s):
        if any(at_s >= one - account.shown_s for one in account.starts_s[1:]) or at_s < account.from_s:
            continue  # a latch that is only shown again
        next_s = trips_s[number + 1] if number + 1 < len(trips_s) else account.to_s
        since_s = max([danger.from_s for danger in account.dangers if danger.from_s <= at_s], default=at_s)
        lines = [line for line in told if line.to_s >= since_s and line.from_s <= next_s]
        undecided = bool(account.lost)
        sheet.hold(TRIP_LOG, bool(lines), "no trip in its log", "tripped by its frames", at_s, undecided=undecided)
    for line in told:
        earlier = [at_s for at_s in [*trips_s, *(one.from_s for one in account.dangers)] if at_s <= line.to_s]
        known = line.from_s >= account.from_s  # what was on the bus before is not known
        if known:
            sheet.hold(TRIP_LOG, bool(earlier), f"{line.text[:120]!r} in its log", "no trip, no danger", line.from_s)


def _words(danger: Danger) -> str:
    lasted_ms = 1e3 * (danger.to_s - danger.from_s)
    return f"{danger.role} {danger.value:g} on the bus for {lasted_ms:.0f} ms"
