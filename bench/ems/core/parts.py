"""The parts of the controller and what they are built from; any of them can be replaced before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from v2g_bench.ems.core.peers import PeerConditions
from v2g_bench.ems.model import events
from v2g_bench.ems.model.bus_plan import BusPlan
from v2g_bench.ems.model.config import Thresholds
from v2g_bench.ems.model.events import EventBook
from v2g_bench.ems.model.limits import SocLimits, SocWindow
from v2g_bench.ems.model.setpoint import Arbiter, CellVoltageGuard, OverCurrentHold
from v2g_bench.ems.model.thermal_policy import ThermalPolicy
from v2g_bench.ems.protection.balance import CellImbalance
from v2g_bench.ems.protection.contactor_watch import ContactorWatch
from v2g_bench.ems.protection.derating import DeratingMap, SlowRise
from v2g_bench.ems.protection.meters import PowerAgreement
from v2g_bench.ems.protection.microcycle import MicroCycle
from v2g_bench.ems.protection.opening import Opening
from v2g_bench.ems.protection.plausibility import MedianOfFive
from v2g_bench.ems.protection.precool import PreCooling
from v2g_bench.ems.protection.ranges import PlausibleRange
from v2g_bench.ems.protection.signal_quality import SignalQuality
from v2g_bench.ems.protection.soc import SocDivergence
from v2g_bench.ems.protection.thermal import ThermalGuard
from v2g_bench.ems.protection.trip import EmergencyTrip, TripLimits
from v2g_bench.ems.protection.watchdog import BmsWatchdog, InverterWatch
from v2g_bench.ems.protection.window import FloatingWindow


@dataclass(frozen=True)
class EmsSettings:
    """The settings of the core."""

    plan: BusPlan
    thresholds: Thresholds = field(default_factory=Thresholds)
    limits: SocLimits = field(default_factory=SocLimits)
    policy: ThermalPolicy = field(default_factory=ThermalPolicy)


@dataclass
class EmsParts:
    """One object per capability."""

    plausible: MedianOfFive
    believable: PlausibleRange
    meters: PowerAgreement
    trip: EmergencyTrip
    opening: Opening
    contactors: ContactorWatch
    signal: SignalQuality
    watchdog: BmsWatchdog
    inverter: InverterWatch
    thermal: ThermalGuard
    precool: PreCooling
    soc: SocDivergence
    balance: CellImbalance
    window: SocWindow
    floating: FloatingWindow
    micro_cycle: MicroCycle
    cell_voltages: CellVoltageGuard
    derating: DeratingMap
    slow_rise: SlowRise
    over_current: OverCurrentHold
    arbiter: Arbiter
    book: EventBook
    peers: PeerConditions
    review: str | None = None  # why the battery's health is due for a review

    @classmethod
    def build(cls, settings: EmsSettings) -> "EmsParts":
        """The parts as the manual asks for them."""
        limits, plan = settings.thresholds, settings.plan
        return cls(
            plausible=MedianOfFive(plan.unprotected),
            believable=PlausibleRange(),
            meters=PowerAgreement(limits.meter_tolerance_w, limits.meter_tolerance_pct, limits.meter_hold_s),
            trip=EmergencyTrip(TripLimits(limits.trip_temperature_c, limits.trip_string_difference_v)),
            opening=Opening(limits.open_below_a, limits.open_last_moment_s),
            contactors=ContactorWatch(limits.contactors_stuck_s),
            signal=SignalQuality(
                plan.expected, limits.packet_loss_pct, limits.noise_window_s, silence_s=limits.bms_timeout_s / 2
            ),
            watchdog=BmsWatchdog(plan.watched, limits.bms_recover_s, limits.startup_s),
            inverter=InverterWatch(limits.inverter_timeout_s, limits.inverter_recover_s),
            thermal=ThermalGuard(
                settings.policy,
                limits.gradient_k,
                limits.gradient_hysteresis_k,
                limits.gradient_hold_s,
                limits.cooling_hysteresis_k,
            ),
            precool=PreCooling(limits.precool_lead_s, limits.precool_target_c),
            soc=SocDivergence(limits.soc_divergence_pct, limits.capacity_ah, limits.cell_full_v),
            balance=CellImbalance(limits.cell_full_v),
            window=SocWindow(settings.limits, limits.soc_hysteresis_pct),
            floating=FloatingWindow(limits.departure_horizon_s, limits.departure_charge_margin),
            micro_cycle=MicroCycle(limits.micro_cycle_pct, limits.capacity_ah),
            cell_voltages=CellVoltageGuard(
                limits.cell_upper_v, limits.cell_lower_v, limits.cell_full_v, limits.cell_hysteresis_v
            ),
            derating=DeratingMap(),
            slow_rise=SlowRise(limits.rated_power_w, limits.derating_rise_pct_per_s),
            over_current=OverCurrentHold(),
            arbiter=Arbiter(),
            book=EventBook(),
            peers=PeerConditions(),
        )

    # What holds across the parts

    @property
    def calibrating(self) -> bool:
        """Whether a charge to 100 % is due, so that the upper bounds make room for it."""
        return self.soc.diverged is not None or self.balance.latched

    def v2g_blocked(self) -> str | None:
        """Why discharging is latched off, None if it is not."""
        if self.signal.noisy is not None:
            return f"0x0B22 Signal Noise: {self.signal.noisy}"
        if self.soc.diverged is not None:
            return f"0x09BD SoC Divergence: {self.soc.diverged}"
        if self.balance.latched:
            return "Cell Imbalance: a balancing charge to 100 % is due"
        return self.peers.blocked()

    def conditions(self) -> dict[events.Event, str]:
        """The conditions to report now, each with its detail."""
        found = (
            (events.EMERGENCY_SHUTDOWN, self.trip.cause),
            (events.BMS_TIMEOUT, self.watchdog.silent or self.meters.disagree),
            (events.INVERTER_OFFLINE, self.inverter.offline),
            (events.SIGNAL_NOISE, self.signal.noisy),
            (events.SOC_DIVERGENCE, self.soc.diverged),
            (events.HIGH_THERMAL_GRADIENT, self.thermal.high_gradient),
            (events.CELL_IMBALANCE, self.balance.cause if self.balance.latched else None),
            (events.CONTACTORS_STUCK, self.contactors.stuck),
            (events.OVER_CURRENT, "power taken away" if self.over_current.held else None),
            (events.IMPLAUSIBLE, next(iter(self.believable.doubts.values()), None)),
            (events.SOC_LIMITS_FORCED, self._forced()),
            (events.HEALTH_REVIEW, self.review),
        )
        return {event: detail for event, detail in found if detail is not None} | self.peers.conditions()

    def _forced(self) -> str | None:
        forced = self.floating.override
        if forced is None:
            return None
        return f"{forced.limits.min_soc_pct:g} to {forced.limits.max_soc_pct:g} %"

    def latches(self) -> dict[str, object]:
        """What a restart must not release."""
        return {
            "trip": self.trip.cause,
            "noise": self.signal.noisy,
            "soc_diverged": self.soc.diverged,
            "soc_calibrated": self.soc.calibrated,
            "imbalance": self.balance.latched,
            "imbalance_cause": self.balance.cause if self.balance.latched else None,
            "imbalance_charged": self.balance.charged,
            "meters": self.meters.disagree,
        }

    def restore(self, latches: Mapping[str, object]) -> None:
        """Take up the latches of the run before."""
        if trip := latches.get("trip"):
            self.trip.restore(str(trip))
        if noise := latches.get("noise"):
            self.signal.restore(str(noise))
        if diverged := latches.get("soc_diverged"):
            self.soc.restore(str(diverged), bool(latches.get("soc_calibrated")))
        if latches.get("imbalance"):
            self.balance.latched, self.balance.charged = True, bool(latches.get("imbalance_charged"))
            self.balance.cause = str(latches.get("imbalance_cause") or self.balance.cause)
        if meters := latches.get("meters"):
            self.meters.disagree = str(meters)
