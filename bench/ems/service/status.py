"""The answers to v2g-ctrl --status and v2g-health --status: plain JSON values."""

from typing import Any

from v2g_bench.ems.core.controller import Ems

_SUNSPEC_STATES = ("off", "sleeping", "starting", "running", "throttled", "shutting down", "fault", "standby")


def status_of(ems: Ems, now_s: float) -> dict[str, Any]:
    """Mode, power, faults and what is known of BMS and inverter."""
    parts, decision, pack = ems.parts, ems.decision, ems.pack
    loss_pct, message = parts.signal.worst()
    state = ems.inverter.state
    return {
        "mode": decision.mode.name.lower(),
        "requested_w": ems.request_w,
        "effective_w": decision.setpoint.power_w,
        "setpoint_w": decision.power_w or 0.0,
        "limited_by": list(decision.setpoint.limited_by),
        "trip": parts.trip.cause,
        "trip_latched": parts.trip.latched,
        "charge_only": parts.v2g_blocked() is not None,
        "charge_only_for": parts.v2g_blocked(),
        "faults": parts.book.listing(now_s),
        "contactor_request": decision.contactors,
        "contactor_state": pack.get("contactor_state"),
        "cooling_request": parts.thermal.cooling or parts.precool.on,
        "precooling": parts.precool.on,
        "limits": {"min_soc_pct": parts.window.limits.min_soc_pct, "max_soc_pct": parts.window.limits.max_soc_pct},
        "window": window_of(ems, now_s),
        "cooling_trigger_c": parts.thermal.policy.cooling_trigger_c,
        "bms": {
            "alive": parts.watchdog.alive,
            "soc_pct": pack.get("soc"),
            "soc_own_pct": parts.soc.own_pct,
            "soc_offset_pct": parts.soc.offset_pct,
            "soc_calibrated": parts.soc.calibrated,
            "hottest_c": pack.hottest_c,
            "gradient_k": pack.gradient_k,
            "string_difference_v": pack.get("string_voltage_difference"),
            "implausible": dict(parts.believable.doubts),
            "micro_cycle_pct": round(parts.micro_cycle.depth_pct, 3),
            "loss_pct": round(loss_pct, 2),
            "loss_of": message,
        },
        "inverter": {
            "online": parts.inverter.online,
            "ac_power_w": ems.inverter.ac_power_w,
            "state": _SUNSPEC_STATES[state] if state is not None and state < len(_SUNSPEC_STATES) else None,
        },
    }


def window_of(ems: Ems, now_s: float) -> dict[str, Any]:
    """The SoC window in force, and what made it so."""
    parts = ems.parts
    floating, planned = parts.floating, parts.precool.window
    in_force = parts.window.in_force.limits if parts.window.in_force else parts.window.limits
    departure = floating.departure
    return {
        "min_soc_pct": round(in_force.min_soc_pct, 2),
        "max_soc_pct": round(in_force.max_soc_pct, 2),
        "forced_for_s": None if floating.override is None else round(floating.override.until_s - now_s, 1),
        "departure": None if departure is None else {"at": departure.label, "soc_pct": departure.soc_pct},
        "v2g_window": None if planned is None else planned.label,
    }


def audited(ems: Ems) -> dict[str, Any]:
    """What the audit trail keeps of before and after a command."""
    parts, forced = ems.parts, ems.parts.floating.override
    return {
        "min_soc_pct": parts.window.limits.min_soc_pct,
        "max_soc_pct": parts.window.limits.max_soc_pct,
        "forced": None if forced is None else [forced.limits.min_soc_pct, forced.limits.max_soc_pct],
        "cooling_trigger_c": parts.thermal.policy.cooling_trigger_c,
        "trip": parts.trip.cause,
        "noise": parts.signal.noisy,
        "soc_diverged": parts.soc.diverged,
        "imbalance": parts.balance.latched,
        "meters": parts.meters.disagree,
    }


def health_of(ems: Ems) -> dict[str, Any]:
    """Health as the BMS reports it.

    Equivalent full cycles: energy throughput in both directions over twice the present energy, which is the capacity
    times the present pack voltage.
    """
    pack = ems.pack
    soh_pct, throughput_kwh = pack.get("soh"), pack.get("energy_throughput")
    capacity_ah, pack_v = pack.get("capacity"), pack.get("pack_voltage")
    cycles = None
    if throughput_kwh is not None and capacity_ah and pack_v:
        cycles = throughput_kwh / (2 * capacity_ah * pack_v / 1000)
    review_pct = ems.thresholds.soh_review_pct
    return {
        "soh_pct": soh_pct,
        "cycle_count": pack.get("cycle_count"),
        "energy_throughput_kwh": throughput_kwh,
        "equivalent_full_cycles": None if cycles is None else round(cycles, 1),
        "capacity_ah": capacity_ah,
        "dtc_count": pack.get("dtc_count"),
        "imbalance": ems.parts.balance.cause if ems.parts.balance.latched else None,
        "balancing_charge_complete": ems.parts.balance.charged,
        "review": soh_pct is not None and soh_pct < review_pct,
        "review_below_pct": review_pct,
        "bms_alive": ems.parts.watchdog.alive,
    }
