"""The manual's codes in the controller's log and frames, against what could have caused them.

A cause counts from its beginning on: a latched condition may be logged again whenever its maker likes.
"""

import re
from collections.abc import Callable

import numpy as np

from v2g_bench.rig.measuring.said.account import Account
from v2g_bench.rig.measuring.said.reports import Series
from v2g_bench.rig.measuring.said.sheet import CHARGE_ONLY, CODES, ERROR_CODE, Sheet

GRADIENT, DIVERGENCE, NOISE, HANDSHAKE = "0x01A2", "0x09BD", "0x0B22", "0x05F1"
TIMEOUT, OFFLINE = "ERR_BMS_TIMEOUT", "FAULT_INVERTER_OFFLINE"
ALL = re.compile("|".join((GRADIENT, DIVERGENCE, NOISE, HANDSHAKE, TIMEOUT, OFFLINE)), re.IGNORECASE)
BLOCKING = (DIVERGENCE, NOISE)  # V2G is off from then on, until somebody releases it
BELOW_K = 1.0  # under its limit a gradient is none yet
GAP_SHARE = 0.5  # of the BMS's time-out
COLDEST, HOTTEST = "cell_temperature_min", "cell_temperature_max"


def compare_codes(account: Account, sheet: Sheet) -> None:
    """Each code in the log has a cause before it; a code in the frames is one of the log."""
    logged: dict[str, float] = {}
    for line in account.lines:
        for code in {found.upper().replace("0X", "0x") for found in ALL.findall(line.text)}:
            logged.setdefault(code, line.to_s)
            if line.from_s < account.from_s:
                continue  # what was on the bus before is not known
            caused = _CAUSES[code](account, line.to_s)
            sheet.hold(CODES, caused, f"{line.text[:120]!r}", f"no cause of {code} by then", line.to_s)
    if account.lost:
        said = f"no more codes than those {len(logged)}"
        sheet.hold(CODES, False, said, account.lost, account.to_s, undecided=True)
    _in_frames(account, sheet, logged)
    _charge_only(account, sheet, logged)


def _in_frames(account: Account, sheet: Sheet, logged: dict[str, float]) -> None:
    codes = account.reports.of("error_code")
    if codes is None:
        sheet.leaves_out(ERROR_CODE, f"{account.reports.db.path.name} has no signal for error_code")
        return
    for number in sorted({round(value) for value in codes.value} - {0}):
        code = f"0x{number:04X}"
        at_s = float(codes.time_s[np.rint(codes.value) == number][0])
        said, seen, undecided = f"{code} in its frames", "no such code in its log", bool(account.lost)
        sheet.hold(ERROR_CODE, code in logged, said, seen, at_s, undecided=undecided)


def _charge_only(account: Account, sheet: Sheet, logged: dict[str, float]) -> None:
    """A code that ends V2G stands beside the charge-only mode in the frames."""
    said = account.reports.of("charge_only")
    for code in BLOCKING:
        if said is None or code not in logged:
            continue
        from_s, due_s = logged[code] - account.shown_s, logged[code] + account.rig.judging.fallback_s + account.shown_s
        if due_s <= account.to_s and account.heard(said, logged[code], due_s):
            shown = bool((said.between(from_s, due_s).value >= 0.5).any())
            sheet.hold(CHARGE_ONLY, shown, "no charge-only in its frames", f"{code} in its log", logged[code])


def _gradient(account: Account, by_s: float) -> bool:
    """The hottest and the coldest place of the pack were so far apart."""
    hot = [series for role in (HOTTEST, "module_temperature") for _, series in account.reports.each(role)]
    cold = [series for role in (COLDEST, "module_temperature") for _, series in account.reports.each(role)]
    if not hot or not cold:
        return _faked(account, by_s, "cell_temperature", "module_temperature")
    least_k = account.rig.dut.thresholds.gradient_k - BELOW_K
    times_s = np.unique(np.concatenate([one.time_s[one.time_s <= by_s] for one in (*hot, *cold)]))
    if not len(times_s):
        return False
    hottest = np.max([_held(one, times_s, -np.inf) for one in hot], axis=0)
    coldest = np.min([_held(one, times_s, np.inf) for one in cold], axis=0)
    return bool(np.max(hottest - coldest) >= least_k)


def _held(series: Series, times_s: np.typing.NDArray[np.float64], unknown: float) -> np.typing.NDArray[np.float64]:
    """The latest value at each time."""
    if not len(series):
        return np.full(len(times_s), unknown)
    places = np.searchsorted(series.time_s, times_s, side="right") - 1
    return np.where(places >= 0, series.value[np.maximum(places, 0)], unknown)


def _divergence(account: Account, by_s: float) -> bool:
    other_pack = any(one.op == "reset" and account.from_s <= one.at_s <= by_s for one in account.changes)
    return other_pack or _faked(account, by_s, "soc", "pack_current", "capacity")


def _noise(account: Account, by_s: float) -> bool:
    return account.omitted > 0 or any(one.disturbs and one.from_s <= by_s for one in account.faults)


def _timeout(account: Account, by_s: float) -> bool:
    """Noise, silence, or values that were not there: a gap in what the BMS sends most often."""
    if _noise(account, by_s):
        return True
    least_s = GAP_SHARE * account.rig.dut.thresholds.bms_timeout_s
    watched = [role for role in (HOTTEST, "string_voltage_difference", "pack_current") if account.reports.db.has(role)]
    return any(
        series is not None
        and series.largest_gap_s(account.from_s, by_s) >= max(least_s, 3 * account.reports.cycle_s(role))
        for role in watched
        for series in (account.reports.of(role),)
    )


def _offline(account: Account, by_s: float) -> bool:
    return any(one.op == "set_defects" and one.at_s <= by_s for one in account.changes)


def _never(account: Account, by_s: float) -> bool:
    """No vehicle that could fail to shake hands is on any rig yet."""
    return False


def _faked(account: Account, by_s: float, *beginnings: str) -> bool:
    return any(
        one.from_s <= by_s and any(role.startswith(beginnings) for role in one.fault.signals())
        for one in account.faults
    )


_CAUSES: dict[str, Callable[[Account, float], bool]] = {
    GRADIENT: _gradient,
    DIVERGENCE: _divergence,
    NOISE: _noise,
    HANDSHAKE: _never,
    TIMEOUT: _timeout,
    OFFLINE: _offline,
}
