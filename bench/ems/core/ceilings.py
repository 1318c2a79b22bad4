"""Everything that may hold the requested power down at a moment."""

from collections.abc import Iterator

from v2g_bench.ems.core.parts import EmsParts
from v2g_bench.ems.model.config import Thresholds
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Ceiling


def ceilings(parts: EmsParts, pack: PackState, limits: Thresholds, request_w: float, now_s: float) -> Iterator[Ceiling]:
    """The ceilings that hold for this request (W) now; those that bind nothing may be left out."""
    yield Ceiling("rating", limits.rated_power_w, limits.rated_power_w)
    calibrating = parts.calibrating
    soc_pct = pack.get("soc")
    if soc_pct is None or pack.hottest_c is None or pack.coldest_c is None:
        yield Ceiling("no BMS data yet", 0.0, 0.0)
        return
    window = parts.window.ceiling(soc_pct, calibrating=calibrating)
    if window is not None:
        yield window
    yield from parts.cell_voltages.ceilings(pack, calibrating=calibrating)
    yield from _of_the_bms(pack, limits)
    derated = parts.derating.ceiling(
        limits.rated_power_w, hottest_c=pack.hottest_c, coldest_c=pack.coldest_c, soc_pct=soc_pct
    )
    yield parts.slow_rise.limited(derated, now_s)
    if hold := parts.micro_cycle.ceiling():
        yield hold
    if parts.thermal.high_gradient is not None:
        # The manual's remedy is to lower the discharge rate itself, so the share is one of the request.
        share = limits.gradient_discharge_pct / 100.0
        yield Ceiling("0x01A2 High Thermal Gradient", discharge_w=abs(request_w) * share)
    if parts.over_current.held:
        yield Ceiling("Over-Current flag", 0.0, 0.0)
    if blocked := parts.v2g_blocked():
        yield Ceiling(f"charge-only: {blocked}", discharge_w=0.0)


def _of_the_bms(pack: PackState, limits: Thresholds) -> Iterator[Ceiling]:
    """The BMS's own limits are DC power; discharging, the AC side sees less than the pack gives."""

    def at_the_terminals_w(pack_w: float) -> float:
        return max(0.0, pack_w - limits.inverter_standby_w) * limits.inverter_efficiency

    charge_w, discharge_w = pack.get("charge_power_limit"), pack.get("discharge_power_limit")
    continuous_w = pack.get("discharge_power_continuous")
    if charge_w is not None and discharge_w is not None:
        yield Ceiling("BMS power limit", charge_w, at_the_terminals_w(discharge_w))
    if continuous_w is not None:
        yield Ceiling("continuous discharge rating", discharge_w=at_the_terminals_w(continuous_w))
