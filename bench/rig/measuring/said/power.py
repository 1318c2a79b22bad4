"""Power, mode and charge-only in the controller's frames against the power at the terminals and the pack's current."""

import numpy as np

from v2g_bench.rig.measuring.comparisons import bms_accuracy
from v2g_bench.rig.measuring.said.account import Account
from v2g_bench.rig.measuring.said.notebook import PowerSeen
from v2g_bench.rig.measuring.said.reports import Series
from v2g_bench.rig.measuring.said.sheet import CHARGE_ONLY, MODE, POWER, TRIP, Sheet

STANDS_S = 0.3  # for so long its frames say the same before they are held against a meter
MODES = ("standby", "charge", "V2G", "charge-only", "tripped")  # as `can.roles` counts them
CURRENT_FRAMES = 3  # of the BMS: fewer of them are no current that flows


def compare_power(account: Account, sheet: Sheet) -> None:
    """The power that it says, and its mode, whenever a power stood still at the terminals."""
    said = _reports(account, sheet, "power_setpoint", POWER)
    mode = _reports(account, sheet, "operating_mode", MODE)
    for seen in account.powers:
        if said is not None:
            _power(account, sheet, said, seen)
        if mode is not None:
            _mode(account, sheet, mode, seen)


def _power(account: Account, sheet: Sheet, said: Series, seen: PowerSeen) -> None:
    """It may have asked for what an inverter does not give: then nobody knows who is wrong."""
    stood = said.between(seen.at_s - STANDS_S, seen.at_s)
    judging = account.rig.judging
    if len(stood) < 2 or not account.heard(said, seen.at_s - STANDS_S, seen.at_s):
        return
    said_w, step_w = float(stood.value[-1]), account.reports.db.resolution("power_setpoint")
    tolerance_w = judging.power_tolerance_pct / 100 * abs(said_w) + judging.no_discharge_w + step_w
    if float(np.ptp(stood.value)) > tolerance_w:
        return  # it moves
    asked_w = account.asked_w(seen.at_s)
    sheet.hold(
        POWER,
        abs(seen.value_w - said_w) <= tolerance_w + seen.expanded_w,
        f"{said_w:.0f} W",
        f"{seen.value_w:.0f} W ± {seen.expanded_w:.0f} W by the {seen.by} (allowed: ± {tolerance_w:.0f} W)",
        seen.at_s,
        undecided=abs(said_w - asked_w) <= tolerance_w,
    )


def _mode(account: Account, sheet: Sheet, mode: Series, seen: PowerSeen) -> None:
    stood = mode.between(seen.at_s - STANDS_S, seen.at_s)
    flows_w = 2 * account.rig.judging.no_discharge_w + seen.expanded_w
    if len(stood) < 2 or np.ptp(stood.value) or not account.heard(mode, seen.at_s - STANDS_S, seen.at_s):
        return
    number = round(float(stood.value[-1]))
    word = MODES[number] if 0 <= number < len(MODES) else str(number)
    impossible = {"standby": abs(seen.value_w), "tripped": abs(seen.value_w), "charge": -seen.value_w}
    impossible |= {"charge-only": -seen.value_w, "V2G": seen.value_w}
    fits = word in impossible and impossible[word] <= flows_w
    sheet.hold(MODE, fits, word, f"{seen.value_w:.0f} W by the {seen.by}", seen.at_s)


def compare_current(account: Account, sheet: Sheet) -> None:
    """While it says that it has tripped, nothing flows; while it says charge-only, nothing is discharged."""
    current = account.reports.of("pack_current")
    for role, subject, sign in (("trip_latched", TRIP, 0.0), ("charge_only", CHARGE_ONLY, -1.0)):
        said = _reports(account, sheet, role, subject)
        if said is None or current is None:
            continue
        for first, last in said.runs(said.value >= 0.5):
            from_s, to_s = float(said.time_s[first]) + account.rig.judging.fallback_s, float(said.time_s[last])
            if to_s > from_s and _believed(account, from_s, to_s):
                _no_current(account, sheet, current.between(from_s, to_s), subject, sign)


def _no_current(account: Account, sheet: Sheet, current: Series, subject: str, sign: float) -> None:
    limit_a = current_limit_a(account)
    flowing = current.value * sign if sign else np.abs(current.value)
    runs = [(first, last) for first, last in current.runs(flowing > limit_a) if last - first + 1 >= CURRENT_FRAMES]
    if not len(current):
        return
    first = runs[0][0] if runs else 0
    said = "tripped" if subject == TRIP else "charge-only"
    seen = f"{float(current.value[first]):.2f} A in the pack by the BMS (allowed: {limit_a:.2f} A)"
    sheet.hold(subject, not runs, said, seen, float(current.time_s[first]))


def current_limit_a(account: Account) -> float:
    """Less than this by the BMS is no current: the power that is none yet, and the accuracy of its sensor."""
    volts = account.reports.of("pack_voltage")
    pack_v = float(np.median(volts.value)) if volts is not None and len(volts) else 0.0
    none_a = account.rig.judging.no_discharge_w / pack_v if pack_v > 0 else 0.0
    step_a = account.reports.db.resolution("pack_current")
    return none_a + bms_accuracy(account.rig, "pack_current", none_a, step_a)[0]


def _believed(account: Account, from_s: float, to_s: float) -> bool:
    """Whether the BMS is a witness of its current in this time."""
    return not account.disturbed(from_s, to_s) and not account.faked("pack_current", from_s, to_s)


def _reports(account: Account, sheet: Sheet, role: str, subject: str) -> Series | None:
    series = account.reports.of(role)
    if series is None:
        sheet.leaves_out(subject, f"{account.reports.db.path.name} has no signal for {role}")
    return series
