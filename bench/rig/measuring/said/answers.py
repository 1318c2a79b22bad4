"""The answers of the controller's commands, against its frames, the pack's current and the overrides that were commanded."""

from itertools import pairwise

import numpy as np

from v2g_bench.rig.dut.told import told
from v2g_bench.rig.measuring.said.account import Account
from v2g_bench.rig.measuring.said.power import CURRENT_FRAMES, STANDS_S, current_limit_a
from v2g_bench.rig.measuring.said.sheet import ACCEPTED, OVERRIDES, REFUSED, STATUS, Sheet

SETTLED_S = 0.3  # a power of before may take this long to end
OFF = "off"
RECORDED = ("force_limit", "reset_trip", "reset_soc_offset", "reload")  # what a record may hold, done or refused


def compare_status(account: Account, sheet: Sheet) -> None:
    """Each status that was asked for, against what stood in the frames before and after the answer."""
    keys = account.rig.dut.status_told
    asked = [one for one in account.commands if one.name == "status" and one.accepted]
    if not keys and "status" in account.rig.dut.commands:
        sheet.lacks(STATUS, "the rig file does not state what the status tells: dut.status_told")
    for role, key in keys.items():
        series = account.reports.of(role)
        if series is None:
            continue
        step = account.reports.db.resolution(role)
        for one in asked:
            around = series.between(one.from_s - account.shown_s, one.to_s + account.shown_s).value
            if not len(around) or float(np.ptp(around)) > 0:
                continue  # it changed just then
            if not account.heard(series, one.from_s - account.shown_s, min(one.to_s + account.shown_s, account.to_s)):
                continue
            value = told(one.reply.out, key)
            seen = f"{role} {float(around[-1]):g} in its frames"
            fits = value is not None and abs(value - float(around[-1])) < 0.75 * step  # a flag is one count
            sheet.hold(STATUS, fits, f"{key} {'nothing' if value is None else f'{value:g}'}", seen, one.to_s)


def compare_refusals(account: Account, sheet: Sheet) -> None:
    """A power that was refused does not come: while nothing else was asked for, nothing flows that way."""
    current = account.reports.of("pack_current")
    if current is None:
        return
    asked = [one for one in account.commands if one.power_w is not None]
    for number, one in enumerate(asked):
        power_w, until_s = one.power_w or 0.0, asked[number + 1].from_s if number + 1 < len(asked) else account.to_s
        if one.accepted or not power_w or account.asked_w(one.from_s) or one.from_s < account.from_s:
            continue
        from_s = one.to_s + SETTLED_S
        if until_s <= from_s or account.disturbed(from_s, until_s) or account.faked("pack_current", from_s, until_s):
            continue
        flowing = current.between(from_s, until_s)
        limit_a = current_limit_a(account)
        runs = flowing.runs(flowing.value * np.sign(power_w) > limit_a)
        flows = [first for first, last in runs if last - first + 1 >= CURRENT_FRAMES]
        if len(flowing):
            seen = f"{float(flowing.value[flows[0] if flows else 0]):.2f} A in the pack by the BMS"
            sheet.hold(REFUSED, not flows, f"{power_w:.0f} W refused", seen, one.to_s)


def compare_acceptances(account: Account, sheet: Sheet) -> None:
    """A power that a healthy pack was accepted for comes: it stands in the frames, if it does not flow."""
    said = account.reports.of("power_setpoint")
    for seen in account.powers:
        asked = [one for one in account.commands if one.power_w is not None and one.to_s <= seen.at_s - STANDS_S]
        if not asked or not asked[-1].accepted or not asked[-1].power_w or not _healthy(account, seen.at_s):
            continue
        power_w = asked[-1].power_w
        flows = seen.value_w * np.sign(power_w) > account.rig.judging.no_discharge_w
        asks = said is not None and bool((said.between(asked[-1].to_s, seen.at_s).value * power_w > 0).any())
        # It may ask the inverter, which does not follow: then nobody knows who is wrong.
        text = f"{seen.value_w:.0f} W by the {seen.by}, {'asked of' if asks else 'nothing asked of'} the inverter"
        sheet.hold(ACCEPTED, bool(flows), f"{power_w:.0f} W accepted", text, seen.at_s, undecided=asks or said is None)


def _healthy(account: Account, at_s: float) -> bool:
    """Nothing was done yet that a controller may hold power down for, and its pack is neither full nor empty."""
    since_s = max([one for one in account.starts_s if one <= at_s], default=account.from_s)  # it was started with this
    done = [one.to_s for one in account.faults if one.from_s <= at_s] + [one.at_s for one in account.changes]
    commands = [one.to_s for one in account.commands if one.name not in ("set_power", "status", "health", "audit")]
    soc = account.reports.of("soc")
    if soc is None or not len(soc) or any(since_s < one for one in [*done, *commands]):
        return False
    low_pct, high_pct = account.rig.judging.low_soc_pct + 5, 70.0
    latest_pct = float(soc.between(account.from_s, at_s).value[-1:].sum())
    return low_pct <= latest_pct <= high_pct


def compare_overrides(account: Account, sheet: Sheet) -> None:
    """Between two readings of its audit trail: one entry more for each override, one for its end at the most."""
    if not account.rig.dut.audit_told and any(one.name == "audit" for one in account.commands):
        sheet.lacks(OVERRIDES, "the rig file does not state how the number of entries is told: dut.audit_told")
    if not account.rig.dut.audit_told:
        return
    audits = [place for place, one in enumerate(account.commands) if one.name == "audit"]
    for first, last in pairwise(audits):
        # By their order: in a simulation a command takes no time.
        before, after = (told(account.commands[place].reply.out, account.rig.dut.audit_told) for place in (first, last))
        between = account.commands[first + 1 : last]
        begun = sum(one.accepted and one.name == "force_limit" and one.values.get("value") != OFF for one in between)
        if not begun or before is None:
            continue
        grown = None if after is None else after - before
        fits = grown is not None and begun <= grown <= sum(one.name in RECORDED for one in between)
        entries = "no number of entries" if grown is None else f"{grown:g} entries more"
        sheet.hold(OVERRIDES, fits, entries, f"{begun} overrides accepted", account.commands[last].to_s)
